"""What the guards judge by: volume, place and HU of each organ, and where body, bone and lung lie."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from data.arrays import Affine, Floats, Labels, Mask, SpacingMM

LOW_HU = -200.0  # below it is fat's lower end, lung and gas
BODY_HU, BONE_HU = -300.0, 200.0
LUNG_HU = (-950.0, -500.0)  # gas in a bowel is near -1000
GRID_MM = 4.0
LEAST_LUNG_ML, LEAST_BONE_ML = 100.0, 20.0
MIDLINE_MM = 50.0  # to either side

PointMM = tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class OrganMeasures:
  """One organ of one case.

  Attributes:
    ml: volume.
    centre_mm: (x, y, z), RAS.
    mean_hu, sd_hu: over its voxels.
    low_share: of its voxels, those below LOW_HU.
    cut: it reaches the edge of the volume, so that a part of it may be missing.
  """

  ml: float
  centre_mm: PointMM
  mean_hu: float
  sd_hu: float
  low_share: float
  cut: bool


@dataclasses.dataclass(frozen=True)
class BodyMeasures:
  """The largest region of tissue, without its holes; (x, y, z) in RAS mm.

  Attributes:
    bone_mm: the centre of what is as dense as bone, outside of the labelled organs; None if there is little.
    lung_mm: the centre of the lungs; None if there is little of them, or the values were clipped so that gas
      in a bowel looks like them.
    bone_gaps_mm: how far the skin of the back and that of the front are from the nearest bone near the
      midline; None if there is little. The spine lies near the back, whatever contrast fills the bowel.
  """

  centre_mm: PointMM
  bone_mm: PointMM | None
  lung_mm: PointMM | None
  bone_gaps_mm: tuple[float, float] | None = None


@dataclasses.dataclass(frozen=True)
class Measures:
  """What is known of a case.

  Attributes:
    organs: of the annotated organs those that have a voxel.
    absent: of the annotated organs those that have none.
    body: None if nothing in the scan is tissue.
  """

  organs: Mapping[str, OrganMeasures]
  absent: tuple[str, ...]
  body: BodyMeasures | None


def measure(
  image_hu: npt.NDArray[Any],
  label: Labels,
  affine: Affine,
  spacing_mm: SpacingMM,
  organs: Sequence[str],
  annotated: Sequence[str],
) -> Measures:
  """Measures a case; beside the arrays it takes the memory of a few planes.

  Args:
    image_hu: [z, y, x], HU.
    label: uint8 [z, y, x].
    affine: [4, 4], voxel (x, y, z) to RAS mm.
    organs: of the label's values, from 1 on.
    annotated: those of them that are measured.
  """
  found = measure_organs(image_hu, label, affine, spacing_mm, organs, annotated)
  absent = tuple(organ for organ in annotated if organ not in found)
  return Measures(found, absent, _body(image_hu, label, affine, spacing_mm))


def measure_organs(
  image_hu: npt.NDArray[Any],
  label: Labels,
  affine: Affine,
  spacing_mm: SpacingMM,
  organs: Sequence[str],
  annotated: Sequence[str],
) -> dict[str, OrganMeasures]:
  """The organs' part of `measure`, whose arguments these are."""
  classes = len(organs) + 1
  # of each value: voxels, sums of x, y, z, HU, HU squared, voxels of low HU
  sums = np.zeros((7, classes))
  at_edge = np.zeros(classes, bool)
  for z, (plane_hu, plane) in enumerate(zip(image_hu, label)):
    inside = np.flatnonzero(plane)
    values = plane.ravel()[inside]
    if values.size and values.max() >= classes:  # to be ignored, or of no organ
      inside, values = inside[values < classes], values[values < classes]
    if not len(values):
      continue
    hu = plane_hu.ravel()[inside].astype(np.float64)
    y, x = np.divmod(inside, plane.shape[1])
    quantities = (np.ones(len(hu)), x, y, np.full(len(hu), z), hu, hu * hu, hu < LOW_HU)
    for row, quantity in zip(sums, quantities):
      row += np.bincount(values, quantity, minlength=classes)
    at_edge[_edge_values(plane, z in (0, len(label) - 1), classes)] = True
  return {
    organ: _organ(sums[:, value], bool(at_edge[value]), affine, spacing_mm)
    for value, organ in enumerate(organs, 1)
    if organ in annotated and sums[0, value]
  }


