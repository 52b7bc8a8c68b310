"""Files to canonical orientation and back, what is refused, and real scans."""

import os
import pathlib
import shutil

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from data.input_error import InputError
from data.reading import volumes
from tests.data.formats.volume_files import (
  CANONICAL_AFFINE,
  ORIENTATIONS,
  RAMP,
  mutated,
  outcome,
  patch_bytes,
  ramp_file,
  refused,
  save,
  stored_as,
)


@pytest.mark.parametrize("axes, signs", ORIENTATIONS)
def test_every_orientation_reads_the_same_and_writes_back_its_own(tmp_path, axes, signs):
  stored, affine = stored_as(axes, signs)
  volume = volumes.read_image(save(tmp_path / "ct.nii.gz", stored, affine))
  assert volume.array.dtype == np.float32 and volume.array.flags.c_contiguous
  np.testing.assert_array_equal(volume.array, RAMP)
  np.testing.assert_allclose(volume.affine, CANONICAL_AFFINE, atol=1e-5)
  assert volume.spacing_mm == pytest.approx((2, 0.75, 0.5))
  volumes.write_label(str(tmp_path / "out.nii.gz"), RAMP.astype(np.uint8), volume)
  written = nib.load(tmp_path / "out.nii.gz")
  assert written.get_data_dtype() == np.uint8
  np.testing.assert_array_equal(np.asarray(written.dataobj), stored)
  np.testing.assert_allclose(written.affine, affine, atol=1e-5)
  np.testing.assert_allclose(written.get_qform(), affine, atol=1e-4)
  assert written.header["sform_code"] > 0 and written.header["qform_code"] > 0
  volumes.require_same_grid(volume, volumes.read_label(str(tmp_path / "out.nii.gz")))


def rotation(x_degrees, y_degrees, z_degrees):
  turn = np.eye(3)
  for axis, angle in enumerate(np.radians([x_degrees, y_degrees, z_degrees])):
    one = np.eye(3)
    a, b = (axis + 1) % 3, (axis + 2) % 3
    one[[a, a, b, b], [a, b, a, b]] = np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
    turn = one @ turn
  return turn


@pytest.mark.parametrize("axes, signs", ORIENTATIONS[::7])
def test_oblique_grid_keeps_its_world_coordinates(tmp_path, axes, signs):
  turned = CANONICAL_AFFINE.copy()
  turned[:3, :3] = rotation(12, -20, 9) @ CANONICAL_AFFINE[:3, :3]
  stored, affine = stored_as(axes, signs, affine=turned)
  volume = volumes.read_image(save(tmp_path / "ct.nii.gz", stored, affine))
  np.testing.assert_array_equal(volume.array, RAMP)
  for value in (0, 17, 59):  # one voxel each
    index = np.argwhere(volume.array == value)[0][::-1]
    own = np.argwhere(stored == value)[0]
    np.testing.assert_allclose((volume.affine @ [*index, 1])[:3], (affine @ [*own, 1])[:3], atol=1e-4)
  volumes.write_label(str(tmp_path / "out.nii.gz"), RAMP, volume)
  np.testing.assert_allclose(nib.load(tmp_path / "out.nii.gz").affine, affine, atol=1e-4)


# Labels


def test_label_types(tmp_path):
  for values, expected in (([0, 1, 255], np.uint8), ([0, 256, 3], np.int32), ([-1, 0, 2], np.int32)):
    for dtype in (np.int32, np.float64):
      stored = np.array(values, dtype).reshape(3, 1, 1)
      label = volumes.read_label(save(tmp_path / "label.nii.gz", stored, CANONICAL_AFFINE))
      assert label.array.dtype == expected
      assert label.array.ravel().tolist() == values


def test_float_label_is_rounded_or_refused(tmp_path):
  near = np.array([0.0005, 5.9995, 13], np.float32).reshape(3, 1, 1)
  label = volumes.read_label(save(tmp_path / "near.nii.gz", near, CANONICAL_AFFINE))
  assert label.array.dtype == np.uint8 and label.array.ravel().tolist() == [0, 6, 13]
  path = save(tmp_path / "far.nii.gz", near + 0.25, CANONICAL_AFFINE)
  refused(path, "3 voxel(s)", "0.2505", "nearest", read=volumes.read_label)
  path = save(tmp_path / "huge.nii.gz", near * 0 + 1e12, CANONICAL_AFFINE)
  refused(path, "32-bit", read=volumes.read_label)
  refused(tmp_path, "folder", read=volumes.read_label)


