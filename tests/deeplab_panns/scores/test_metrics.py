"""Dice, volume error, and the scores of label maps organ by organ."""

import dataclasses
import math
import os
import pathlib

import numpy as np
import pytest
from scipy import ndimage

from data.organs import BTCV_ORGANS, IGNORE
from deeplab_panns.scores import metrics
from deeplab_panns.scores import surface_distances as surface_distances_module
from deeplab_panns.scores.metrics import OrganScore, dice, score_organs, volume_error_ml
from deeplab_panns.scores.surface_distances import surface_distances

ORGANS = ("spleen", "liver", "aorta")
SPACING_MM = (2.0, 1.5, 1.0)
REAL_CT = pathlib.Path(
  os.environ.get("PANN_REAL_CT", pathlib.Path(__file__).resolve().parents[4] / "shared" / "real-ct")
)


def row(labels):
  """A label map of one row of voxels, a digit each; i is `ignore`."""
  return np.array([[[IGNORE if label == "i" else int(label) for label in labels]]], np.uint8)


def mask(labels):
  return row(labels) == 1


def dice_of(scores):
  return {score.organ: score.dice for score in scores}


def test_dice_of_two_shared_voxels():
  assert dice(mask("1100"), mask("1110")) == 4 / 5  # 2 * 2 / (2 + 3)


def test_dice_of_equal_disjoint_missed_and_empty_masks():
  assert dice(mask("0110"), mask("0110")) == 1
  assert dice(mask("1100"), mask("0011")) == 0
  assert dice(mask("1100"), mask("0000")) == 0
  assert math.isnan(dice(mask("0000"), mask("0000")))


def test_dice_equals_the_surface_distance_package():
  surface_distance = pytest.importorskip("surface_distance")
  reference, predicted = np.random.default_rng(0).random((2, 5, 6, 7)) < 0.4
  assert dice(reference, predicted) == pytest.approx(
    surface_distance.compute_dice_coefficient(reference, predicted)
  )


def test_concentric_balls_of_a_fine_grid_have_their_closed_forms():
  spacing_mm = (1.0, 0.5, 0.5)
  z, y, x = np.indices((66, 130, 130)) - np.array([33, 65, 65]).reshape(3, 1, 1, 1)
  radius_mm = np.sqrt((spacing_mm[0] * z) ** 2 + (spacing_mm[1] * y) ** 2 + (spacing_mm[2] * x) ** 2)
  reference, predicted = ((radius_mm <= radius).astype(np.uint8) for radius in (20, 30))
  (score,) = score_organs(reference, predicted, ("liver",), spacing_mm)
  assert score.dice == pytest.approx(2 * 20**3 / (20**3 + 30**3), abs=0.002)  # the smaller lies in the larger
  assert score.volume_error_ml == pytest.approx(4 / 3 * math.pi * (30**3 - 20**3) / 1000, rel=0.002)
  assert score.mean_surface_distance_mm == pytest.approx(
    10, abs=0.3
  )  # centres lie within half a voxel or so of the ball's surface


def test_nested_boxes_have_their_closed_forms():
  reference, predicted = np.zeros((2, 12, 20, 20), np.uint8)
  reference[3:9, 5:15, 5:15] = 1
  predicted[2:10, 2:18, 4:16] = 1  # larger by 1, 3 and 1 voxels on each side
  (score,) = score_organs(reference, predicted, ("liver",), (4.0, 2.0, 1.0))
  assert score.dice == 2 * 600 / (600 + 1536)
  assert score.hausdorff_mm == pytest.approx(math.sqrt(4**2 + 6**2 + 1))  # from corner to corner
  assert score.volume_error_ml == pytest.approx((1536 - 600) * 8 / 1000)


def test_volume_error_is_predicted_minus_reference():
  assert volume_error_ml(mask("1110"), mask("0001"), (10, 20, 5)) == -2  # a voxel is 1 mL
  assert volume_error_ml(mask("0000"), mask("0011"), (1, 1, 1)) == pytest.approx(0.002)


def test_every_organ_gets_a_row_in_the_order_of_the_list():
  scores = score_organs(row("1122003"), row("1222003"), ORGANS, SPACING_MM)
  assert [score.organ for score in scores] == list(ORGANS)
  assert dice_of(scores) == pytest.approx({"spleen": 2 / 3, "liver": 4 / 5, "aorta": 1})
  spleen = scores[0]
  assert spleen.hausdorff_mm == 1  # the second voxel, next to the first along x
  assert spleen.mean_surface_distance_mm == pytest.approx(1 / 3)  # (0 + 1 + 0) / 3
  assert spleen.hausdorff95_mm == pytest.approx(0.95)
  assert spleen.volume_error_ml == pytest.approx(-0.003)  # one voxel of 3 mm3


