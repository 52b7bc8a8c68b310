"""Values that a label map can have become labels by the organ list, whatever the type of the map."""

import numpy as np
import pytest

from data.formats.grid import FileGrid, StoredVolume
from data.formats.label_values import MOST_VALUES, label_integers, to_labels, unnamed_values
from data.input_error import InputError
from data.value_counts import counts_by_value

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
  assert unnamed_values(counts_by_value(np.array([0, 0, 6, 5, 5, -1])), VALUES) == {5: 2, -1: 1}
  assert unnamed_values(counts_by_value(np.array([0, 6])), VALUES) == {}


def integers(values, scaling=(1, 0)):
  voxels = np.reshape(values, (1, 1, -1))
  grid = FileGrid(voxels.shape[::-1], np.diag([2.0, 2, 3, 1]))
  return label_integers("file", StoredVolume(voxels, grid, (), scaling)).ravel()


def refused(values, *words, scaling=(1, 0)):
  with pytest.raises(InputError) as caught:
    integers(values, scaling)
  message = str(caught.value)
  assert message.startswith("file: ") and len(message) <= 280, message
  for word in words:
    assert word in message, message


def test_whole_numbers_of_any_type_are_kept():
  for dtype in (np.uint8, np.int16, np.int64, np.float32, np.float64):
    found = integers(np.array([0, 3, 12], dtype))
    assert found.dtype.kind in "iu" and found.tolist() == [0, 3, 12]
  assert integers(np.array([-1, 0, 2], np.int16)).tolist() == [-1, 0, 2]
  assert integers(np.array([0.0004, 2.9996])).tolist() == [0, 3]


def test_fractions_are_counted_and_shown_with_their_scaling():
  refused([0, 0.25, 0.5, 0.75, 1.5, 2], "4 voxel(s)", "(0.25, 0.5, 0.75 and 1 more);", "nearest")
  scaled = np.arange(13) * 21 * 12 / 255
  refused(scaled, "0.9882, 1.976, 2.965 and 9 more", "scl_slope 0.04706", scaling=(12 / 255, 0))


def test_negative_values_of_a_header_copied_from_a_ct():
  refused([-1024, -1012], "from -1024 to -1012", "scl_inter -1024", "intercept 0", scaling=(1, -1024))


def test_an_image_has_too_many_values():
  assert len(integers(np.arange(MOST_VALUES))) == MOST_VALUES
  assert integers([0, 100_000]).tolist() == [0, 100_000]
  refused(
    np.arange(-1000, 1000),
    "2,000 different values from -1000 to 999 (-1000, -999, -998 and 1997 more)",
    "image",
  )


def test_values_beyond_32_bits():
  for value in (2**31, -(2**31) - 1):
    refused(np.array([0, value]), "32-bit")
  refused(np.array([1e12]), "from 1e+12 to 1e+12")
