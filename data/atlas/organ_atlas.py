"""The share of every class at each place around some organs, averaged over the labelled cases."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from data.arrays import Floats, Integers, Labels, SpacingMM
from data.atlas.cells import CELL_MM, Cells, count_cells

BLUR_MM = 14.0  # standard deviation: how far organs of two patients lie apart where the anchors coincide
_NOTHING_KNOWN = 1e-3  # of a cell: with less coverage than this, mostly background


class OrganAtlas(NamedTuple):
  """A(l | x): the share of class l at displacement x from the anchor, summing to 1 over the classes.

  The anchor of a case is the mean of the centroids of the anchor organs that it has. Beyond the atlas all is
  background.

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
  cases: Iterable[tuple[Labels, SpacingMM]],
  anchors: Collection[int],
  classes: int,
  blur_mm: float = BLUR_MM,
) -> OrganAtlas | None:
  """The atlas of labelled cases around the organs `anchors`.

  Args:
    cases: (label map uint8 [z, y, x], spacing (z, y, x)), all organs annotated; one that has none of the
      anchors is left out.
    anchors: classes, each above 0.
    classes: K + 1.
  Returns:
    None if no case has an anchor.
  """
  counted = []
  for label, spacing_mm in cases:
    anchor = anchor_mm(label, spacing_mm, anchors)
    if anchor is not None:
      counted.append(count_cells(label, spacing_mm, classes, anchor))
  if not counted:
    return None
  total = _added(counted, margin=int(np.ceil(2 * blur_mm / CELL_MM)))
  sigma = blur_mm / CELL_MM
  volume = np.stack([ndimage.gaussian_filter(part, sigma, mode="constant") for part in total.volume])
  volume[0] += _NOTHING_KNOWN
  return OrganAtlas(frozenset(anchors), volume / volume.sum(axis=0), total.first)


def anchor_mm(label: Labels, spacing_mm: SpacingMM, anchors: Collection[int]) -> Floats | None:
  """[3], mean of the anchor organs' centroids in mm from the corner of voxel (0, 0, 0); None without one."""
  centroids = []
  for organ in sorted(anchors):
    mask = np.asarray(label) == organ
    counts = [np.count_nonzero(mask, axis=others) for others in ((1, 2), (0, 2), (0, 1))]
    if counts[0].any():
      centroids.append([np.average(np.arange(len(count)) + 0.5, weights=count) for count in counts])
  return np.mean(centroids, axis=0) * spacing_mm if centroids else None


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
