"""Mean and standard deviation of what is defined: NaN is left out, and without numpy's warnings."""

from __future__ import annotations

import math
from typing import overload

import numpy as np
import numpy.typing as npt

from data.arrays import Floats


@overload
def defined_mean(values: npt.ArrayLike) -> float: ...


@overload
def defined_mean(values: npt.ArrayLike, axis: int) -> Floats: ...


def defined_mean(values: npt.ArrayLike, axis: int | None = None) -> float | Floats:
  """The mean of all values that are not NaN, or of those along an axis; NaN where nothing is defined."""
  values = np.asarray(values, np.float64)
  counts = np.count_nonzero(~np.isnan(values), axis=axis)
  sums = np.nansum(values, axis=axis)
  means = np.divide(sums, counts, out=np.full(np.shape(counts), np.nan), where=counts > 0)
  return float(means) if axis is None else means


def defined_sd(values: npt.ArrayLike) -> float:
  """The sample standard deviation of the values that are not NaN; NaN for fewer than two."""
  values = np.asarray(values, np.float64)
  defined = values[~np.isnan(values)]
  return float(np.std(defined, ddof=1)) if len(defined) > 1 else math.nan