def test_same_grid_allows_half_a_voxel(tmp_path):
  image = volumes.read_image(ramp_file(tmp_path))

  def label(shift_mm):
    affine = CANONICAL_AFFINE.copy()
    affine[0, 3] += shift_mm
    return volumes.read_label(save(tmp_path / "label.nii.gz", RAMP.T, affine))

  volumes.require_same_grid(image, label(0.24))
  with pytest.raises(InputError, match=r"label\.nii\.gz.* 0\.26 mm .*ramp\.nii\.gz.*0\.25 mm"):
    volumes.require_same_grid(image, label(0.26))
  small = volumes.read_label(save(tmp_path / "label.nii.gz", RAMP.T[:, :, :4], CANONICAL_AFFINE))
  with pytest.raises(InputError, match=r"label\.nii\.gz.*4 x 4 x 3.*ramp\.nii\.gz.*5 x 4 x 3"):
    volumes.require_same_grid(image, small)


def test_label_on_another_orientation_of_the_same_grid_is_the_same_grid(tmp_path):
  image = volumes.read_image(ramp_file(tmp_path))
  label = volumes.read_label(save(tmp_path / "label.nii.gz", *stored_as((2, 1, 0), (-1, -1, 1))))
  volumes.require_same_grid(image, label)
  np.testing.assert_array_equal(label.array, RAMP)


@pytest.mark.parametrize("degrees", [45, -45, 135])
def test_pairs_at_45_degrees_are_brought_together(tmp_path, degrees):
  # At 45 degrees a late digit decides which canonical axis a file's first axis is nearer to.
  def turned(by):
    affine = CANONICAL_AFFINE.copy()
    affine[:3, :3] = rotation(0, 0, by) @ np.diag([-0.6, -0.6, 2])
    return affine

  nifti = save(tmp_path / "ct.nii.gz", RAMP.T, turned(degrees - 1e-3))
  label_file = save(tmp_path / "label.nii.gz", RAMP.T, turned(degrees + 1e-3))
  image, label = volumes.read_image(nifti), volumes.read_label(label_file)
  assert image.array.shape != label.array.shape  # 4 x 3 against 3 x 4
  brought = volumes.require_same_grid(image, label)
  np.testing.assert_array_equal(brought.array, image.array)
  np.testing.assert_allclose(brought.affine, image.affine, atol=1e-3)
  volumes.write_label(str(tmp_path / "out.nii.gz"), image.array.astype(np.uint8), image)
  np.testing.assert_array_equal(np.asarray(nib.load(tmp_path / "out.nii.gz").dataobj), RAMP.T)


def test_grids_of_another_angle_are_not_brought_together(tmp_path):
  affine = CANONICAL_AFFINE.copy()
  affine[:3, :3] = rotation(0, 0, 30) @ CANONICAL_AFFINE[:3, :3]
  image = volumes.read_image(ramp_file(tmp_path))
  label = volumes.read_label(save(tmp_path / "label.nii.gz", RAMP.T, affine))
  with pytest.raises(InputError, match=r"corners lie up to"):
    volumes.require_same_grid(image, label)


def test_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
  volume = volumes.read_image(ramp_file(tmp_path))
  target = tmp_path / "out" / "ct.nii.gz"
  target.parent.mkdir()
  target.write_bytes(b"old")

  def fail(*_):
    raise OSError("disk full")

  monkeypatch.setattr(os, "replace", fail)
  with pytest.raises(OSError, match="disk full"):
    volumes.write_label(str(target), RAMP, volume)
  assert os.listdir(target.parent) == ["ct.nii.gz"] and target.read_bytes() == b"old"
  monkeypatch.undo()
  volumes.write_label(str(target), RAMP, volume)
  once = target.read_bytes()
  volumes.write_label(str(target), RAMP, volume)
  assert target.read_bytes() == once


def test_write_refuses_wrong_labels(tmp_path):
  volume = volumes.read_image(ramp_file(tmp_path))
  for labels in (RAMP[1:], RAMP - 1, RAMP + 200, RAMP.astype(np.float32)):
    with pytest.raises(ValueError, match="received"):
      volumes.write_label(str(tmp_path / "out.nii.gz"), labels, volume)
  with pytest.raises(ValueError, match="written as"):
    volumes.write_label(str(tmp_path / "out.nii"), RAMP, volume)


# What is refused


