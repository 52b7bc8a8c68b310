"""The files that an evaluation leaves, and its result in words."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from data.files.outputs import Outputs
from data.input_error import InputError
from data.listed import listed
from data.whole_file import AnyPath, write_bytes, write_text
from deeplab_panns.evidence import number_text
from deeplab_panns.scores import compared_slices, confusion, organ_volumes, score_table
from deeplab_panns.scores.scored_case import ScoredCase

RESULTS = ("metrics.csv", "volumes.csv", "confusion.csv", "slices.npz", "overlay.png", "metrics.json")
_OF_AN_EVALUATION = {"mean_dice", "organs", "excluded"}  # in metrics.json, of all versions


@dataclasses.dataclass(frozen=True)
class Evaluation:
  """A finished evaluation.

  Attributes:
    scored: what was scored, in words.
    summary: the content of metrics.json; {} if no case could be scored.
    output_dir: where the files lie.
    failures: {case: why it could not be scored}.
    notes: lines on what was passed over or read in a way that the user should know.
  """

  scored: str
  summary: dict[str, Any]
  output_dir: pathlib.Path
  failures: Mapping[str, str] = dataclasses.field(default_factory=dict)
  notes: tuple[str, ...] = ()

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
    """How many of the cases the network was trained on; empty if none, or if there is no network."""
    seen = self.summary.get("seen_in_training", ())
    if seen is None:
      return (
        "whether cases were seen in training is not known: the store of the training has changed or is gone"
      )
    return (
      f"{len(seen)} of {self.summary['cases']} cases were seen in training: {listed(seen)}" if seen else ""
    )


def save(
  scored: Sequence[ScoredCase],
  organs: Sequence[str],
  outputs: Outputs,
  header: Mapping[str, Any],
  failures: Mapping[str, str],
  overlay: bytes = b"",
) -> dict[str, Any]:
  """Writes the result files, if there are scores, and remembers them as this command's.

  Args:
    scored: perhaps none.
    header: as for `write_results`.
    failures: {case: why it could not be scored}; where there are any, metrics.json has them as "not_scored".
    overlay: the content of overlay.png; empty for none.
  Returns:
    The content of metrics.json, or {}.
  """
  if not scored:
    return {}
  missing = {"not_scored": dict(failures)} if failures else {}
  summary = write_results(scored, organs, outputs.folder, {**header, **missing}, overlay)
  with contextlib.suppress(OSError):  # the results are there; at worst the next evaluation wants --overwrite
    outputs.wrote(name for name in RESULTS if (outputs.folder / name).is_file())
  return summary


def write_results(
  scored: Sequence[ScoredCase],
  organs: Sequence[str],
  output_dir: pathlib.Path,
  header: Mapping[str, Any],
  overlay: bytes = b"",
) -> dict[str, Any]:
  """Writes metrics.csv, metrics.json, volumes.csv, confusion.csv and, where there are such, slices.npz and
  overlay.png.

  They replace those of an evaluation before once all are written.

  Args:
    scored: at least one.
    organs: of the rows and columns of confusion.csv, and of the label values 1, 2, ... in slices.npz.
    output_dir: is made where it is missing.
    header: what was scored, for the head of metrics.json.
    overlay: the content of overlay.png; empty for none.
  Returns:
    The content of metrics.json.
  Raises:
    InputError: If the folder cannot be written to; it says where the scores are instead.
  """
  rows = [(case.case, score) for case in scored for score in case.scores]
  summary = {
    **header,
    "label_organs": list(organs),
    **score_table.summary(rows),
    "references": {case.case: case.sha256[:16] for case in scored},
  }
  try:
    output_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".results.", suffix=".tmp", dir=output_dir) as unfinished:
      _write(pathlib.Path(unfinished), scored, organs, summary, overlay)
      for name in RESULTS:
        if os.path.exists(os.path.join(unfinished, name)):
          os.replace(os.path.join(unfinished, name), output_dir / name)
        else:
          (output_dir / name).unlink(missing_ok=True)
  except OSError as error:  # a full disk must not cost the scores
    where = _rescue(scored, organs, summary, overlay)
    raise InputError(
      f"{output_dir}: cannot be written to ({error.strerror or error}); the scores are {where}."
    ) from None
  return summary


def _rescue(
  scored: Sequence[ScoredCase], organs: Sequence[str], summary: Mapping[str, Any], overlay: bytes
) -> str:
  """Writes the files to a folder of temporary files, or prints the scores; says where they are."""
  folder = None
  try:
    folder = pathlib.Path(tempfile.mkdtemp(prefix="scores_"))
    _write(folder, scored, organs, summary, overlay)
    return f"in {folder}: make room, and copy them from there"
  except OSError:
    if folder:
      shutil.rmtree(folder, ignore_errors=True)
    print(score_table.to_text((case.case, score) for case in scored for score in case.scores))
    return "printed above, as metrics.csv would hold them"


def _write(
  folder: pathlib.Path,
  scored: Sequence[ScoredCase],
  organs: Sequence[str],
  summary: Mapping[str, Any],
  overlay: bytes,
) -> None:
  score_table.write_csv(
    folder / "metrics.csv", [(case.case, score) for case in scored for score in case.scores]
  )
  write_text(folder / "metrics.json", json.dumps(summary, indent=1, allow_nan=False))
  organ_volumes.write_csv(folder / "volumes.csv", [volume for case in scored for volume in case.volumes])
  counts = sum((case.confusion for case in scored[1:]), start=scored[0].confusion)
  confusion.write_csv(folder / "confusion.csv", organs, counts)
  slices = [part for case in scored for part in case.slices]
  if slices:
    compared_slices.write(folder / "slices.npz", slices)
  if overlay:
    write_bytes(folder / "overlay.png", overlay)


def result_outputs(output_dir: pathlib.Path, inputs: Iterable[AnyPath], overwrite: bool) -> Outputs:
  """The output folder of an evaluation, checked before anything is computed.

  Results that an evaluation of an earlier version wrote, without a record, count as its own.

  Args:
    inputs: files that are read.
  Raises:
    InputError: If the folder cannot be written to, or a result would replace a file of others or an input.
  """
  outputs = Outputs(output_dir, inputs, overwrite)
  if _is_of_an_evaluation(output_dir / "metrics.json"):
    outputs.adopt(RESULTS)
  outputs.require_free(RESULTS)
  return outputs


def _is_of_an_evaluation(metrics: pathlib.Path) -> bool:
  try:
    content = json.loads(metrics.read_text(encoding="utf-8"))
  except (OSError, ValueError):
    return False
  return isinstance(content, dict) and set(content) >= _OF_AN_EVALUATION
