"""The files of a check: prior_check.csv, prior_check_cases.csv and prior_check.png."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Sequence

from data.files.outputs import Outputs
from data.whole_file import AnyPath, write_bytes, write_text
from deeplab_panns.evidence.text_table import Cell, to_csv
from deeplab_panns.prior_check import agreement_figure
from deeplab_panns.prior_check.check import Check

FILES = ("prior_check.csv", "prior_check_cases.csv", "prior_check.png")
_AGREEMENT_COLUMNS = (
  "set",
  "organ",
  "cases",
  "absent",
  "share",
  "q",
  "ratio",
  "ratio_low",
  "ratio_high",
  "volume_ratio",
  "verdict",
)
_CASE_COLUMNS = ("case", "set", "organ", "share", "q", "volume_ml", "scan_z_mm", "scan_y_mm", "scan_x_mm")


def check_outputs(output_dir: AnyPath, overwrite: bool) -> Outputs:
  """The folder of a check's files, looked at before anything is counted.

  Files that an earlier version wrote, without a record, count as this command's own.

  Raises:
    InputError: If the folder cannot be written to, or a file of others would be replaced.
  """
  outputs = Outputs(output_dir, overwrite=overwrite)
  tables = {"prior_check.csv": _AGREEMENT_COLUMNS, "prior_check_cases.csv": _CASE_COLUMNS}
  if all(_begins_with(outputs.folder / name, columns) for name, columns in tables.items()):
    outputs.adopt(FILES)
  outputs.require_free(FILES)
  return outputs


def _begins_with(path: pathlib.Path, columns: Sequence[str]) -> bool:
  try:
    with open(path, encoding="utf-8") as file:
      return file.readline().rstrip("\n") == ",".join(columns)
  except (OSError, ValueError):
    return False


def write(found: Check, output_dir: AnyPath) -> None:
  """Writes the three files into `output_dir`, which is made where it is missing."""
  output_dir = pathlib.Path(output_dir)
  output_dir.mkdir(parents=True, exist_ok=True)
  write_text(output_dir / "prior_check.csv", agreement_csv(found))
  write_text(output_dir / "prior_check_cases.csv", case_csv(found))
  write_bytes(output_dir / "prior_check.png", agreement_figure.draw(found))


def agreement_csv(found: Check) -> str:
  """A line for each set and organ, every digit kept."""
  rows: list[list[Cell]] = [
    [
      a.set_name,
      a.organ,
      a.cases,
      a.absent,
      a.share,
      a.prior,
      a.ratio,
      *(a.interval or (math.nan, math.nan)),
      a.volume_ratio,
      a.verdict,
    ]
    for a in found.agreements
  ]
  return to_csv([_AGREEMENT_COLUMNS, *rows])


def case_csv(found: Check) -> str:
  """A line for each case and organ that it annotates, every digit kept."""
  rows: list[list[Cell]] = []
  for one in (found.labeled, *found.annotation_sets()):
    for organ in one.organs:
      prior = found.labeled.mean_share(organ)
      rows += [
        [case.id, one.name, organ, share, prior, case.voxels[organ] * case.voxel_ml, *case.extent_mm]
        for case, share in zip(one.annotating(organ), one.shares(organ))
      ]
  return to_csv([_CASE_COLUMNS, *rows])
