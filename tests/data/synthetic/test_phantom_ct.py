"""Painted phantoms: reproducible, anatomically right, varied, and as bright as patients are."""

import nibabel
import numpy as np
import pytest

from data.guards.voxel_sketch import overlapping, sketch_voxels
from data.organs import BTCV_ORGANS
from data.synthetic.phantom_ct import draw_case

PATIENTS = 12


@pytest.fixture(scope="module")
def volumes():
  """Full cases as (image_hu, label, affine)."""
  return [draw_case(seed=3, role="labeled", index=i, size=64) for i in range(PATIENTS)]


def value_of(organ):
  return 1 + BTCV_ORGANS.index(organ)


def centre_mm(label, affine, organ):
  z, y, x = np.nonzero(label == value_of(organ))
  return nibabel.affines.apply_affine(affine, [x.mean(), y.mean(), z.mean()])


def test_a_patient_is_a_pure_function_of_seed_role_and_index():
  first, again = (draw_case(7, "partial", 2, 48) for _ in range(2))
  for one, other in zip(first, again):
    np.testing.assert_array_equal(one, other)
  for other in (draw_case(8, "partial", 2, 48), draw_case(7, "test", 2, 48), draw_case(7, "partial", 3, 48)):
    assert not np.array_equal(first[0][:30], other[0][:30])


def test_no_patient_is_a_part_of_another():
  roles = [(role, index) for role in ("labeled", "partial") for index in range(2)]
  sketches = {one: sketch_voxels(draw_case(7, *one, 48)[0]) for one in roles}
  assert all(sketches.values()) and overlapping(sketches) == []


def test_size_changes_the_resolution_only():
  _, coarse, coarse_affine = draw_case(0, "labeled", 1, 48)
  _, fine, fine_affine = draw_case(0, "labeled", 1, 96)
  np.testing.assert_allclose(np.diag(coarse_affine)[:3], [8, 8, 10])
  np.testing.assert_allclose(np.diag(fine_affine)[:3], [4, 4, 5])
  for organ in BTCV_ORGANS:
    np.testing.assert_allclose(
      centre_mm(coarse, coarse_affine, organ), centre_mm(fine, fine_affine, organ), atol=5, err_msg=organ
    )


def test_grid_is_centred_and_about_190_mm_deep(volumes):
  for image, label, affine in volumes:
    assert image.shape == label.shape and image.shape[1:] == (64, 64)
    assert image.dtype == np.int16 and label.dtype == np.uint8
    assert 170 <= image.shape[0] * affine[2, 2] <= 210
    middle = (np.array(image.shape[::-1]) - 1) / 2
    np.testing.assert_allclose(nibabel.affines.apply_affine(affine, middle), 0, atol=1e-9)


def test_every_organ_is_in_every_full_case(volumes):
  coarsest = [draw_case(11, "test", index, 48) for index in range(PATIENTS)]
  for _, label, _ in volumes + coarsest:
    counts = np.bincount(label.ravel(), minlength=1 + len(BTCV_ORGANS))
    assert counts.size == 1 + len(BTCV_ORGANS) and counts.min() > 0, dict(zip(BTCV_ORGANS, counts[1:]))


def test_organs_lie_where_they_belong(volumes):
  for _, label, affine in volumes:
    centre = {organ: centre_mm(label, affine, organ) for organ in BTCV_ORGANS}
    right, anterior, superior = ({organ: at[axis] for organ, at in centre.items()} for axis in range(3))
    # RAS: a larger first coordinate is further to the patient's right.
    assert right["liver"] > 0 > right["spleen"] and right["stomach"] < right["liver"]
    assert right["right kidney"] > 0 > right["left kidney"]
    assert right["right adrenal gland"] > right["left adrenal gland"]
    assert right["gallbladder"] > right["inferior vena cava"] > right["aorta"]
    assert anterior["pancreas"] > anterior["aorta"] and anterior["gallbladder"] > anterior["right kidney"]
    assert superior["esophagus"] > superior["pancreas"]
    for side in ("right", "left"):
      assert superior[f"{side} adrenal gland"] > superior[f"{side} kidney"]


def test_volumes_are_an_adults_and_vary(volumes):
  about_ml = {
    "spleen": 200,
    "right kidney": 160,
    "left kidney": 160,
    "gallbladder": 30,
    "esophagus": 30,
    "liver": 1500,
    "stomach": 300,
    "aorta": 80,
    "inferior vena cava": 80,
    "portal and splenic vein": 40,
    "pancreas": 80,
    "right adrenal gland": 8,
    "left adrenal gland": 8,
  }
  for organ, expected_ml in about_ml.items():
    ml = [np.sum(label == value_of(organ)) * np.prod(np.diag(affine)) / 1000 for _, label, affine in volumes]
    assert 0.7 * expected_ml < np.mean(ml) < 1.4 * expected_ml, organ
    assert 0.1 < np.std(ml) / np.mean(ml) < 0.5, organ
    centres = [centre_mm(label, affine, organ) for _, label, affine in volumes]
    assert 8 < np.linalg.norm(np.std(centres, 0)) < 30, organ


def test_organ_shares_are_alike_across_patients(volumes):
  """The paper's assumption: shares scatter around one mean, and their order of size mostly holds."""
  shares = np.array([np.bincount(label.ravel(), minlength=14)[1:] / label.size for _, label, _ in volumes])
  mean = shares.mean(0)
  assert mean.argmax() == BTCV_ORGANS.index("liver")
  assert np.all(shares > 0.25 * mean) and np.all(shares < 3 * mean)
  for share in shares:
    assert np.corrcoef(np.log(share), np.log(mean))[0, 1] > 0.95


def test_intensities_are_plausible_and_overlap(volumes):
  def medians(organ):
    return np.array([np.median(image[label == value_of(organ)]) for image, label, _ in volumes])

  for organ in BTCV_ORGANS:
    assert medians(organ).min() > -60 and medians(organ).max() < 400, organ
  assert medians("aorta").mean() > medians("liver").mean() > medians("gallbladder").mean()
  for one, other in (
    ("liver", "spleen"),
    ("liver", "pancreas"),
    ("spleen", "pancreas"),
    ("spleen", "right kidney"),
    ("liver", "portal and splenic vein"),
    ("left adrenal gland", "liver"),
    ("stomach", "esophagus"),
  ):
    assert medians(one).min() < medians(other).max(), (one, other)
    assert medians(other).min() < medians(one).max(), (one, other)
  for image, label, _ in volumes:
    assert image.min() >= -1024 and np.median(image[:, :2]) < -900  # air before and behind the patient
    liver = image[label == value_of("liver")]
    assert 8 < np.std(liver) < 60


def test_bowel_and_muscle_look_like_organs(volumes):
  """Most of what is as bright as a liver is none: intensity alone does not segment."""
  for image, label, _ in volumes:
    low, high = np.percentile(image[label == value_of("liver")], [5, 95])
    alike = (image > low) & (image < high)
    assert np.sum(alike & (label != value_of("liver"))) > 0.5 * np.sum(alike & (label == value_of("liver")))
