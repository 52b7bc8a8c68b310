"""The atlas placed in every partial case by what is annotated there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from data.arrays import Floats, SpacingMM
from data.atlas.anchoring import find_anchor_mm
from data.atlas.cells import CELL_MM, cell_of
from data.atlas.organ_atlas import OrganAtlas, make_atlas
from data.stored.store import StoredCase


class PlacedAtlas:
  """What the labelled cases let one expect at each voxel of a partial case, given where its annotated organs
  lie.

  An atlas is made for each set of organs that some case annotates, of the labelled scans: labelled cases of
  separate slices do not say what lies above and below.

  Attributes:
    classes: K + 1.
    anchors_mm: {case id: [3], the anchor in mm from the corner of voxel (0, 0, 0)}, of the cases that show an
      organ they annotate. Of separate slices [slices, 3], each from the corner of its own voxel (0, 0); all
      of them must show the organ.
  """

  def __init__(
    self, organs: Sequence[str], labeled: Sequence[StoredCase], partial: Sequence[StoredCase]
  ) -> None:
    """Makes the atlases and finds the anchors; reads every label map once.

    Args:
      organs: the store's.
      labeled: cases with all organs annotated.
    """
    labeled = [case for case in labeled if not case.separate_slices]
    self.classes = len(organs) + 1
    self._cases = tuple(partial)
    self._atlases: dict[str, OrganAtlas] = {}
    self.anchors_mm: dict[str, Floats] = {}
    made: dict[tuple[str, ...], OrganAtlas | None] = {}
    for case in partial:
      if case.annotated not in made:
        made[case.annotated] = _atlas(organs, labeled, case.annotated)
      atlas = made[case.annotated]
      anchor = atlas and _anchor_mm(case, atlas)
      if atlas is not None and anchor is not None:
        self._atlases[case.id], self.anchors_mm[case.id] = atlas, anchor

  @property
  def without_anchor(self) -> tuple[str, ...]:
    """Ids of the cases without an anchor."""
    return tuple(case.id for case in self._cases if case.id not in self.anchors_mm)

  def expected(self, case: int, voxels: Floats) -> Floats:
    """The shares that the classes should have at points of a partial case.

    Args:
      case: its index among the partial cases.
      voxels: [..., 3], (z, y, x) in voxels, whole numbers in a voxel's middle.
    Returns:
      float32 [..., K + 1], summing to 1; uniform in a case without an anchor.
    """
    stored = self._cases[case]
    if stored.id not in self.anchors_mm:
      return np.full((*voxels.shape[:-1], self.classes), 1 / self.classes, np.float32)
    anchors, spacing_mm = self.anchors_mm[stored.id], stored.spacing_mm
    if stored.separate_slices:
      anchors, spacing_mm = anchors[np.rint(voxels[..., 0]).astype(np.int64)], _one_slice_mm(stored)
      voxels = np.concatenate([np.zeros_like(voxels[..., :1]), voxels[..., 1:]], axis=-1)
    return self._atlases[stored.id].at(cell_of((voxels + 0.5) * spacing_mm - anchors))


def _one_slice_mm(case: StoredCase) -> SpacingMM:
  """Spacing of a separate slice by itself: its thickness is unknown, and a cell's is as good as any."""
  return (CELL_MM, *case.spacing_mm[1:])


def _anchor_mm(case: StoredCase, atlas: OrganAtlas) -> Floats | None:
  """The anchor of a case; of separate slices one each, found by how the organ is cut in that slice alone."""
  if not case.separate_slices:
    return find_anchor_mm(case.label(), case.spacing_mm, atlas)
  found = [find_anchor_mm(plane[None], _one_slice_mm(case), atlas) for plane in case.label()]
  anchors = [anchor for anchor in found if anchor is not None]
  return np.array(anchors) if len(anchors) == len(found) else None


def _atlas(
  organs: Sequence[str], labeled: Sequence[StoredCase], annotated: Sequence[str]
) -> OrganAtlas | None:
  values: Mapping[str, int] = {organ: value for value, organ in enumerate(organs, 1)}
  maps = [(case.label(), case.spacing_mm) for case in labeled]
  return make_atlas(maps, [values[organ] for organ in annotated], len(organs) + 1)