def test_ignored_voxels_are_in_neither_mask():
  scores = score_organs(row("11iii220"), row("11122222"), ORGANS, SPACING_MM)
  expected = score_organs(row("11000220"), row("11000222"), ORGANS, SPACING_MM)
  assert repr(scores) == repr(expected)  # NaN equals nothing, its text does
  # An organ that is predicted nowhere but under `ignore` is in neither map.
  assert math.isnan(score_organs(row("11ii"), row("1133"), ORGANS, SPACING_MM)[2].dice)


def test_another_ignore_value_leaves_255_as_background():
  scores = score_organs(row("1177i"), row("11111"), ORGANS, SPACING_MM, ignore=7)
  assert scores[0].dice == pytest.approx(4 / 5)


def test_only_annotated_organs_get_a_row():
  scores = score_organs(row("1120"), row("1123"), ORGANS, SPACING_MM, annotated=["aorta", "spleen"])
  assert dice_of(scores) == {"spleen": 1, "aorta": 0}
  assert score_organs(row("1120"), row("1123"), ORGANS, SPACING_MM, annotated=[]) == []


def test_missed_and_absent_organs():
  spleen, liver, aorta = score_organs(row("1100"), row("0022"), ORGANS, SPACING_MM)
  for missed in (spleen, liver):
    assert missed.dice == 0
    assert math.isnan(missed.mean_surface_distance_mm) and math.isnan(missed.hausdorff95_mm)
  assert (spleen.volume_error_ml, liver.volume_error_ml) == pytest.approx((-0.006, 0.006))
  assert math.isnan(aorta.dice) and math.isnan(aorta.hausdorff_mm)
  assert aorta.volume_error_ml == 0


def test_maps_without_any_organ():
  scores = score_organs(row("0000"), row("0000"), ORGANS, SPACING_MM)
  assert len(scores) == 3 and all(math.isnan(score.dice) for score in scores)
  assert all(math.isnan(score.dice) for score in score_organs(row("iiii"), row("1230"), ORGANS, SPACING_MM))


@pytest.mark.parametrize("dtypes", [(np.uint8, np.uint8), (np.int16, np.uint8), (np.int64, np.uint64)])
def test_label_maps_equal_whole_masks_scored_one_by_one(dtypes):
  rng = np.random.default_rng(0)
  shape = (9, 14, 12)
  maps = [ndimage.zoom(rng.integers(0, 5, (3, 7, 4)), (3, 2, 3), order=0) for _ in range(2)]
  maps[0][rng.random(shape) < 0.1] = IGNORE
  reference, predicted = (labels.astype(dtype) for labels, dtype in zip(maps, dtypes))
  scores = score_organs(reference, predicted, ORGANS, SPACING_MM)  # label 4 is no organ's
  for label, score in enumerate(scores, start=1):
    pair = reference == label, (predicted == label) & (reference != IGNORE)
    assert score == OrganScore(
      ORGANS[label - 1],
      dice(*pair),
      **dataclasses.asdict(surface_distances(*pair, SPACING_MM)),
      volume_error_ml=volume_error_ml(*pair, SPACING_MM),
    )


def test_swapping_the_maps_only_turns_the_sign_of_the_volume_error():
  rng = np.random.default_rng(1)
  first, second = rng.integers(0, 4, (2, 6, 8, 7)).astype(np.uint8)
  for forth, back in zip(
    score_organs(first, second, ORGANS, SPACING_MM), score_organs(second, first, ORGANS, SPACING_MM)
  ):
    np.testing.assert_allclose(dataclasses.astuple(forth)[1:5], dataclasses.astuple(back)[1:5])
    assert forth.volume_error_ml == -back.volume_error_ml


def test_refuses_what_does_not_fit():
  with pytest.raises(ValueError, match="shapes"):
    score_organs(row("11"), row("111"), ORGANS, SPACING_MM)
  with pytest.raises(ValueError, match="integers"):
    score_organs(row("11").astype(np.float32), row("11"), ORGANS, SPACING_MM)
  with pytest.raises(ValueError, match="bladder"):
    score_organs(row("11"), row("11"), ORGANS, SPACING_MM, annotated=["bladder"])
  with pytest.raises(ValueError, match="spacing_mm"):
    score_organs(row("11"), row("11"), ORGANS, (1, 1))
  with pytest.raises(ValueError, match="shapes"):
    dice(mask("11"), mask("1"))


