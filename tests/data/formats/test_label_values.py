"""Values become labels by the organ list, whatever the type of the map."""

import numpy as np
import pytest

from data.formats.label_values import to_labels, unnamed_values

ORGANS = ("liver", "spleen", "pancreas")
VALUES = {6: "liver", 200: "spleen", 7: "liver", 9: "pancreas"}


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.int64, np.uint64])
def test_the_label_is_the_organs_position_for_every_type(dtype):
  stored = np.array([[0, 6, 7], [200, 9, 1]], dtype)
  labels = to_labels(stored, VALUES, ORGANS)
  assert labels.dtype == np.uint8
  np.testing.assert_array_equal(labels, [[0, 1, 1], [2, 3, 0]])


def test_only_annotated_organs_are_kept_and_keep_their_label():
  labels = to_labels(np.array([6, 200, 9]), VALUES, ORGANS, annotated=("pancreas",))
  np.testing.assert_array_equal(labels, [0, 0, 3])


def test_an_organ_that_the_list_does_not_have_is_background():
  np.testing.assert_array_equal(to_labels(np.array([1, 2]), {1: "aorta", 2: "liver"}, ORGANS), [0, 1])


@pytest.mark.parametrize("stored", [[-1024, -1, 0, 70_000], [-5, 300, 5]])
def test_values_that_are_negative_or_above_all_others_are_not_mistaken(stored):
  assert not to_labels(np.array(stored), VALUES, ORGANS).any()
  np.testing.assert_array_equal(to_labels(np.array([-1, 1]), {-1: "spleen"}, ORGANS), [2, 0])


def test_against_a_loop_over_the_voxels():
  rng = np.random.default_rng(0)
  stored = rng.integers(-3, 12, (5, 6, 7)).astype(np.int16)
  expected = [1 + ORGANS.index(VALUES[v]) if v in VALUES else 0 for v in stored.ravel().tolist()]
  np.testing.assert_array_equal(to_labels(stored, VALUES, ORGANS).ravel(), expected)


def test_nothing_named_or_nothing_stored_is_background():
  assert not to_labels(np.array([1, 2]), {}, ORGANS).any()
  assert to_labels(np.zeros([0, 3], np.int16), VALUES, ORGANS).shape == (0, 3)


def test_unnamed_values_are_counted_but_for_background():
  assert unnamed_values(np.array([0, 0, 6, 5, 5, -1]), VALUES) == {5: 2, -1: 1}
  assert unnamed_values(np.array([0, 6]), VALUES) == {}
