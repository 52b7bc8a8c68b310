"""A store at another spacing: the same patients on another grid, made once."""

import dataclasses
import shutil

import numpy as np
import pytest

from data.files.file_hash import file_sha256
from data.input_error import InputError
from data.organs import IGNORE
from data.stored.resampled import at_spacing
from data.stored.store import Store, StoredCase, read_store, verify
from tests.conftest import make_store

MANY = 10**9


@pytest.fixture(scope="module")
def store(tiny_store):
  return read_store(tiny_store)  # 3 x 2 x 2 mm, 6 x 40 x 36 voxels


def one_case_store(folder, image, label, spacing_mm=(3.0, 2.0, 2.0)):
  folder.mkdir(parents=True, exist_ok=True)
  for name, array in (("image", image), ("label", label)):
    np.save(folder / f"{name}.npy", array.astype(np.uint8))
  z, y, x = spacing_mm
  affine = np.array([[-x, 0, 0, 40], [0, -y, 0, -30], [0, 0, z, 7], [0, 0, 0, 1]])
  hashes = {name: file_sha256(folder / f"{name}.npy") for name in ("image", "label")}
  case = StoredCase(
    folder,
    "case",
    ("liver", "spleen"),
    2,
    spacing_mm,
    affine,
    image.shape,
    {},
    {"source_image": "a", "source_label": "b", **hashes},
  )
  return Store(folder, ("liver", "spleen"), (case,), (None, None, None))


def ellipsoid(shape, spacing_mm, radius_mm):
  grid = np.meshgrid(*[(np.arange(n) - (n - 1) / 2) * mm for n, mm in zip(shape, spacing_mm)], indexing="ij")
  return sum((axis / radius) ** 2 for axis, radius in zip(grid, radius_mm)) <= 1


def test_it_is_what_prepare_makes_at_that_spacing(store, tiny_raw, tmp_path):
  resampled = at_spacing(store, (2.0, 3.0, 2.5), tmp_path / "cache", MANY)
  prepared = read_store(make_store(tiny_raw / "dataset.json", tmp_path / "store", (2.0, 3.0, 2.5)))
  assert resampled.spacing_mm == prepared.spacing_mm and resampled.path == store.path
  for ours, theirs, old in zip(resampled.cases, prepared.cases, store.cases):
    np.testing.assert_array_equal(ours.label(), theirs.label())
    np.testing.assert_allclose(ours.image().astype(int), theirs.image().astype(int), atol=1)
    np.testing.assert_allclose(ours.affine, theirs.affine)
    for field in ("id", "annotated", "fold", "shape", "spacing_mm", "voxels"):
      assert getattr(ours, field) == getattr(theirs, field)
    assert (
      ours.sha256["source_image"] == old.sha256["source_image"]
      and ours.sha256["image"] != old.sha256["image"]
    )
  verify(resampled.cases)


def test_a_small_organ_keeps_a_voxel(tmp_path):
  label = np.zeros((8, 16, 16), np.uint8)
  label[:, :8], label[3, 12, 12] = 1, 2
  store = one_case_store(tmp_path / "case", label, label)
  (case,) = at_spacing(store, (12.0, 8.0, 8.0), tmp_path / "cache", MANY).cases
  assert np.count_nonzero(case.label() == 2) == 1


def test_a_store_that_has_the_spacing_is_returned_as_it_is(store, tmp_path):
  assert at_spacing(store, (None, None, None), tmp_path, MANY) is store
  at_three = dataclasses.replace(store, spacing_mm=(3.0, None, None))
  assert at_spacing(at_three, (3.001, None, None), tmp_path, MANY) is at_three
  assert not list(tmp_path.iterdir())


def test_a_case_that_has_the_spacing_stays_where_it_is(store, tmp_path):
  same = at_spacing(store, (3.0, 2.0, 2.0005), tmp_path, max_voxels=1)
  assert same.cases == store.cases and same.spacing_mm == (3.0, 2.0, 2.0005)


def test_constant_volumes_stay_constant(tmp_path):
  store = one_case_store(tmp_path / "case", np.full((6, 20, 18), 137), np.full((6, 20, 18), 2))
  case = at_spacing(store, (1.3, 1.7, 4.1), tmp_path / "cache", MANY).cases[0]
  assert (case.image() == 137).all() and (case.label() == 2).all()
  assert case.voxels == {"background": 0, "liver": 0, "spleen": case.label().size}


