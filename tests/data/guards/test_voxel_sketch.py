"""A scan is known by a part of its voxels, and no other scan is taken for it."""

import base64

import numpy as np
import pytest

from data.guards import voxel_sketch
from data.guards.voxel_sketch import KEPT, overlapping, read_sketch, sketch_voxels
from data.reading.volumes import read_image


def noisy_body(seed, shape=(12, 72, 80)):
  """HU float32: air, fat, soft tissue and bone, everywhere with noise."""
  rng = np.random.default_rng(seed)
  hu = np.full(shape, -1000.0)
  hu[:, 8:-8, 8:-8] = -100
  hu[:, 12:-12, 12:-12] = 50
  hu[:, 30:40, 30:44] = 700
  return np.rint(hu + rng.normal(0, 20, shape)).astype(np.float32)


BODY = noisy_body(0)
CHANGES = {
  "fewer slices": lambda hu: hu[4:9],
  "fewer rows": lambda hu: hu[:, 21:50],
  "fewer columns": lambda hu: hu[:, :, 33:70],
  "a part of all axes": lambda hu: hu[1:8, 11:66, 19:79],
  "values of a file without intercept": lambda hu: hu + 1024,
  "a window": lambda hu: np.clip(hu, -160, 240),
  "a margin of air": lambda hu: np.pad(hu, ((2, 1), (5, 0), (3, 14)), constant_values=-1024),
  "a header that mirrors x": lambda hu: hu[:, :, ::-1],
  "upside down": lambda hu: hu[:, ::-1],
  "feet first": lambda hu: hu[::-1],
  "other axes in memory": lambda hu: np.asfortranarray(hu),
  "values times a slope": lambda hu: hu * np.float32(1.00001) + np.float32(0.01),
  "several of these": lambda hu: np.pad(np.clip(hu[2:, 15:60, 30:] + 1024, 864, 1264), 4)[:, ::-1],
}


def found(*images):
  return overlapping(dict(enumerate(map(sketch_voxels, images))))


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_scan_is_known_again(change):
  assert found(BODY, noisy_body(1), change(BODY)) == [(0, 2)]


@pytest.mark.parametrize(
  "change", ["values of a file without intercept", "a header that mirrors x", "upside down"]
)
def test_an_offset_and_mirrored_axes_change_nothing_at_all(change):
  assert sketch_voxels(CHANGES[change](BODY)) == sketch_voxels(BODY) != ""


def test_each_of_two_parts_is_a_part_of_the_whole_and_not_of_the_other():
  assert found(BODY[:6], BODY, BODY[6:]) == [(0, 1), (1, 2)]


def test_overlapping_parts():
  assert found(BODY[:8], BODY[3:]) == [(0, 1)]


def test_other_noise_on_the_same_body_is_another_scan():
  assert found(*map(noisy_body, range(12))) == []


def test_smooth_scans_are_told_apart():
  """A soft kernel leaves few values to a row of voxels; they are the same in any scan."""
  kernel = np.ones(5) / 5
  smooth = [noisy_body(seed) for seed in range(4)]
  for axis in (1, 2):
    smooth = [np.apply_along_axis(np.convolve, axis, hu, kernel, "same") for hu in smooth]
  assert found(*smooth, smooth[0][:, 20:60]) == [(0, 4)]


def test_the_size_of_a_slab_does_not_matter(monkeypatch):
  whole = sketch_voxels(BODY)
  for voxels in (1, 5 * 72 * 80):
    monkeypatch.setattr(voxel_sketch, "_SLAB_VOXELS", voxels)
    assert sketch_voxels(BODY) == whole


def test_the_smallest_of_many_hashes_are_kept_each_once():
  twice = np.concatenate([BODY, BODY])
  hashes = read_sketch(sketch_voxels(twice))
  assert len(hashes) == KEPT and hashes == sorted(set(hashes))
  assert sketch_voxels(twice) == sketch_voxels(BODY)


@pytest.mark.parametrize(
  "image",
  [
    np.zeros((6, 64, 64)),
    np.tile(np.arange(64.0), (6, 64, 1)),
    np.where(noisy_body(0) > 0, 3071.0, -1024.0),
    noisy_body(0) // 400 * 400,
    noisy_body(0)[:, :3],
    noisy_body(0)[:, :, :7],
    noisy_body(0)[:1, :16, :16],
  ],
  ids=["air", "a ramp", "saturated", "a few values", "few rows", "few columns", "few voxels"],
)
def test_what_is_too_little_to_tell_scans_by(image):
  assert sketch_voxels(image) == ""
  assert found(image, image) == []


@pytest.mark.parametrize("text", ["é", "AAAA", "not base64!", base64.b64encode(b"123456789").decode()])
def test_what_is_no_sketch(text):
  with pytest.raises(ValueError):
    read_sketch(text)


def test_two_real_scans_and_a_part_of_one(real_ct):
  one, other = (read_image(real_ct / name).array for name in ("ts_ct.nii.gz", "ts_aorta_crop.nii.gz"))
  middle = np.clip(one[30:80, 20:90, 20:100], -160, 240)
  assert found(one, other, middle) == [(0, 2)]
  assert found(one[:50], one[50:]) == []


@pytest.mark.slow
def test_real_scans_of_full_size(real_ct):
  abdomen, liver = (read_image(real_ct / name).array for name in ("ts_dicom", "dcmqi_liver"))
  assert found(abdomen, liver, abdomen[:, 100:400, 120:380]) == [(0, 2)]
  assert found(*(abdomen[z : z + 1] for z in range(0, 20, 2))) == []
