"""The phantom: reproducible, anatomically placed, varied, and partially annotated as its manifest says."""

import functools
import json
import subprocess
import sys

import nibabel
import numpy as np
import pytest

from data.manifest import read_manifest
from data.organs import BTCV_ORGANS
from data.synthetic.cohort import Cohort, PartialCases, write_cohort
from data.synthetic.phantom_anatomy import ORGANS
from data.synthetic.phantom_ct import draw_case
from data.synthetic.phantom_field import SmoothField
from data.synthetic.phantom_patient import draw_patient
from data.synthetic.phantom_shapes import Ellipsoid, Solid, Tube

SMALL = Cohort(
  labeled_cases=1,
  partial_cases=3,
  test_cases=1,
  seed=5,
  organs=BTCV_ORGANS,
  partial=PartialCases(organs_per_case=4),
)
DRAW = functools.partial(draw_case, size=48)
PATIENTS = 12


def files(folder):
  return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def small_set(tmp_path_factory):
  folder = tmp_path_factory.mktemp("phantom")
  write_cohort(folder, SMALL, DRAW)
  return folder


@pytest.fixture(scope="module")
def volumes():
  """Full cases as (image_hu, label, affine)."""
  return [draw_case(seed=3, role="labeled", index=i, size=64) for i in range(PATIENTS)]


def value_of(organ):
  return 1 + BTCV_ORGANS.index(organ)


def centre_mm(label, affine, organ):
  z, y, x = np.nonzero(label == value_of(organ))
  return nibabel.affines.apply_affine(affine, [x.mean(), y.mean(), z.mean()])


# Shapes and fields.


def test_ellipsoid_distance_of_a_ball_is_exact():
  ball = Ellipsoid((1, 2, 3), (4, 4, 4))
  points = np.array([[1, 2, 3], [1, 2, 7], [1, 8, 3], [3, 2, 3]], np.float32).T
  np.testing.assert_allclose(ball.distance(points), [-4, 0, 2, -2], atol=0.01)


def test_tube_distance_is_to_the_nearest_cone_and_its_radius_is_interpolated():
  tube = Tube(((0, 0, 0), (10, 0, 0), (10, 10, 0)), (1, 3, 3))
  points = np.array([[5, 6, 0], [-4, 0, 0], [14, 5, 0], [10, 5, 0]], np.float32).T
  # Beside the first half (radius 2; the other leg is 5 away), before its start, beside and on the second leg.
  np.testing.assert_allclose(tube.distance(points), [2, 3, 1, -3], atol=1e-5)


def test_a_hole_is_outside():
  solid = Solid((Ellipsoid((0, 0, 0), (9, 9, 9)),), holes=(Ellipsoid((0, 0, 0), (4, 4, 4)),))
  np.testing.assert_allclose(
    solid.distance(np.array([[1, 6, 8, 11], [0] * 4, [0] * 4], np.float32)), [3, -2, -1, 2], atol=1e-4
  )


def test_smooth_field_has_its_deviation_and_belongs_to_space_not_to_the_grid():
  field = SmoothField(np.random.default_rng(0), spacing_mm=12, std=3, channels=2)
  coarse = [np.arange(-180, 181, 8.0), np.arange(-180, 181, 8.0), np.arange(-96, 97, 8.0)]
  fine = [np.arange(axis[0], axis[-1] + 1, 4) for axis in coarse]
  values = field.on_grid(coarse)
  assert values.shape == (2, 25, 46, 46)
  np.testing.assert_allclose(values, field.on_grid(fine)[:, ::2, ::2, ::2], atol=1e-5)
  # Knots are cut at two deviations, which takes 12 % off.
  assert 0.8 * 3 < values.std() < 1.05 * 3


# Patients.


def test_a_patient_is_a_pure_function_of_seed_role_and_index():
  first, again = (draw_case(7, "partial", 2, 48) for _ in range(2))
  for one, other in zip(first, again):
    np.testing.assert_array_equal(one, other)
  for other in (draw_case(8, "partial", 2, 48), draw_case(7, "test", 2, 48), draw_case(7, "partial", 3, 48)):
    assert not np.array_equal(first[0][:30], other[0][:30])


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


def test_mean_anatomy_and_patients_name_the_same_organs():
  assert set(ORGANS) == set(BTCV_ORGANS)
  assert [placed.organ for placed in draw_patient(np.random.default_rng(0)).organs] == list(ORGANS)


def test_every_organ_is_in_every_full_case(volumes):
  coarsest = [draw_case(11, "test", index, 48) for index in range(PATIENTS)]
  for _, label, _ in volumes + coarsest:
    counts = np.bincount(label.ravel(), minlength=1 + len(BTCV_ORGANS))
    assert counts.size == 1 + len(BTCV_ORGANS) and counts.min() > 0, dict(zip(BTCV_ORGANS, counts[1:]))


def test_organs_lie_where_they_belong(volumes):
  for _, label, affine in volumes:
    centre = {organ: centre_mm(label, affine, organ) for organ in BTCV_ORGANS}
    right, anterior, superior = ({organ: place[axis] for organ, place in centre.items()} for axis in range(3))
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
    places = [centre_mm(label, affine, organ) for _, label, affine in volumes]
    assert 8 < np.linalg.norm(np.std(places, 0)) < 30, organ


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