def test_missing_and_foreign_files(tmp_path):
  refused(tmp_path / "none.nii.gz", "no such file")
  refused(tmp_path, "no DICOM slice")
  for name in ("text.nii.gz", "text.nii", "text.nrrd", "text.mha", "text.txt", "text.hdr", "text.img"):
    (tmp_path / name).write_text("not an image, but long enough " * 40)
  for name in ("text.nii.gz", "text.nii", "text.hdr"):
    refused(tmp_path / name, "not a NIfTI file")
  for name in ("text.nrrd", "text.mha", "text.txt"):
    refused(tmp_path / name, "SimpleITK cannot read it", ".nii.gz")
  (tmp_path / "empty.nii.gz").write_bytes(b"")
  refused(tmp_path / "empty.nii.gz", "not a NIfTI file")


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.9, 0.995])
def test_cut_files(tmp_path, kept):
  noise = np.random.default_rng(0).integers(-1000, 1000, (20, 24, 28)).astype(np.int16)
  for ending in (".nii", ".nii.gz", ".nrrd", ".mha"):
    whole = str(tmp_path / ("whole" + ending))
    if ending.startswith(".nii"):
      save(whole, noise, CANONICAL_AFFINE)
    else:
      sitk.WriteImage(sitk.ReadImage(str(tmp_path / "whole.nii")), whole)
    content = pathlib.Path(whole).read_bytes()
    (tmp_path / ("cut" + ending)).write_bytes(content[: int(kept * len(content))])
    refused(tmp_path / ("cut" + ending))


def test_not_one_value_per_voxel(tmp_path):
  image = sitk.GetImageFromArray(np.zeros((5, 4, 3, 2), np.uint8), isVector=True)
  image.SetSpacing((1, 1, 2))
  sitk.WriteImage(image, str(tmp_path / "two.nrrd"))
  refused(tmp_path / "two.nrrd", "2 value(s) per voxel")
  refused(save(tmp_path / "c.nii.gz", RAMP.T.astype(np.complex64), CANONICAL_AFFINE), "not a number")
  colours = np.zeros((3, 4, 5), [("R", "u1"), ("G", "u1"), ("B", "u1")])
  refused(save(tmp_path / "rgb.nii.gz", colours, CANONICAL_AFFINE), "not a number")


def test_no_geometry(tmp_path):
  path = save(tmp_path / "codes.nii", RAMP.T, CANONICAL_AFFINE)
  patch_bytes(path, 252, bytes(4))  # qform_code, sform_code
  refused(path, "both 0")
  refused(save(tmp_path / "identity.nii", RAMP.T, np.eye(4)), "identity")
  for name in ("plain.nrrd", "plain.mha"):
    sitk.WriteImage(sitk.GetImageFromArray(RAMP), str(tmp_path / name))
    refused(tmp_path / name, "geometry")


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd"])
def test_values_that_are_not_finite_are_counted(tmp_path, ending):
  stored = RAMP.T.astype(np.float32)
  stored[0, 0, :2] = np.nan, -np.inf
  save(tmp_path / "ct.nii.gz", stored, CANONICAL_AFFINE)
  if ending != ".nii.gz":  # not by way of the NIfTI, whose NaN SimpleITK reads as 0
    image = sitk.GetImageFromArray(stored.T)
    image.SetSpacing((0.5, 0.75, 2))
    sitk.WriteImage(image, str(tmp_path / ("ct" + ending)))
  for read in (volumes.read_image, volumes.read_label):
    refused(tmp_path / ("ct" + ending), "2 of 60", read=read)


def test_names_that_look_the_same(tmp_path):
  ramp_file(tmp_path)
  os.rename(tmp_path / "ramp.nii.gz", tmp_path / "cafe\u0301.nii.gz")
  assert volumes.read_image(tmp_path / "cafe\u0301.nii.gz").array.shape == RAMP.shape
  refused(tmp_path / "caf\u00e9.nii.gz", "no such file", "Unicode")


def test_names_that_are_no_text_and_long_names(tmp_path):
  ramp_file(tmp_path)
  for name in (os.fsdecode(b"caf\xe9.nii.gz"), "x" * 247 + ".nii.gz"):
    shutil.copy(tmp_path / "ramp.nii.gz", tmp_path / name)
    np.testing.assert_array_equal(volumes.read_image(tmp_path / name).array, RAMP)
  name = os.fsdecode(b"caf\xe9.mha")
  sitk.WriteImage(sitk.ReadImage(str(tmp_path / "ramp.nii.gz")), str(tmp_path / "a.mha"))
  os.rename(tmp_path / "a.mha", tmp_path / name)
  refused(tmp_path / name, "no UTF-8", "rename")


def test_a_link_that_leads_nowhere(tmp_path):
  (tmp_path / "ct.nii.gz").symlink_to(tmp_path / "gone")
  for read in (volumes.read_image, volumes.read_label):
    refused(tmp_path / "ct.nii.gz", "the link leads nowhere", read=read)