@pytest.mark.parametrize("spacing_mm", [(1.5, 1.5, 1.5), (None, 3.1, 2.9), (2.0, None, None)])
def test_organs_keep_their_place_and_volume(tmp_path, spacing_mm):
  shape, own_mm = (24, 40, 36), (3.0, 2.0, 2.0)
  label = np.roll(ellipsoid(shape, own_mm, (22, 24, 20)), (2, 5, -4), (0, 1, 2))
  old = one_case_store(tmp_path / "case", label * 200, label, own_mm).cases[0]
  new = at_spacing(
    one_case_store(tmp_path / "case", label * 200, label, own_mm), spacing_mm, tmp_path / "cache", MANY
  ).cases[0]

  def centre_mm(case, voxels):
    return case.affine[:3, :3] @ np.asarray(voxels, float)[::-1] + case.affine[:3, 3]

  middles = [centre_mm(case, (np.array(case.shape) - 1) / 2) for case in (old, new)]
  np.testing.assert_allclose(middles[1], middles[0], atol=1e-9)
  centres = [centre_mm(case, np.argwhere(np.asarray(case.label()) == 1).mean(axis=0)) for case in (old, new)]
  np.testing.assert_allclose(centres[1], centres[0], atol=0.2)
  volumes = [np.count_nonzero(case.label() == 1) * np.prod(case.spacing_mm) for case in (old, new)]
  assert volumes[1] == pytest.approx(volumes[0], rel=0.05)
  assert np.median(new.image()[new.label() == 1]) == 200


def test_ignore_is_a_class_of_its_own(tmp_path):
  label = np.zeros((6, 20, 18))
  label[:, :10], label[:, 10:, 9:] = 1, IGNORE
  case = at_spacing(
    one_case_store(tmp_path / "case", label, label), (None, 1.0, 1.0), tmp_path / "cache", MANY
  ).cases[0]
  expected = np.zeros((6, 40, 36))
  expected[:, :20], expected[:, 20:, 18:] = 1, IGNORE
  np.testing.assert_array_equal(case.label(), expected)
  assert case.voxels == {"background": 6 * 20 * 18, "liver": 6 * 20 * 36, "spleen": 0}


def folder_times(store):
  return {case.id: (case.folder / "image.npy").stat().st_mtime_ns for case in store.cases}


def test_what_is_in_the_cache_is_used_again(store, tmp_path):
  first = at_spacing(store, (3.0, 4.0, 4.0), tmp_path, MANY)
  times = folder_times(first)
  other = at_spacing(store, (3.0, 5.0, 5.0), tmp_path, MANY)  # beside it, not in its place
  assert other.cases[0].shape == (6, 16, 14)
  shutil.rmtree(first.cases[1].folder)
  (first.cases[2].folder / "label.npy").write_bytes(b"damaged")
  again = at_spacing(store, (3.0, 4.0, 4.0), tmp_path, MANY)
  changed = {name for name, time in folder_times(again).items() if time != times[name]}
  assert changed == {first.cases[1].id, first.cases[2].id}
  assert [case.sha256 for case in again.cases] == [case.sha256 for case in first.cases]


def test_a_changed_source_is_resampled_again(tmp_path):
  for value in (10, 20):
    store = one_case_store(tmp_path / "case", np.full((4, 8, 8), value), np.zeros((4, 8, 8)))
    assert (at_spacing(store, (2.0, 2.0, 2.0), tmp_path / "cache", MANY).cases[0].image() == value).all()


def test_finer_than_the_store_was_resampled_to(store, tmp_path):
  at_three = dataclasses.replace(store, spacing_mm=(3.0, None, None))
  with pytest.raises(
    InputError, match=r"resampled to 3 x own x own mm .*--spacing_mm=2\.5,1,1, from the original files"
  ):
    at_spacing(at_three, (2.5, 1.0, 1.0), tmp_path, MANY)
  assert at_spacing(at_three, (4.0, 1.0, 1.0), tmp_path, MANY).cases[0].shape == (4, 80, 72)


def test_too_large_and_no_place_to_keep_it(store, tmp_path):
  with pytest.raises(
    InputError, match=r"0\.1 x 0\.1 x 0\.1 mm .*103,680,000 voxels, above --max_voxels=1,000.*--spacing_mm"
  ):
    at_spacing(store, (0.1, 0.1, 0.1), tmp_path, 1000)
  (tmp_path / "file").write_text("no folder")
  with pytest.raises(InputError, match=r"file.*cannot be kept there"):
    at_spacing(store, (3.0, 4.0, 4.0), tmp_path / "file", MANY)
