"""The share of every class at each place around some organs, averaged over the labelled cases."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from data.arrays import Floats, Integers, Labels, SpacingMM
from data.atlas.cells import CELL_MM, Cells, count_cells

BLUR_MM = 14.0  # standard deviation: how far organs of two patients lie apart where the anchors coincide
_NOTHING_KNOWN = 1e-3  # of a cell: with less coverage than this, mostly background


class OrganAtlas(NamedTuple):
  """A(l | x): the share of class l at displacement x from the anchor, summing to 1 over the classes.

  The anchor of a case is the mean of the centroids of the anchor organs; where it lacks one, the place that
  the others have beside it in the other cases. Beyond the atlas all is background.

  Attributes:
    anchors: the classes of the anchor organs.
    share: float32 [K + 1, z, y, x], in cells of CELL_MM; cell (0, 0, 0) has the anchor in its middle.
    first: (z, y, x) of the cell at index 0.
  """

  anchors: frozenset[int]
  share: Floats
  first: tuple[int, int, int]

  def at(self, cells: Integers) -> Floats:
    """The shares at cells seen from the anchor: integers [..., 3] to float32 [..., K + 1]."""
    background = np.zeros(len(self.share), np.float32)
    background[0] = 1
    index = np.asarray(cells) - self.first
    inside = np.all((index >= 0) & (index < self.share.shape[1:]), axis=-1)
    z, y, x = np.moveaxis(np.where(inside[..., None], index, 0), -1, 0)
    return np.where(inside[..., None], np.moveaxis(self.share[:, z, y, x], 0, -1), background)


def make_atlas(
  cases: Sequence[tuple[Labels, SpacingMM]],
  anchors: Collection[int],
  classes: int,
  blur_mm: float = BLUR_MM,
) -> OrganAtlas | None:
  """The atlas of labelled cases around the organs `anchors`.

  Args:
    cases: (label map uint8 [z, y, x], spacing (z, y, x)), all organs annotated; one that has none of the
      anchors is left out. Each map is read twice.
    anchors: classes, each above 0.
    classes: K + 1.
  Returns:
    None if no case has an anchor, as of the scans that annotate nothing.
  """
  if not anchors or not cases:
    return None
  centroids = [centroids_mm(label, spacing_mm, anchors) for label, spacing_mm in cases]
  places = anchors_mm(np.array(centroids).reshape(-1, len(anchors), 3))
  counted = [
    count_cells(label, spacing_mm, classes, place)
    for (label, spacing_mm), place in zip(cases, places)
    if not np.isnan(place).any()
  ]
  if not counted:
    return None
  total = _added(counted, margin=int(np.ceil(2 * blur_mm / CELL_MM)))
  sigma = blur_mm / CELL_MM
  volume = np.stack([ndimage.gaussian_filter(part, sigma, mode="constant") for part in total.volume])
  volume[0] += _NOTHING_KNOWN
  return OrganAtlas(frozenset(anchors), volume / volume.sum(axis=0), total.first)


def centroids_mm(label: Labels, spacing_mm: SpacingMM, organs: Collection[int]) -> Floats:
  """[organs, 3], in the order of their values, in mm from the corner of voxel (0, 0, 0); NaN where there is
  no voxel of an organ."""
  centroids = np.full((len(organs), 3), np.nan)
  for row, organ in enumerate(sorted(organs)):
    mask = np.asarray(label) == organ
    counts = [np.count_nonzero(mask, axis=others) for others in ((1, 2), (0, 2), (0, 1))]
    if counts[0].any():
      centroids[row] = [np.average(np.arange(len(count)) + 0.5, weights=count) for count in counts]
  return centroids * spacing_mm


def anchors_mm(centroids: Floats) -> Floats:
  """[cases, 3]: the mean of each case's centroids, as if it had all of the organs.

  An organ has one displacement from the anchor in all cases, by least squares over what each case has; the
  displacements add up to 0. Without them a patient who lacks the right kidney would have the anchor of both
  in the left one.

  Args:
    centroids: [cases, organs, 3] in mm; NaN where a case lacks an organ.
  Returns:
    NaN for a case that lacks all of them.
  """
  there = ~np.isnan(centroids[..., 0])
  weights = there / np.maximum(there.sum(axis=1, keepdims=True), 1)
  means = np.einsum("co,coi->ci", weights, np.nan_to_num(centroids))
  case, organ = np.nonzero(there)
  # Of each case, displacements less their mean over the organs that it has; the smallest solution adds up
  # to 0.
  differences = np.eye(there.shape[1])[organ] - weights[case]
  displacements = np.linalg.lstsq(differences, centroids[case, organ] - means[case], rcond=None)[0]
  return np.where(there.any(axis=1)[:, None], means - weights @ displacements, np.nan)


def _added(parts: list[Cells], margin: int) -> Cells:
  """The sum of counts around one origin, on the grid that holds them all and `margin` cells more."""
  firsts = np.array([part.first for part in parts])
  ends = firsts + [part.volume.shape[1:] for part in parts]
  first = firsts.min(axis=0) - margin
  total = np.zeros((len(parts[0].volume), *(ends.max(axis=0) + margin - first)), np.float32)
  for part, start in zip(parts, firsts - first):
    place = tuple(slice(at, at + size) for at, size in zip(start, part.volume.shape[1:]))
    total[(slice(None), *place)] += part.volume
  return Cells(total, (int(first[0]), int(first[1]), int(first[2])))
