"""Patients bent from one scan: seeded, image and label together, different, and connected."""

import functools
import json

import nibabel
import numpy as np
import pytest
from scipy import ndimage

from data.input_error import InputError
from data.synthetic.deformed_case import draw_case
from data.synthetic.deformed_shape import draw_shape
from data.synthetic.deformed_source import Source, read_source
from tests.conftest import run_command

VOXEL_MM = (4.0, 5.0)


@pytest.fixture(scope="module")
def blocks():
  """A scan of 300 x 240 x 220 mm with two bright organs in a dark body."""
  label = np.zeros((55, 60, 75), np.uint8)
  label[30:45, 15:35, 10:30], label[25:40, 20:40, 45:60] = 1, 2
  image = np.where(label > 0, 1500, -500).astype(np.float32)
  return Source(image, label, (4.0, 4.0, 4.0), ("liver", "spleen"))


def test_a_patient_is_a_pure_function_of_seed_role_and_index(blocks):
  draw = functools.partial(draw_case, source=blocks, voxel_mm=(8.0, 10.0))
  for one, other in zip(draw(7, "partial", 2), draw(7, "partial", 2)):
    np.testing.assert_array_equal(one, other)
  for other in (draw(8, "partial", 2), draw(7, "test", 2), draw(7, "partial", 3)):
    assert not np.array_equal(draw(7, "partial", 2)[0][-15:], other[0][-15:])


def test_image_and_label_move_together(blocks):
  """The organs are 2000 HU brighter than all else: wherever they go, the label goes too."""
  for index in range(2):
    image, label, _ = draw_case(1, "test", index, blocks, VOXEL_MM)
    bright, organ = image > 500, label > 0
    assert np.count_nonzero(bright & organ) > 0.95 * np.count_nonzero(bright | organ)
    assert image[ndimage.binary_erosion(organ)].min() > 500
    assert image[~ndimage.binary_dilation(organ)].max() < 500


def test_the_bend_does_not_fold(blocks):
  for index in range(5):
    shape = draw_shape(np.random.default_rng(index))
    places = shape.source_mm(shape.axes_mm(8, 8))
    slopes = np.stack([np.stack(np.gradient(place, 8)) for place in places])
    volumes = np.linalg.det(np.moveaxis(slopes, (0, 1), (-2, -1)))
    assert volumes.max() < 0 or volumes.min() > 0  # one sign everywhere: nothing is turned inside out
    assert places[2].min() >= 0  # and nothing comes from above the scan


def test_the_affine_is_of_a_patient_seen_from_the_feet(blocks):
  image, _, affine = draw_case(0, "labeled", 0, blocks, VOXEL_MM)
  assert nibabel.aff2axcodes(affine) == ("L", "P", "S")
  np.testing.assert_allclose(np.abs(np.diag(affine)), [4, 4, 5, 1])
  middle = (np.array(image.shape[::-1]) - 1) / 2
  np.testing.assert_allclose(nibabel.affines.apply_affine(affine, middle), 0, atol=1e-9)


@pytest.fixture(scope="module")
def scan(real_ct):
  return read_source(real_ct / "dataset.json", "ts_ct")


def test_real_patients_differ_and_keep_their_organs(scan):
  labels = [draw_case(100, "test", index, scan, VOXEL_MM)[1] for index in range(3)]
  counts = np.array([np.bincount(label.ravel(), minlength=1 + len(scan.organs))[1:] for label in labels])
  assert counts.min() > 10
  assert (counts.std(axis=0) / counts.mean(axis=0)).mean() > 0.15
  for organ in ("liver", "spleen", "right kidney", "left kidney", "stomach", "aorta"):
    value = 1 + scan.organs.index(organ)
    for label in labels:
      pieces, _ = ndimage.label(label == value, np.ones((3, 3, 3)))
      assert np.bincount(pieces.ravel())[1:].max() > 0.97 * np.count_nonzero(pieces), organ
  ours, theirs = (label[-38:] == 1 + scan.organs.index("liver") for label in labels[:2])
  dice = 2 * np.count_nonzero(ours & theirs) / (np.count_nonzero(ours) + np.count_nonzero(theirs))
  assert dice < 0.9  # the atlas of one patient does not segment the next


def test_sources_that_do_not_do(real_ct):
  with pytest.raises(InputError, match="has no case 'x'; its cases are ts_ct"):
    read_source(real_ct / "dataset.json", "x")
  with pytest.raises(InputError, match="does not annotate right kidney"):
    read_source(real_ct / "dataset.json", "ts_dicom")


def test_other_files_than_those_meant_are_refused(real_ct):
  assert read_source(real_ct / "dataset.json", "ts_ct", ("dbd3ae6d", "1b517cc9")).organs
  with pytest.raises(
    InputError,
    match=r"ts_ct_label\.nii\.gz: is another file than --sha256=dbd3ae6d,00000000 asks for "
    r"\(its own begins 1b517cc9\)",
  ):
    read_source(real_ct / "dataset.json", "ts_ct", ("dbd3ae6d", "00000000"))


@pytest.mark.slow
def test_the_command_writes_a_cohort_of_the_scans_organs(real_ct, tmp_path):
  arguments = f"--manifest={real_ct / 'dataset.json'}", f"--output_dir={tmp_path}"
  run_command(
    "data.deformed",
    *arguments,
    "--labeled_cases=1",
    "--partial_cases=2",
    "--test_cases=1",
    "--annotated_in_turn=spleen,liver",
    "--pixel_mm=8",
    "--slice_mm=10",
  )
  manifest = json.loads((tmp_path / "dataset.json").read_text())
  assert len(manifest["organs"]) == 12
  assert [case["annotated"] for case in manifest["cases"]] == ["all", ["spleen"], ["liver"], "all"]
  wrong = run_command("data.deformed", *arguments, "--annotated=esophagus", check=False)
  assert wrong.returncode == 2 and "'esophagus'" in wrong.stderr and wrong.stderr.count("\n") == 1
