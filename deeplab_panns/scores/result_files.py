"""The files that an evaluation leaves, and its result in one line."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from data.files.outputs import Outputs
from data.input_error import InputError
from data.listed import listed
from data.whole_file import AnyPath, write_text
from deeplab_panns.evidence import number_text
from deeplab_panns.scores import compared_slices, confusion, organ_volumes, score_table
from deeplab_panns.scores.scored_case import ScoredCase

RESULTS = ("metrics.csv", "metrics.json", "volumes.csv", "confusion.csv", "slices.npz", "overlay.png")


@dataclasses.dataclass(frozen=True)
class Evaluation:
  """A finished evaluation.

  Attributes:
    scored: what was scored, in words.
    summary: the content of metrics.json.
    output_dir: where the files lie.
  """

  scored: str
  summary: dict[str, Any]
  output_dir: pathlib.Path

  @property
  def line(self) -> str:
    """Mean Dice, and over what, in one line."""
    found = self.summary
    return (
      f"{self.scored}: mean Dice {number_text.dice_share(found['mean_dice'])} over {len(found['organs'])} "
      f"organs, {found['cases']} cases; {found['excluded']} pairs excluded (organ in neither map), "
      f"{found['missed']} missed (organ in one alone); {self.output_dir / 'metrics.csv'}"
    )

  @property
  def seen_line(self) -> str:
    """How many of the cases the network was trained on; empty if none."""
    seen = self.summary.get("seen_in_training", ())
    return (
      f"{len(seen)} of {self.summary['cases']} cases were seen in training: {listed(seen)}" if seen else ""
    )


def write_results(
  scored: Sequence[ScoredCase], organs: Sequence[str], output_dir: pathlib.Path, header: Mapping[str, Any]
) -> dict[str, Any]:
  """Writes metrics.csv, metrics.json, volumes.csv, confusion.csv and, where there are slices, slices.npz.

  Args:
    scored: at least one.
    organs: of the rows and columns of confusion.csv, and of the label values 1, 2, ... in slices.npz.
    output_dir: is made where it is missing.
    header: what was scored, for the head of metrics.json.
  Returns:
    The content of metrics.json.
  Raises:
    InputError: If the folder cannot be written to; the files then lie in a temporary folder, which is named.
  """
  try:
    return _write(scored, organs, output_dir, header)
  except OSError as error:  # a full disk must not cost the scores
    rescue = pathlib.Path(tempfile.mkdtemp(prefix="scores_"))
    _write(scored, organs, rescue, header)
    raise InputError(
      f"{output_dir}: cannot be written to ({error.strerror or error}); the scores are in {rescue}: make "
      "room and copy "
      "them from there."
    ) from None


def result_outputs(output_dir: pathlib.Path, inputs: Iterable[AnyPath], overwrite: bool) -> Outputs:
  """The output folder of an evaluation, checked before anything is computed.

  Results that an evaluation of an earlier version wrote count as its own.

  Raises:
    InputError: If the folder cannot be written to, or a result would replace a file of others or an input.
  """
  outputs = Outputs(output_dir, inputs, overwrite)
  if not _is_of_an_evaluation(output_dir / "metrics.json"):
    outputs.require_free(RESULTS)
  return outputs


def _is_of_an_evaluation(metrics: pathlib.Path) -> bool:
  try:
    content = json.loads(metrics.read_text(encoding="utf-8"))
  except (OSError, ValueError):
    return False
  return isinstance(content, dict) and {"mean_dice", "label_organs", "references"} <= set(content)


def _write(
  scored: Sequence[ScoredCase], organs: Sequence[str], output_dir: pathlib.Path, header: Mapping[str, Any]
) -> dict[str, Any]:
  output_dir.mkdir(parents=True, exist_ok=True)
  rows = [(case.case, score) for case in scored for score in case.scores]
  score_table.write_csv(output_dir / "metrics.csv", rows)
  organ_volumes.write_csv(output_dir / "volumes.csv", [volume for case in scored for volume in case.volumes])
  counts = sum((case.confusion for case in scored[1:]), start=scored[0].confusion)
  confusion.write_csv(output_dir / "confusion.csv", organs, counts)
  slices = [part for case in scored for part in case.slices]
  if slices:
    compared_slices.write(output_dir / "slices.npz", slices)
  summary = {
    **header,
    "label_organs": list(organs),
    **score_table.summary(rows),
    "references": {case.case: case.sha256[:16] for case in scored},
  }
  write_text(output_dir / "metrics.json", json.dumps(summary, indent=1, allow_nan=False))
  return summary
