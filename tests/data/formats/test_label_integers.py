"""Values that can be those of a label map, and those of an image."""

import numpy as np
import pytest

from data.formats.grid import FileGrid, StoredVolume
from data.formats.label_integers import MOST_VALUES, label_integers
from data.input_error import InputError


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
