"""Mean surface distance and Hausdorff distance between two masks, in mm.

Programs disagree about these numbers, so here is what this one computes. A mask's border is its voxels with
at least one of their 6 neighbours outside the mask; beyond the array everything is outside. A border voxel
stands for its centre. Each border voxel of one mask has a distance to the nearest border voxel of the other:
two directed sets of distances, from which the three numbers of `SurfaceDistances` follow.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy import spatial

from data.arrays import Floats, Integers, Mask, SpacingMM

_REACH = 2  # voxels: how far a neighbour is looked up before a search tree takes over


@dataclasses.dataclass(frozen=True)
class SurfaceDistances:
  """How far two surfaces lie apart, symmetric in the two; all NaN where a mask is empty.

  Attributes:
    mean_surface_distance_mm: mean over both directed sets pooled, so the larger border weighs more.
    hausdorff_mm: the largest of all distances.
    hausdorff95_mm: the larger of the two sets' 95th percentiles (linear interpolation).
  """

  mean_surface_distance_mm: float
  hausdorff_mm: float
  hausdorff95_mm: float


def surface_distances(reference: Mask, predicted: Mask, spacing_mm: SpacingMM) -> SurfaceDistances:
  """Distances between the borders of two masks.

  Finding the borders takes time in proportion to the arrays: crop both to the box that holds both masks where
  time matters, the result is the same.

  Args:
    reference: [z, y, x] bool.
    predicted: bool of the same shape.
    spacing_mm: from a voxel's centre to the next along (z, y, x).
  Returns:
    `SurfaceDistances`.
  Raises:
    ValueError: if the shapes differ or are not 3-D, or the spacing is not three numbers above 0.
  """
  if reference.ndim != 3 or reference.shape != predicted.shape:
    raise ValueError(f"received shapes {reference.shape} and {predicted.shape}; needs two equal [z, y, x]")
  steps_mm = np.asarray(spacing_mm, np.float64)
  if steps_mm.shape != (3,) or not np.all((steps_mm > 0) & (steps_mm < np.inf)):
    raise ValueError(f"received spacing_mm={steps_mm.tolist()}; needs (z, y, x), each above 0")
  if not (reference.any() and predicted.any()):
    return SurfaceDistances(np.nan, np.nan, np.nan)
  first, second = _border(reference), _border(predicted)
  directed = [_distances_mm(first, second, steps_mm), _distances_mm(second, first, steps_mm)]
  return SurfaceDistances(
    mean_surface_distance_mm=float(np.concatenate(directed).mean()),
    hausdorff_mm=float(max(distances.max() for distances in directed)),
    hausdorff95_mm=float(max(np.percentile(distances, 95) for distances in directed)),
  )


def _border(mask: Mask) -> Mask:
  """The voxels of `mask` with a 6-neighbour outside of it; padded by _REACH voxels on every side."""
  padded = np.pad(np.asarray(mask, bool), 1)
  middle = slice(1, -1)
  interior = padded[:-2, middle, middle] & padded[2:, middle, middle]
  interior &= padded[middle, :-2, middle]
  interior &= padded[middle, 2:, middle]
  interior &= padded[middle, middle, :-2]
  interior &= padded[middle, middle, 2:]
  return np.pad(padded[middle, middle, middle] & ~interior, _REACH)


def _distances_mm(source: Mask, target: Mask, spacing_mm: Floats) -> Floats:
  """From every voxel of the border `source` the distance to the nearest of `target`, in no order.

  Two borders of an organ mostly lie within a few voxels of each other. Looking the neighbours up, nearest
  first, settles these voxels three times as fast as the tree; and the tree was three to six times as fast as
  a Euclidean distance transform of the box.
  """
  target_at = target.ravel()
  voxels = np.flatnonzero(source)
  distances = np.empty(len(voxels))
  settled = 0
  for step, distance_mm in _nearest_steps(source.shape, spacing_mm):
    voxels = voxels[~target_at[voxels + step]]
    distances[settled : len(distances) - len(voxels)] = distance_mm
    settled = len(distances) - len(voxels)
  if len(voxels):
    # Balancing or shrinking the nodes of the tree costs more than it saves for points on a lattice.
    tree = spatial.cKDTree(
      _centres_mm(np.flatnonzero(target_at), source.shape, spacing_mm),
      leafsize=32,
      balanced_tree=False,
      compact_nodes=False,
    )
    distances[settled:], _ = tree.query(_centres_mm(voxels, source.shape, spacing_mm))
  return distances


def _nearest_steps(shape: Sequence[int], spacing_mm: Floats) -> list[tuple[int, float]]:
  """Pairs of a neighbour's step in the flattened array and its distance in mm; nearest first, 0 included."""
  cube = np.indices((2 * _REACH + 1,) * 3).reshape(3, -1).T - _REACH
  distances_mm = np.linalg.norm(cube * spacing_mm, axis=1)
  # A ball, not the cube: further out there are voxels beyond the cube that are nearer than its corners.
  within = distances_mm < (_REACH + 1) * spacing_mm.min()
  steps = cube[within] @ [shape[1] * shape[2], shape[2], 1]
  return sorted(zip(steps.tolist(), distances_mm[within].tolist()), key=lambda pair: pair[1])


def _centres_mm(flat_indices: Integers, shape: Sequence[int], spacing_mm: Floats) -> Floats:
  return np.stack(np.unravel_index(flat_indices, shape), axis=1) * spacing_mm