# Files.


def test_manifest_follows_the_rules(small_set):
  manifest = json.loads((small_set / "dataset.json").read_text())
  assert manifest["organs"] == list(BTCV_ORGANS)
  cases = {case["id"]: case for case in manifest["cases"]}
  assert list(cases) == ["labeled_000", "partial_000", "partial_001", "partial_002", "test_000"]
  for name, case in cases.items():
    assert (small_set / case["image"]).is_file() and (small_set / case["label"]).is_file()
    assert case["labels"] == {str(value): organ for value, organ in enumerate(BTCV_ORGANS, 1)}
    if name.startswith("partial"):
      assert len(case["annotated"]) == 4 and set(case["annotated"]) < set(BTCV_ORGANS) and "fold" not in case
    else:
      assert case["annotated"] == "all" and case["fold"] == (0 if name == "test_000" else 1)


def test_the_manifest_reader_takes_it(small_set):
  manifest = read_manifest(small_set / "dataset.json")
  assert len(manifest.cases) == 5


def test_label_maps_hold_the_annotated_organs_only(small_set):
  for case in json.loads((small_set / "dataset.json").read_text())["cases"]:
    annotated = BTCV_ORGANS if case["annotated"] == "all" else case["annotated"]
    stored = nibabel.load(small_set / case["label"])
    assert stored.get_data_dtype() == np.uint8
    assert set(np.unique(stored.dataobj)) == {0} | {value_of(organ) for organ in annotated}
    role, index = case["id"].split("_")
    image_hu, label, affine = DRAW(SMALL.seed, role, int(index))
    np.testing.assert_array_equal(
      np.asarray(stored.dataobj).T,
      np.where(np.isin(label, [value_of(organ) for organ in annotated]), label, 0),
    )
    image = nibabel.load(small_set / case["image"])
    assert image.get_data_dtype() == np.int16 and nibabel.aff2axcodes(image.affine) == ("R", "A", "S")
    np.testing.assert_array_equal(np.asarray(image.dataobj).T, image_hu)
    for file in (image, stored):
      np.testing.assert_allclose(file.affine, affine)
      np.testing.assert_allclose(file.header.get_qform(), affine, atol=1e-4)


def run(*arguments):
  return subprocess.run([sys.executable, "-m", "data.phantom", *arguments], capture_output=True, text=True)


def test_command_writes_the_same_bytes_and_more_cases_leave_the_others(small_set, tmp_path):
  """Over an older set, in another process: still the bytes of the first run, and no unfinished file."""
  arguments = (f"--output_dir={tmp_path}", "--size=48", "--seed=5", "--organs_per_partial_case=4")
  more = run(*arguments, "--labeled_cases=2", "--partial_cases=4", "--test_cases=1")
  assert more.returncode == 0 and not more.stderr, more.stderr  # no progress bar outside a terminal
  expected, written = files(small_set), files(tmp_path)
  assert len(written) == 2 * 7 + 1 and set(expected) < set(written)
  assert all(written[name] == content for name, content in expected.items() if name != "dataset.json")
  annotated = {case["id"]: case["annotated"] for case in json.loads(written["dataset.json"])["cases"]}
  for case in json.loads(expected["dataset.json"])["cases"]:
    assert annotated[case["id"]] == case["annotated"]
  assert run(*arguments, "--labeled_cases=1", "--partial_cases=3", "--test_cases=1").returncode == 0
  assert files(tmp_path)["dataset.json"] == expected["dataset.json"]


def test_an_interrupted_run_leaves_no_manifest(tmp_path):
  def interrupted(cases):
    yield cases[0]
    raise KeyboardInterrupt

  write_cohort(tmp_path, Cohort(1, 0, 0, 0, BTCV_ORGANS), DRAW)
  with pytest.raises(KeyboardInterrupt):
    write_cohort(tmp_path, Cohort(2, 0, 0, 1, BTCV_ORGANS), DRAW, progress=interrupted)
  assert not (tmp_path / "dataset.json").exists()


@pytest.mark.parametrize(
  "wrong, message",
  [
    (["--annotated=liver,splen"], "'splen'"),
    (["--size=20"], "[48, 512]"),
    (["--organs_per_partial_case=14"], "[0, 13]"),
    (["--labeled_cases=0", "--partial_cases=0"], "no cases"),
    (["--annotated_in_turn=liver,splen"], "'splen'"),
    (["--annotated_in_turn=liver", "--annotated=liver"], "one of them"),
    (["--partial_fields=full,lung_box"], "'lung_box'"),
  ],
)
def test_a_wrong_flag_ends_with_one_line_and_code_2(wrong, message, tmp_path):
  result = run(f"--output_dir={tmp_path / 'raw'}", *wrong)
  assert result.returncode == 2
  assert result.stderr.count("\n") == 1 and result.stderr.startswith("error: ") and message in result.stderr
  assert not (tmp_path / "raw").exists()


def test_a_folder_that_cannot_be_written_ends_with_one_line_and_code_1(tmp_path):
  (tmp_path / "raw").write_text("a file")
  result = run(f"--output_dir={tmp_path / 'raw'}", "--size=48")
  assert result.returncode == 1
  assert result.stderr.count("\n") == 1 and str(tmp_path / "raw") in result.stderr