def _edge_values(plane: Labels, outermost: bool, classes: int) -> list[int]:
  edge = plane.ravel() if outermost else np.concatenate([plane[0], plane[-1], plane[:, 0], plane[:, -1]])
  return [value for value in np.flatnonzero(np.bincount(edge)).tolist() if value < classes]


def _organ(sums: Floats, cut: bool, affine: Affine, spacing_mm: SpacingMM) -> OrganMeasures:
  voxels, mean_hu = sums[0], sums[4] / sums[0]
  return OrganMeasures(
    ml=float(voxels * np.prod(spacing_mm) / 1000),
    centre_mm=_in_mm(sums[1:4] / voxels, affine),
    mean_hu=float(mean_hu),
    sd_hu=float(np.sqrt(max(0.0, sums[5] / voxels - mean_hu**2))),
    low_share=float(sums[6] / voxels),
    cut=cut,
  )


def _in_mm(voxel_xyz: Floats, affine: Affine) -> PointMM:
  x, y, z = (affine[:3, :3] @ voxel_xyz + affine[:3, 3]).tolist()
  return x, y, z


def _body(
  image_hu: npt.NDArray[Any], label: Labels, affine: Affine, spacing_mm: SpacingMM
) -> BodyMeasures | None:
  steps = [min(max(1, int(GRID_MM // mm)), length) for mm, length in zip(spacing_mm, label.shape)]
  coarse = _block_means(image_hu, steps)
  regions, count = ndimage.label(coarse > BODY_HU)
  if not count:
    return None
  body: Mask = regions == 1 + np.argmax(np.bincount(regions.ravel())[1:])
  # Slice by slice: lungs are open where the volume ends.
  body = np.stack([ndimage.binary_fill_holes(plane) for plane in body])
  parts = tuple(slice(step // 2, step * length, step) for step, length in zip(steps, coarse.shape))
  bone = body & (coarse > BONE_HU) & (label[parts] == 0)
  lung = body & (coarse > LUNG_HU[0]) & (coarse < LUNG_HU[1])
  # What is one voxel thin is the wall of a bowel that holds gas. Beyond the edges lies more lung.
  lung &= ndimage.binary_dilation(ndimage.binary_erosion(lung, border_value=1))
  block_ml = float(np.prod(spacing_mm) * np.prod(steps) / 1000)

  def centre(mask: Mask, least_ml: float) -> PointMM | None:
    if mask.sum() * block_ml < max(least_ml, block_ml):
      return None
    blocks = np.array([index.mean() for index in np.nonzero(mask)])
    return _in_mm(((blocks + 0.5) * steps - 0.5)[::-1], affine)

  middle = centre(body, 0)
  assert middle is not None
  clipped = image_hu.min() > LUNG_HU[0]
  return BodyMeasures(
    middle,
    centre(bone, LEAST_BONE_ML),
    None if clipped else centre(lung, LEAST_LUNG_ML),
    _bone_gaps_mm(body, bone, steps, affine, middle[0], int(LEAST_BONE_ML / block_ml)),
  )


def _bone_gaps_mm(
  body: Mask, bone: Mask, steps: Sequence[int], affine: Affine, middle_mm: float, least_blocks: int
) -> tuple[float, float] | None:
  """Behind and in front, by the outermost hundredth of the body's blocks and fiftieth of the bone's."""

  def near_midline(mask: Mask) -> Floats:
    blocks = np.stack(np.nonzero(mask), axis=-1)
    x, y, _ = affine[:3, :3] @ ((blocks + 0.5) * steps - 0.5)[:, ::-1].T + affine[:3, 3:]
    return np.asarray(y[np.abs(x - middle_mm) < MIDLINE_MM])

  tissue, dense = near_midline(body), near_midline(bone)  # y of RAS grows to the front
  if len(dense) <= least_blocks:
    return None
  back, front = np.quantile(tissue, (0.01, 0.99))
  rear, foremost = np.quantile(dense, (0.02, 0.98))
  return float(rear - back), float(front - foremost)


def _block_means(array: npt.NDArray[Any], steps: Sequence[int]) -> Floats:
  """Means over blocks of `steps` voxels; what is left over at an axis' end is left out."""
  z, y, x = (length // step for length, step in zip(array.shape, steps))
  means = np.empty((z, y, x), np.float32)
  for index in range(z):
    slab = array[index * steps[0] : (index + 1) * steps[0], : y * steps[1], : x * steps[2]]
    means[index] = slab.reshape(steps[0], y, steps[1], x, steps[2]).mean((0, 2, 4), dtype=np.float32)
  return means
