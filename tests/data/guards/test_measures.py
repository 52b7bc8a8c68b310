"""Measures that can be counted by hand."""

import numpy as np
import pytest

from data.guards.measures import measure

SPACING = (4.0, 2.0, 1.0)  # z, y, x
AFFINE = np.array([[-1.0, 0, 0, 10], [0, -2, 0, 20], [0, 0, 4, 30], [0, 0, 0, 1]])  # LPS voxels
ORGANS = ("liver", "spleen")


def test_volume_place_and_hu_of_four_voxels():
  image = np.zeros((5, 6, 7), np.float32)
  label = np.zeros(image.shape, np.uint8)
  label[2, 1:3, 3:5] = 2
  image[2, 1:3, 3:5] = [[10, 20], [30, -300]]
  label[4, 5, 6] = 255
  found = measure(image, label, AFFINE, SPACING, ORGANS, ORGANS)
  assert found.absent == ("liver",)
  spleen = found.organs["spleen"]
  assert spleen.ml == pytest.approx(4 * 8 / 1000)
  assert spleen.centre_mm == (10 - 3.5, 20 - 3, 30 + 8)
  assert spleen.mean_hu == -60 and spleen.low_share == 0.25 and not spleen.cut
  assert spleen.sd_hu == pytest.approx(np.std([10, 20, 30, -300]))


@pytest.mark.parametrize("at", [(0, 2, 2), (4, 2, 2), (2, 0, 2), (2, 5, 2), (2, 2, 0), (2, 2, 6)])
def test_each_edge_cuts(at):
  label = np.zeros((5, 6, 7), np.uint8)
  label[at] = 1
  image = np.zeros(label.shape, np.float32)
  assert measure(image, label, AFFINE, SPACING, ORGANS, ["liver"]).organs["liver"].cut


def body(size=(40, 60, 80)):
  """A box of tissue in air: a spine in its back, lungs in its upper third, gas of a bowel below."""
  image = np.full(size, -1000, np.float32)
  image[:, 10:50, 10:70] = 40
  image[:, 42:48, 36:44] = 600
  image[28:, 14:36, 14:30] = image[28:, 14:36, 50:66] = -800
  image[4:10, 14:30, 30:50] = -1000
  return image


def test_body_bone_and_lungs():
  affine = np.diag([-4.0, -4.0, 4.0, 1.0])
  found = measure(body(), np.zeros((40, 60, 80), np.uint8), affine, (4.0, 4.0, 4.0), ORGANS, ORGANS).body
  np.testing.assert_allclose(found.centre_mm, [-4 * 39.5, -4 * 29.5, 4 * 19.5])
  np.testing.assert_allclose(found.bone_mm, [-4 * 39.5, -4 * 44.5, 4 * 19.5])
  np.testing.assert_allclose(found.lung_mm, [-4 * 39.5, -4 * 24.5, 4 * 33.5], atol=0.5)  # corners are rounded


def test_fine_voxels_give_the_same_places():
  fine = np.repeat(np.repeat(body(), 2, axis=1), 2, axis=2)
  affine = np.diag([-2.0, -2.0, 4.0, 1.0])
  affine[:2, 3] = 1  # the centre of a block of two
  found = measure(fine, np.zeros(fine.shape, np.uint8), affine, (4.0, 2.0, 2.0), ORGANS, ORGANS).body
  np.testing.assert_allclose(found.lung_mm, [-4 * 39.5, -4 * 24.5, 4 * 33.5], atol=0.5)  # corners are rounded


def test_organs_as_dense_as_bone_are_none():
  label = np.zeros((40, 60, 80), np.uint8)
  label[:, 42:48, 36:44] = 1
  found = measure(body(), label, np.diag([-4.0, -4.0, 4.0, 1.0]), (4.0, 4.0, 4.0), ORGANS, ORGANS).body
  assert found.bone_mm is None


def test_air_alone_has_no_body_and_thin_volumes_have_one():
  air = np.full((3, 8, 8), -1000, np.float32)
  label = np.zeros(air.shape, np.uint8)
  assert measure(air, label, AFFINE, (1.0, 1.0, 1.0), ORGANS, ORGANS).body is None
  assert measure(air + 1000, label, AFFINE, (1.0, 1.0, 1.0), ORGANS, ORGANS).body is not None


def test_how_far_bone_lies_from_the_skin_and_values_that_were_clipped():
  affine = np.diag([-4.0, -4.0, 4.0, 1.0])
  image = body()
  found = measure(image, np.zeros(image.shape, np.uint8), affine, (4.0, 4.0, 4.0), ORGANS, ORGANS).body
  behind, before = found.bone_gaps_mm  # rows 42 to 47 of 10 to 49, 4 mm each
  assert behind == pytest.approx(8, abs=4) and before == pytest.approx(128, abs=4)
  clipped = np.maximum(image, -900)  # gas in the bowel looks like lung then
  assert (
    found.lung_mm
    and not measure(
      clipped, np.zeros(image.shape, np.uint8), affine, (4.0, 4.0, 4.0), ORGANS, ORGANS
    ).body.lung_mm
  )
