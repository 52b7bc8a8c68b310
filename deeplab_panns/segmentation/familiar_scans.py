"""Whether a scan is of the size of those that a network was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from data.arrays import Floats, SpacingMM, WantedSpacingMM
from data.input_error import InputError
from data.whole_file import AnyPath

# {"spacing_mm" and "extent_mm": [smallest (z, y, x), largest (z, y, x)]}; what is missing is not compared.
ScanRanges = Mapping[str, Sequence[Sequence[float]]]

LEAST, MOST = 0.6, 1.6  # of the smallest and of the largest; a header of half the size is outside of it
_WORDS = {"extent_mm": "the slices measure {} mm", "spacing_mm": "the pixels measure {} mm"}


def ranges_of_training(path: AnyPath, content: Any, spacing_mm: WantedSpacingMM) -> ScanRanges:
  """What a scan is compared with: the ranges that a run wrote down.

  Args:
    path: of their file, for messages.
    content: as read from JSON.
    spacing_mm: (z, y, x) that the network's input is resampled to; the scans' own pixels then do not matter.
  Raises:
    InputError: If the content is of another form.
  """
  ranges = require_ranges(path, content)
  own = None in spacing_mm[1:]
  return {name: values for name, values in ranges.items() if own or name != "spacing_mm"}


def require_ranges(path: AnyPath, content: Any) -> ScanRanges:
  """The content of a JSON file as ScanRanges; raises InputError if it is of another form."""
  try:
    ranges = {name: np.asarray(content[name], np.float64) for name in _WORDS if name in content}
    if all(values.shape == (2, 3) and np.isfinite(values).all() for values in ranges.values()):
      return {name: values.tolist() for name, values in ranges.items()}
  except (TypeError, ValueError):
    pass
  raise InputError(
    f"{path}: the ranges of the scans in training are damaged; restore the file, or take its scans out of it."
  )


def seen_by_all(ranges: Sequence[ScanRanges]) -> ScanRanges:
  """What lies in every one of the ranges, of each quantity that at least one has."""
  found = {}
  for name in _WORDS:
    values = [np.asarray(one[name]) for one in ranges if name in one]
    if values:
      smallest, largest = np.stack(values, axis=1)
      found[name] = [smallest.max(axis=0).tolist(), largest.min(axis=0).tolist()]
  return found


def unfamiliar(shape: Sequence[int], spacing_mm: SpacingMM, ranges: ScanRanges) -> str | None:
  """What makes a scan unlike all that training saw, as a sentence for the user; None if nothing does.

  Only slices are compared: how far a scan reaches along the body, and how thick its slices are, varies
  freely.

  Args:
    shape: voxels (z, y, x).
    spacing_mm: (z, y, x).
  """
  scan = {"spacing_mm": np.asarray(spacing_mm), "extent_mm": np.multiply(shape, spacing_mm)}
  found = []
  for name, words in _WORDS.items():
    if name not in ranges:
      continue
    (smallest, largest), ours = np.asarray(ranges[name])[:, 1:], scan[name][1:]
    if (ours < LEAST * smallest).any() or (ours > MOST * largest).any():
      seen = " to ".join(dict.fromkeys((_by(smallest), _by(largest))))
      found.append(f"{words.format(_by(ours))}, in training {seen}")
  if not found:
    return None
  return f"{'; '.join(found)}. The labels may be wrong; check the spacing in the header."


def _by(lengths: Floats) -> str:
  return " x ".join(f"{length:.3g}" for length in lengths)
