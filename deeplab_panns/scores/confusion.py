"""Which class is taken for which: voxel counts of reference against prediction, summed over cases.

A case counts for the classes that its reference knows: the rows of its annotated organs, and the row of the
background only where every organ is annotated, since elsewhere a background voxel may belong to an organ that
nobody outlined.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from data.arrays import Integers
from data.organs import BACKGROUND, IGNORE
from data.whole_file import AnyPath, write_text
from deeplab_panns.evidence.text_table import to_csv
from deeplab_panns.scores.damaged_result import named_if_damaged


def count(
  reference: Integers, predicted: Integers, organ_count: int, ignore: int = IGNORE
) -> npt.NDArray[np.int64]:
  """Voxels of each pair of classes in one case.

  Args:
    reference, predicted: [z, y, x] of one shape; values that are no organ's count as background, in both.
    organ_count: K.
    ignore: the reference's value of voxels that do not count.
  Returns:
    [K + 1, K + 1]: reference class, predicted class; 0 is the background.
  """
  classes = organ_count + 1
  counts = np.zeros(classes**2, np.int64)
  for annotated, found in zip(reference, predicted):  # by slices: the wide integers of a CT take gigabytes
    rows, columns = (
      np.where((labels < classes) & (labels >= 0), labels, 0).astype(np.int64)
      for labels in (annotated, found)
    )
    counts += np.bincount((rows * classes + columns)[annotated != ignore], minlength=classes**2)
  return counts.reshape(classes, classes)


def known_rows(counts: Integers, organs: Sequence[str], annotated: Collection[str]) -> Integers:
  """The counts [K + 1, K + 1], with 0 in the rows of classes that the reference does not know."""
  known = [set(annotated) >= set(organs), *(organ in annotated for organ in organs)]
  return counts * np.array(known)[:, None]


def row_shares(counts: Integers) -> npt.NDArray[np.float64]:
  """Each row as shares that sum to 1: where the voxels of a reference class went. NaN in a row without
  voxels."""
  totals = counts.sum(axis=1, keepdims=True)
  return np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)


def write_csv(path: AnyPath, organs: Sequence[str], counts: Integers) -> None:
  """Columns `reference`, `background` and the organs; a line for each reference class."""
  names = (BACKGROUND, *organs)
  write_text(
    path, to_csv([("reference", *names), *((name, *row) for name, row in zip(names, counts.tolist()))])
  )


def read_csv(path: AnyPath) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
  """Reads what `write_csv` wrote.

  Returns:
    The organs and the counts [K + 1, K + 1].
  Raises:
    InputError: If the file is not such a table.
  """
  with named_if_damaged(path, "voxel counts of class against class"):
    with open(path, newline="", encoding="utf-8") as file:
      (_, *names), *rows = csv.reader(file)
    counts = np.array([row[1:] for row in rows], np.int64)
    if names[:1] != [BACKGROUND] or [row[0] for row in rows] != names or counts.shape != (len(names),) * 2:
      raise ValueError("rows and columns differ")
  return tuple(names[1:]), counts