def test_two_segmentations_of_a_real_ct():
  sitk = pytest.importorskip("SimpleITK")
  paths = [REAL_CT / name for name in ("ts_ct_label.nii.gz", "ts_ct_label_v1.nii.gz")]
  if not all(path.exists() for path in paths):
    pytest.skip(f"no real case in {REAL_CT}; set PANN_REAL_CT")
  images = [sitk.ReadImage(str(path)) for path in paths]
  reference, predicted = (sitk.GetArrayFromImage(image) for image in images)
  labels = np.intersect1d(np.unique(reference), np.unique(predicted))[1:]
  organs = [f"label {label}" for label in range(1, int(labels.max()) + 1)]
  spacing_mm = images[0].GetSpacing()[::-1]
  scores = score_organs(reference, predicted, organs, spacing_mm)
  overlap = sitk.LabelOverlapMeasuresImageFilter()
  overlap.Execute(*(sitk.Cast(image, sitk.sitkUInt16) for image in images))
  assert len(labels) > 3
  for label in labels.tolist():
    assert scores[label - 1].dice == pytest.approx(overlap.GetDiceCoefficient(label))
    expected_mm = hausdorff_by_distance_transform(reference == label, predicted == label, spacing_mm)
    assert scores[label - 1].hausdorff_mm == pytest.approx(expected_mm, abs=1e-4)


def hausdorff_by_distance_transform(reference, predicted, spacing_mm):
  box = ndimage.find_objects((reference | predicted).astype(np.uint8))[0]
  borders = [
    mask[box] & ~ndimage.binary_erosion(np.pad(mask[box], 1))[1:-1, 1:-1, 1:-1]
    for mask in (reference, predicted)
  ]
  to_border_mm = [ndimage.distance_transform_edt(~border, spacing_mm) for border in borders]
  return max(to_border_mm[1][borders[0]].max(), to_border_mm[0][borders[1]].max())


def abdomen(noise_mm):
  """Ellipsoids of 13 organs' volumes at 2 x 1.5 x 1.5 mm, their surfaces rough by about `noise_mm`."""
  volumes_ml = (200, 160, 160, 40, 30, 1500, 300, 120, 80, 40, 80, 5, 5)
  centres = np.array([(x, y) for y in (48, 96, 144, 200) for x in (50, 100, 150, 200)])[:13]
  centres[5] = 60, 128  # the liver lies apart from the grid of the others
  rng = np.random.default_rng(noise_mm)
  roughness = ndimage.gaussian_filter(rng.standard_normal((100, 256, 256), np.float32), 3)
  roughness *= np.float32(noise_mm / roughness.std())
  z, y, x = (axis.astype(np.float32) for axis in np.ogrid[:100, :256, :256])
  labels = np.zeros((100, 256, 256), np.uint8)
  for label in sorted(range(1, 14), key=lambda label: -volumes_ml[label - 1]):
    centre_x, centre_y = centres[label - 1]
    radius_mm = (volumes_ml[label - 1] * 1000 * 3 / 4 / math.pi) ** (1 / 3)
    distance_mm = np.sqrt((2 * (z - 50)) ** 2 + (1.5 * (y - centre_y)) ** 2 + (1.5 * (x - centre_x)) ** 2)
    labels[distance_mm + roughness < radius_mm] = label
  return labels


@pytest.mark.slow
def test_work_grows_with_the_organs_and_not_with_the_scan(monkeypatch):
  """Voxels are counted instead of seconds, which `benchmark --what=metrics` measures.

  Each organ is cropped to its box; and the neighbours of border voxels are looked up first, so that few are
  left to the search tree, which is several times as slow.
  """
  cropped, in_tree = [], []
  tree = surface_distances_module.spatial.cKDTree

  class CountingTree(tree):
    def query(self, points):
      in_tree.append(len(points))
      return super().query(points)

  def cropping(reference, predicted, spacing_mm):
    cropped.append(reference)
    return surface_distances(reference, predicted, spacing_mm)

  monkeypatch.setattr(surface_distances_module.spatial, "cKDTree", CountingTree)
  monkeypatch.setattr(metrics, "surface_distances", cropping)
  reference, predicted = abdomen(1), abdomen(2)
  scores = score_organs(reference, predicted, BTCV_ORGANS, (2, 1.5, 1.5))
  assert len(cropped) == 13 and all(0.3 < score.dice < 1 for score in scores)
  assert sum(mask.size for mask in cropped) < 0.3 * reference.size  # 0.20; 13 whole arrays would be 13
  border = sum(np.count_nonzero(mask & ~ndimage.binary_erosion(mask)) for mask in cropped)
  assert 0 < sum(in_tree) < 0.06 * 2 * border  # 0.03 of both borders