@pytest.mark.parametrize("name", ["ct.nii.gz", "ct.nrrd", "folder"])
def test_what_the_system_refuses_is_one_line(tmp_path, monkeypatch, name):
  path = tmp_path / name
  if name == "folder":
    path.mkdir()
  else:
    path.write_bytes(b"x")

  def forbidden(given, *_):
    raise PermissionError(13, "Permission denied", given)

  monkeypatch.setattr("os.listdir" if name == "folder" else "builtins.open", forbidden)
  for read in (volumes.read_image, volumes.read_label):
    with pytest.raises(InputError) as caught:
      read(path)
    assert str(caught.value).startswith(f"{path}: ") and "Permission denied" in str(caught.value)


def test_case_id(tmp_path):
  folder = tmp_path / "CT.1.3.12"
  folder.mkdir()
  names = {
    "a/img0001.nii.gz": "img0001",
    "b.c.nii": "b.c",
    "x.NII.GZ": "x",
    "v.seg.nrrd": "v.seg",
    "p.hdr": "p",
    "slice.dcm": "slice",
    "scan": "scan",
    "a/scan/": "scan",
    "t.tif": "t",
    f"{folder}/": "CT.1.3.12",
  }
  assert {name: volumes.case_id(name) for name in names} == names
  assert volumes.case_id(pathlib.Path("q.mha")) == "q"


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".nii", ".nrrd", ".mha"])
def test_random_bytes_of_other_headers(tmp_path, ending, capfd):
  path = str(tmp_path / ("ct" + ending))
  save(tmp_path / "whole.nii", RAMP.T, CANONICAL_AFFINE)
  if ending == ".nii":
    path = str(tmp_path / "whole.nii")
  else:
    sitk.WriteImage(sitk.ReadImage(str(tmp_path / "whole.nii")), path)
  with open(path, "rb") as file:
    whole = file.read()
  header = 352 if ending == ".nii" else whole.index(b"origin" if ending == ".nrrd" else b"LOCAL") + 20
  capfd.readouterr()  # SimpleITK's own words on writing
  found = []
  for seed in range(150):
    with open(path, "wb") as file:
      file.write(mutated(whole[:header], np.random.default_rng(seed)) + whole[header:])
    found.append(outcome(path))
    outcome(path, volumes.read_label)
  assert 30 < sum(line != "read" for line in found) < 150
  assert capfd.readouterr().err == ""


# Real scans


@pytest.mark.parametrize(
  "name, shape", [("ts_ct.nii.gz", (112, 101, 122)), ("ts_aorta_crop.nii.gz", (164, 126, 120))]
)
def test_real_nifti_agrees_with_simpleitk_and_its_label(name, shape, real_ct):
  image = volumes.read_image(real_ct / name)
  oracle = sitk.DICOMOrient(sitk.ReadImage(str(real_ct / name)), "LPS")
  assert image.array.shape == shape
  np.testing.assert_array_equal(image.array, sitk.GetArrayFromImage(oracle))
  volumes.require_same_grid(image, volumes.read_label(real_ct / name.replace(".nii.gz", "_label.nii.gz")))


def test_real_liver_lies_on_the_pictures_left_and_has_the_stated_hu(real_ct):
  image, label = (
    volumes.read_image(real_ct / "ts_ct.nii.gz"),
    volumes.read_label(real_ct / "ts_ct_label.nii.gz"),
  )
  liver, spleen = label.array == 6, label.array == 1
  assert np.argwhere(liver)[:, 2].mean() < np.argwhere(spleen)[:, 2].mean()
  assert image.array[liver].mean() == pytest.approx(44, abs=0.6)
  world_x = (np.argwhere(liver)[:, ::-1] @ image.affine[:3, :3].T + image.affine[:3, 3])[:, 0].mean()
  assert world_x == pytest.approx(67, abs=1)


def test_real_label_written_back_is_the_stored_one(tmp_path, real_ct):
  for name in ("ts_ct", "ts_aorta_crop"):
    image = volumes.read_image(real_ct / f"{name}.nii.gz")
    label = volumes.read_label(real_ct / f"{name}_label.nii.gz")
    volumes.write_label(str(tmp_path / "out.nii.gz"), label.array, image)
    written, own = nib.load(tmp_path / "out.nii.gz"), nib.load(real_ct / f"{name}_label.nii.gz")
    np.testing.assert_array_equal(np.asarray(written.dataobj), np.asarray(own.dataobj))
    np.testing.assert_allclose(written.affine, nib.load(real_ct / f"{name}.nii.gz").affine, atol=1e-4)
