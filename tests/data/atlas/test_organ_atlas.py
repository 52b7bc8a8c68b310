"""The atlas: shares of the labelled cases around their anchors."""

import numpy as np

from data.atlas.cells import cell_of
from data.atlas.organ_atlas import anchor_mm, make_atlas
from tests.data.atlas.conftest import SPACING_MM, moved, patient


def test_shares_sum_to_one_and_beyond_the_atlas_is_background():
  atlas = make_atlas([(patient(), SPACING_MM)], [1], 4)
  np.testing.assert_allclose(atlas.share.sum(axis=0), 1, rtol=1e-5)
  np.testing.assert_array_equal(atlas.at(np.array([[0, 0, 500], [-500, 0, 0]])), [[1, 0, 0, 0]] * 2)


def test_without_blur_the_atlas_of_a_patient_has_the_patients_shares():
  """At every voxel of the patient: the mean is the share of each class in it."""
  label = patient()
  atlas = make_atlas([(label, SPACING_MM)], [1], 4, blur_mm=0.01)
  voxels = np.moveaxis(np.indices(label.shape), 0, -1)
  anchor = anchor_mm(label, SPACING_MM, [1])
  expected = atlas.at(cell_of((voxels + 0.5) * SPACING_MM - anchor)).mean(axis=(0, 1, 2))
  np.testing.assert_allclose(expected, np.bincount(label.ravel(), minlength=4) / label.size, atol=0.002)


def test_a_patient_elsewhere_in_the_scan_gives_the_same_atlas():
  one = make_atlas([(patient(), SPACING_MM)], [1], 4)
  both = make_atlas([(patient(), SPACING_MM), (moved(patient(), (3, -2, 4)), SPACING_MM)], [1], 4)
  cells = np.moveaxis(np.indices((5, 5, 5)), 0, -1).reshape(-1, 3) - 2
  np.testing.assert_allclose(both.at(cells), one.at(cells), atol=0.02)


def test_several_anchors_have_one_place_and_cases_without_any_do_not_count():
  label = patient()
  first, second = (anchor_mm(label, SPACING_MM, [organ]) for organ in (1, 2))
  np.testing.assert_allclose(anchor_mm(label, SPACING_MM, [2, 1]), (first + second) / 2)
  empty = np.zeros_like(label)
  assert anchor_mm(empty, SPACING_MM, [1]) is None and make_atlas([(empty, SPACING_MM)], [1], 4) is None
  alone, beside = (
    make_atlas(cases, [1], 4) for cases in ([(label, SPACING_MM)], [(label, SPACING_MM), (empty, SPACING_MM)])
  )
  np.testing.assert_array_equal(alone.share, beside.share)
