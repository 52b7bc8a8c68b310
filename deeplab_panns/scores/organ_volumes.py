"""volumes.csv: the volume of each organ in each case, in the reference and in the prediction."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterable

from data.whole_file import AnyPath, write_text
from deeplab_panns.evidence.text_table import to_csv
from deeplab_panns.scores.damaged_result import named_if_damaged

COLUMNS = ("case", "organ", "reference_ml", "predicted_ml")


@dataclasses.dataclass(frozen=True)
class OrganVolume:
  """One organ of one case; volumes in mL, counted where the reference is not `ignore`."""

  case: str
  organ: str
  reference_ml: float
  predicted_ml: float


def write_csv(path: AnyPath, volumes: Iterable[OrganVolume]) -> None:
  """Writes a line for each volume, below COLUMNS."""
  write_text(path, to_csv([COLUMNS, *map(dataclasses.astuple, volumes)]))


def read_csv(path: AnyPath) -> list[OrganVolume]:
  """Reads the file. Raises InputError if it is not what `write_csv` wrote."""
  with named_if_damaged(path, "organ volumes"), open(path, newline="", encoding="utf-8") as file:
    header, *rows = csv.reader(file)
    if tuple(header) != COLUMNS:
      raise ValueError(f"found columns {','.join(header)}, needs {','.join(COLUMNS)}")
    return [
      OrganVolume(case, organ, float(reference), float(predicted))
      for case, organ, reference, predicted in rows
    ]
