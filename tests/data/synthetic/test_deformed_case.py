"""Patients made from one scan: seeded, image and label together, different, and connected."""

import functools

import nibabel
import numpy as np
import pytest
from scipy import ndimage

from data.guards.voxel_sketch import overlapping, sketch_voxels
from data.synthetic.deformed_case import draw_case
from data.synthetic.deformed_source import Source, read_source

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


def test_patients_of_one_scan_are_no_parts_of_it_or_of_each_other(blocks):
  images = [draw_case(7, "partial", index, blocks, (6.0, 6.0))[0] for index in range(2)]
  sketches = {number: sketch_voxels(image) for number, image in enumerate(images)}
  assert all(sketches.values()) and overlapping(sketches) == []


def test_image_and_label_move_together(blocks):
  """The organs are 2000 HU brighter than all else: wherever they go, the label goes too."""
  for index in range(2):
    image, label, _ = draw_case(1, "test", index, blocks, VOXEL_MM)
    bright, organ = image > 500, label > 0
    assert np.count_nonzero(bright & organ) > 0.95 * np.count_nonzero(bright | organ)
    assert image[ndimage.binary_erosion(organ)].min() > 500
    assert image[~ndimage.binary_dilation(organ)].max() < 500


def test_the_affine_is_of_a_patient_seen_from_the_feet(blocks):
  image, _, affine = draw_case(0, "labeled", 0, blocks, VOXEL_MM)
  assert nibabel.aff2axcodes(affine) == ("L", "P", "S")
  np.testing.assert_allclose(np.abs(np.diag(affine)), [4, 4, 5, 1])
  middle = (np.array(image.shape[::-1]) - 1) / 2
  np.testing.assert_allclose(nibabel.affines.apply_affine(affine, middle), 0, atol=1e-9)


@pytest.fixture(scope="module")
def scan(real_ct):
  return read_source(real_ct / "dataset.json", "ts_ct")


@pytest.mark.slow
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
