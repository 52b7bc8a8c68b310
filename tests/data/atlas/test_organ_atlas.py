"""The atlas: shares of the labelled cases around their anchors."""

import numpy as np

from data.atlas.cells import cell_of
from data.atlas.organ_atlas import anchors_mm, centroids_mm, make_atlas
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
  (anchor,) = centroids_mm(label, SPACING_MM, [1])
  expected = atlas.at(cell_of((voxels + 0.5) * SPACING_MM - anchor)).mean(axis=(0, 1, 2))
  np.testing.assert_allclose(expected, np.bincount(label.ravel(), minlength=4) / label.size, atol=0.002)


def test_a_patient_elsewhere_in_the_scan_gives_the_same_atlas():
  one = make_atlas([(patient(), SPACING_MM)], [1], 4)
  both = make_atlas([(patient(), SPACING_MM), (moved(patient(), (3, -2, 4)), SPACING_MM)], [1], 4)
  cells = np.moveaxis(np.indices((5, 5, 5)), 0, -1).reshape(-1, 3) - 2
  np.testing.assert_allclose(both.at(cells), one.at(cells), atol=0.02)


def test_several_anchors_have_one_place_and_cases_without_any_do_not_count():
  label = patient()
  first, second = centroids_mm(label, SPACING_MM, [2, 1])
  np.testing.assert_allclose(anchors_mm(np.array([[first, second]])), [(first + second) / 2])
  empty = np.zeros_like(label)
  assert np.isnan(centroids_mm(empty, SPACING_MM, [1])).all()
  assert make_atlas([(empty, SPACING_MM)], [1], 4) is None
  alone, beside = (
    make_atlas(cases, [1], 4) for cases in ([(label, SPACING_MM)], [(label, SPACING_MM), (empty, SPACING_MM)])
  )
  np.testing.assert_array_equal(alone.share, beside.share)


def test_a_patient_who_lacks_an_anchor_lies_where_the_others_say():
  """Whole patients at two places, one without organ 2, one without organ 1, and one with nothing."""
  first, second = np.array([40.0, 60.0, 80.0]), np.array([44.0, 60.0, 200.0])
  none = np.full(3, np.nan)
  cases = [[first, second], [first + 9, second + 9], [first + 5, none], [none, second - 7], [none, none]]
  middle = (first + second) / 2
  np.testing.assert_allclose(anchors_mm(np.array(cases)), [middle, middle + 9, middle + 5, middle - 7, none])


def test_a_patient_who_lacks_an_anchor_does_not_blur_the_atlas():
  label, lacking = patient(), np.where(patient() == 2, 0, patient())
  whole = make_atlas([(label, SPACING_MM)] * 2, [1, 2], 4)
  mixed = make_atlas([(label, SPACING_MM), (lacking, SPACING_MM)], [1, 2], 4)
  assert mixed.first == whole.first
  for organ, there in ((1, 1.0), (2, 0.5), (3, 1.0)):
    np.testing.assert_allclose(mixed.share[organ], there * whole.share[organ], atol=0.02)


def test_without_a_case_that_has_all_anchors_each_has_its_own_place():
  none = np.full(3, np.nan)
  found = anchors_mm(np.array([[np.zeros(3), none], [none, np.full(3, 100.0)]]))
  np.testing.assert_allclose(found, [np.zeros(3), np.full(3, 100.0)], atol=1e-9)
