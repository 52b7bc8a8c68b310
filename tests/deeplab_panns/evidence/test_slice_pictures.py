"""Pictures of slices: what lies where."""

import numpy as np

from deeplab_panns.evidence import slice_pictures


def volume():
  image = np.zeros((5, 8, 6), np.uint8)
  label = np.zeros_like(image)
  label[4, 2, 1] = 1  # the uppermost slice
  label[4, 2, 2] = 2
  return image, label


def test_three_planes_have_square_pixels_and_the_head_on_top():
  image, label = volume()
  picture = slice_pictures.compare_planes(image, label, label, (3.0, 1.0, 1.0))
  # three pictures below one another, each as high as the highest: 5 slices of 3 mm; as wide as the widest: 3
  # planes of 8 and 2 gaps
  assert picture.shape == (6 * 3 * 15, 6 * (3 * 8 + 4), 3)
  small = picture[::6, ::6]
  axial, coronal = small[:15, 8:14], small[15:30, 8:14]  # where the reference of these two is drawn
  np.testing.assert_array_equal(np.argwhere(axial[:8].any(axis=-1)), [[2, 1], [2, 2]])
  np.testing.assert_array_equal(
    np.flatnonzero(coronal.any(axis=(1, 2))), [0, 1, 2]
  )  # the uppermost slice, three rows high


def test_a_slice_shows_image_reference_and_prediction():
  image, label = volume()
  picture = slice_pictures.compare_slice(image, label, np.zeros_like(label))
  factor = 256 // 8
  small = picture[::factor, ::factor]
  assert small.shape == (8, 3 * 6 + 4, 3)
  assert small[2, 6 + 2 + 1].any() and not small[2, 2 * (6 + 2) + 1].any()
