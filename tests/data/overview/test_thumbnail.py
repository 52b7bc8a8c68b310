"""Three planes and contours, where they belong."""

import io

import numpy as np
import pytest
from PIL import Image

from data.overview.colours import organ_colour
from data.overview.thumbnail import HIGHEST, WIDEST, draw_thumbnail


def drawn(image, label, spacing_mm):
  return np.array(Image.open(io.BytesIO(draw_thumbnail(image, label, spacing_mm)))).astype(int)


def near(picture, colour):
  return np.abs(picture - colour).max(axis=-1) < 60


def test_planes_are_to_scale_side_by_side():
  image = np.full((10, 20, 40), 128, np.uint8)
  picture = drawn(image, np.zeros_like(image), (12.0, 3.0, 3.0))  # 120 x 60 x 120 mm
  assert picture.shape == (WIDEST, 2 * WIDEST + WIDEST // 2 + 8, 3)  # axial 240 x 120, coronal 240², sagittal
  assert picture.shape[0] <= HIGHEST


def test_the_patients_right_is_left_and_the_head_above():
  image = np.zeros((20, 40, 60), np.uint8)
  label = np.zeros_like(image)
  label[15:19, 5:15, 5:15] = 1  # superior, anterior, right: low x and y, high z
  picture = drawn(image, label, (4.0, 4.0, 4.0))
  axial, coronal, sagittal = picture[:, :240], picture[:, 244:484], picture[:, 488:]
  for plane, height, left in ((axial, 160, True), (coronal, 80, True), (sagittal, 80, True)):
    rows, columns = np.nonzero(near(plane, organ_colour(1)))
    assert len(rows) and rows.max() < height / 2 and (columns.max() < plane.shape[1] / 2) == left


def test_the_planes_show_as_many_organs_as_they_can():
  image = np.zeros((9, 30, 30), np.uint8)
  label = np.zeros_like(image)
  label[1, 2:28, 2:28] = 1  # large and alone
  label[5, 5:15, 5:15], label[5, 20:26, 20:26] = 2, 3
  axial = drawn(image, label, (2.0, 2.0, 2.0))[:, :240]
  assert near(axial, organ_colour(2)).any() and near(axial, organ_colour(3)).any()
  assert not near(axial, organ_colour(1)).any()


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 512, 512), (300, 4, 4)])
def test_odd_shapes_and_cases_without_labels(shape):
  image = np.zeros(shape, np.uint8)
  assert drawn(image, image, (1.0, 1.0, 1.0)).size
  assert drawn(image, np.full(shape, 255, np.uint8), (1.0, 1.0, 1.0)).size  # ignored voxels are no organ
