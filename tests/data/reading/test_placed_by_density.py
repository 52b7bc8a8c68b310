"""A label map placed by the scan: each of the eight mirrorings is found, and doubt is refused."""

import itertools

import numpy as np
import pytest

from data.input_error import InputError
from data.reading.placed_by_density import mirrored, placement_by_density

MIRRORINGS = ["".join(axes) for count in range(4) for axes in itertools.combinations("xyz", count)]


def scan():
  """(HU, label): an organ of 100 HU in fat, none of its mirror images on itself."""
  rng = np.random.default_rng(0)
  image = rng.choice([-100.0, -900.0, 300.0], (10, 12, 14)).astype(np.float32)
  label = np.zeros(image.shape, np.uint8)
  label[1:4, 2:5, 1:6] = 3
  image[label == 3] = 100 + rng.normal(0, 15, 45)
  return image, label


@pytest.mark.parametrize("axes", MIRRORINGS)
def test_every_mirroring_is_found(axes):
  image, label = scan()
  found = placement_by_density("f", mirrored(label, axes), image, 1.0, {"pancreas": [3]})
  assert found.mirrored == axes and found.spread_hu < 20 and found.next_hu > 100
  np.testing.assert_array_equal(mirrored(mirrored(label, axes), found.mirrored), label)


def test_axes_are_named_as_the_arrays_order_says():
  array = np.arange(24).reshape(2, 3, 4)
  np.testing.assert_array_equal(mirrored(array, "x"), array[:, :, ::-1])
  np.testing.assert_array_equal(mirrored(array, "yz"), array[::-1, ::-1])


@pytest.mark.parametrize(
  "image, says",
  [
    (np.random.default_rng(1).choice([-300.0, 300.0], (10, 12, 14)), "does not clearly lie"),  # nowhere
    (np.full((10, 12, 14), 40.0), "does not clearly lie"),  # everywhere
    (np.full((10, 12, 14), -1000.0), "does not clearly lie"),  # in the air
  ],
)
def test_doubt_is_refused(image, says):
  with pytest.raises(InputError, match=says):
    placement_by_density("f", scan()[1], image, 1.0, {"pancreas": [3]})


def test_even_air_is_no_organ():
  image, label = scan()
  image[:, 6:] = -1000  # where the label lies when it is mirrored along y
  assert placement_by_density("f", label, image, 1.0, {"pancreas": [3]}).mirrored == ""


def test_an_organ_that_is_not_there_decides_nothing():
  image, label = scan()
  with pytest.raises(InputError, match="less than 10 ml of liver"):
    placement_by_density("f", label, image, 1.0, {"liver": [9]})


def test_a_sliver_of_an_organ_decides_nothing():
  image, label = scan()
  with pytest.raises(InputError, match="less than 10 ml of pancreas"):
    placement_by_density("f", label, image, 0.2, {"pancreas": [3]})
