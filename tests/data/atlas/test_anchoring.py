"""The place of an atlas: that of the organ, whatever of it is seen."""

import numpy as np
import pytest

from data.atlas.anchoring import find_anchor_mm
from data.atlas.cells import CELL_MM
from data.atlas.organ_atlas import anchors_mm, centroids_mm, make_atlas
from data.organs import IGNORE
from tests.data.atlas.conftest import SPACING_MM, moved, patient

ATLAS = make_atlas([(patient(), SPACING_MM)], [1], 4)
(ANCHOR_MM,) = centroids_mm(patient(), SPACING_MM, [1])


def annotated(label, organs=(1,)):
  return np.where(np.isin(label, organs), label, 0).astype(np.uint8)


@pytest.mark.parametrize("voxels", [(0, 0, 0), (3, -5, 7), (-6, 10, -4)])
def test_a_shifted_copy_is_found_to_a_cell(voxels):
  found = find_anchor_mm(annotated(moved(patient(), voxels)), SPACING_MM, ATLAS)
  assert np.abs(found - (ANCHOR_MM + np.multiply(voxels, SPACING_MM))).max() <= CELL_MM


@pytest.mark.parametrize("axis, first", [(0, 12), (1, 18), (2, 14)])
def test_an_organ_that_the_scan_cuts_off_is_found_by_what_is_left(axis, first):
  """The half of the organ is left; its own centroid would be off by a quarter of its length."""
  cut = np.take(annotated(patient()), range(first, patient().shape[axis]), axis)
  expected = ANCHOR_MM - first * np.eye(3)[axis] * SPACING_MM
  assert np.abs(find_anchor_mm(cut, SPACING_MM, ATLAS) - expected).max() <= CELL_MM


def test_another_spacing_and_ignored_pixels_change_no_place():
  finer = annotated(patient()).repeat(2, axis=1).repeat(2, axis=2)
  finer[:, :8] = IGNORE
  found = find_anchor_mm(finer, (5.0, 2.0, 2.0), ATLAS)
  assert np.abs(found - ANCHOR_MM).max() <= CELL_MM


def test_two_anchors_are_found_together_and_one_of_them_alone():
  atlas = make_atlas([(patient(), SPACING_MM)], [1, 2], 4)
  (anchor,) = anchors_mm(centroids_mm(patient(), SPACING_MM, [1, 2])[None])
  for organs in ((1, 2), (2,)):
    found = find_anchor_mm(annotated(patient(), organs)[4:], SPACING_MM, atlas)
    assert np.abs(found - (anchor - (20, 0, 0))).max() <= 1.5 * CELL_MM


@pytest.mark.parametrize("rows, known", [(0, False), (1, False), (2, True)])
def test_less_than_a_cell_of_the_organ_is_no_anchor(rows, known):
  """A cell is 512 mm³, 6.4 voxels; a row is 5 of them."""
  label = np.zeros((5, 6, 7), np.uint8)
  label[2, :rows, 1:6] = 1
  assert (find_anchor_mm(label, SPACING_MM, ATLAS) is not None) == known
