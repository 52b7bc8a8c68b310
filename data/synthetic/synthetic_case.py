"""One synthetic case, and the random numbers that make it a function of seed, role and index."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from data.arrays import Affine, Labels

ROLES = ("labeled", "partial", "test")


class SyntheticCase(NamedTuple):
  """A CT volume with its label map.

  Attributes:
    image_hu: int16 [z, y, x], z towards the head.
    label: uint8 of the same shape, 1 + the organ's index in the cohort's organs.
    affine: [4, 4], voxel (x, y, z) to RAS mm.
  """

  image_hu: npt.NDArray[np.int16]
  label: Labels
  affine: Affine


def case_generators(seed: int, role: str, index: int, count: int) -> list[np.random.Generator]:
  """`count` independent generators of one case: what one of them draws shifts no other.

  Args:
    seed: of the cohort, at least 0.
    role: one of ROLES.
    index: of the case within its role, from 0.
  """
  streams = np.random.SeedSequence([seed, ROLES.index(role), index]).spawn(count)
  return [np.random.default_rng(stream) for stream in streams]
