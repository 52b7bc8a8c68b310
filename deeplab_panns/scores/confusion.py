"""Which class is taken for which: voxel counts of reference against prediction, summed over cases.

A case counts for the classes that its reference knows: the rows of its annotated organs, and the row of the
background only where every organ is annotated, since elsewhere a background voxel may be an organ that nobody
drew.
"""

from __future__ import annotations

import csv

import numpy as np

from data.input_error import InputError
from data.organs import BACKGROUND, IGNORE
from data.whole_file import write_text
from deeplab_panns.evidence.text_table import to_csv


def count(reference, predicted, organ_count, ignore=IGNORE):
  """Voxels of each pair of classes in one case.

  Args:
    reference, predicted: integers [z, y, x] of one shape; values above `organ_count` are background, in both.
    ignore: the reference's value of voxels that do not count.
  Returns:
    int64 [K + 1, K + 1]: reference class, predicted class; 0 is the background.
  """
  classes = organ_count + 1
  counts = np.zeros(classes**2, np.int64)
  for drawn, found in zip(
    reference, predicted
  ):  # slice by slice: of a whole CT the wide integers would take gigabytes
    pair = [
      np.where((labels < classes) & (labels >= 0), labels, 0).astype(np.int64) for labels in (drawn, found)
    ]
    counts += np.bincount((pair[0] * classes + pair[1])[drawn != ignore], minlength=classes**2)
  return counts.reshape(classes, classes)


def known_rows(counts, organs, annotated):
  """The counts with the rows of classes that the reference does not know set to 0."""
  known = [set(annotated) >= set(organs), *(organ in annotated for organ in organs)]
  return counts * np.array(known)[:, None]


def row_shares(counts):
  """Each row as shares that sum to 1: where the voxels of a reference class went. NaN in a row without
  voxels."""
  totals = counts.sum(axis=1, keepdims=True)
  return np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)


def write_csv(path, organs, counts):
  """Columns `reference`, `background` and the organs; a line for each reference class."""
  names = (BACKGROUND, *organs)
  write_text(
    path, to_csv([("reference", *names), *((name, *row) for name, row in zip(names, counts.tolist()))])
  )


def read_csv(path):
  """Reads what `write_csv` wrote.

  Returns:
    (organs, int64 [K + 1, K + 1]).
  Raises:
    InputError: If the file is not such a table.
  """
  try:
    with open(path, newline="", encoding="utf-8") as file:
      (_, *names), *rows = csv.reader(file)
    counts = np.array([row[1:] for row in rows], np.int64)
    if names[:1] != [BACKGROUND] or [row[0] for row in rows] != names or counts.shape != (len(names),) * 2:
      raise ValueError("rows and columns differ")
  except (OSError, ValueError, IndexError, csv.Error) as error:
    raise InputError(
      f"{path}: cannot be read as voxel counts of class against class ({error}). "
      "Write it anew with python -m deeplab_panns.evaluate."
    ) from error
  return tuple(names[1:]), counts
