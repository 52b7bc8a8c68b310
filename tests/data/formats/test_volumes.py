"""Files to canonical orientation and back, what is refused, and real scans."""

import gzip
import itertools
import os
import pathlib
import shutil

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from data.formats import volumes
from data.input_error import InputError

REAL = pathlib.Path(
  os.environ.get("PANN_REAL_CT", pathlib.Path(__file__).resolve().parents[4] / "shared" / "real-ct")
)
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="no real CT: set PANN_REAL_CT to the cases' folder")

# Canonical: x to Left and y to Posterior, both negative in RAS; no two extents or spacings alike.
RAMP = np.arange(5 * 4 * 3, dtype=np.int16).reshape(5, 4, 3)  # [z, y, x]
CANONICAL_AFFINE = np.array([[-0.5, 0, 0, 40], [0, -0.75, 0, -30], [0, 0, 2, 100], [0, 0, 0, 1]])
ORIENTATIONS = list(itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3)))


def stored_as(axes, signs, canonical=RAMP, affine=CANONICAL_AFFINE):
  """(array [i, j, k], affine) of a file whose axis n is canonical axis axes[n], in direction signs[n]."""
  stored = canonical.T.transpose(axes)[tuple(slice(None, None, sign) for sign in signs)]
  own = np.eye(4)
  first = np.zeros(3)
  for n, (axis, sign) in enumerate(zip(axes, signs)):
    own[:3, n] = sign * affine[:3, axis]
    first[axis] = 0 if sign > 0 else stored.shape[n] - 1
  own[:3, 3] = affine[:3, :3] @ first + affine[:3, 3]
  return stored, own


def save(path, stored, affine, unit="mm", **fields):
  image = nib.Nifti1Image(stored, affine)
  image.set_qform(affine, 1)
  image.header.set_xyzt_units(unit)
  for name, value in fields.items():
    image.header[name] = value
  nib.save(image, path)
  return str(path)


def ramp_file(folder, **fields):
  return save(folder / "ramp.nii.gz", RAMP.T, CANONICAL_AFFINE, **fields)


def patch_bytes(path, offset, fresh):
  """Overwrites bytes of an uncompressed file: nibabel would not write such a header."""
  with open(path, "r+b") as file:
    file.seek(offset)
    file.write(fresh)


def refused(path, *words, read=volumes.read_image):
  with pytest.raises(InputError) as caught:
    read(path)
  message = str(caught.value)
  assert "\n" not in message and message.startswith(f"{path}: "), message
  for word in words:
    assert word in message, message


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
    place = np.argwhere(volume.array == value)[0][::-1]
    own = np.argwhere(stored == value)[0]
    np.testing.assert_allclose((volume.affine @ [*place, 1])[:3], (affine @ [*own, 1])[:3], atol=1e-4)
  volumes.write_label(str(tmp_path / "out.nii.gz"), RAMP, volume)
  np.testing.assert_allclose(nib.load(tmp_path / "out.nii.gz").affine, affine, atol=1e-4)


@pytest.mark.parametrize(
  "dtype, slope, intercept",
  [
    ("<i2", None, None),
    (">i2", None, None),
    ("<u2", 1, -1024),
    (">f4", 0.5, 3),
    ("<f8", None, None),
    ("<i4", 2, 0),
    ("u1", None, None),
    ("<i8", None, None),
  ],
)
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_agrees_with_simpleitk(tmp_path, dtype, slope, intercept, ending):
  header = nib.Nifti1Header(endianness=dtype[0] if dtype[0] in "<>" else "<")
  header.set_data_dtype(dtype)
  stored, affine = stored_as((2, 0, 1), (-1, 1, -1))
  image = nib.Nifti1Image(stored.astype(dtype), affine, header)
  image.header.set_slope_inter(slope, intercept)
  path = str(tmp_path / ("ct" + ending))
  nib.save(image, path)
  oracle = sitk.DICOMOrient(sitk.ReadImage(path), "LPS")
  volume = volumes.read_image(path)
  np.testing.assert_allclose(volume.array, sitk.GetArrayFromImage(oracle), rtol=1e-6)
  np.testing.assert_allclose(volume.spacing_mm, oracle.GetSpacing()[::-1], rtol=1e-6)
  np.testing.assert_allclose(volume.affine[:3, 3], np.array(oracle.GetOrigin()) * [-1, -1, 1], atol=1e-4)


@pytest.mark.parametrize("ending", [".nrrd", ".mha", ".mhd"])
def test_other_formats_equal_the_nifti(tmp_path, ending):
  stored, affine = stored_as((1, 0, 2), (1, -1, 1))
  nifti = save(tmp_path / "ct.nii.gz", stored, affine)
  other = str(tmp_path / ("ct" + ending))
  sitk.WriteImage(sitk.ReadImage(nifti), other)
  left, right = volumes.read_image(nifti), volumes.read_image(other)
  np.testing.assert_array_equal(left.array, right.array)
  np.testing.assert_allclose(left.affine, right.affine, atol=1e-4)
  volumes.write_label(str(tmp_path / "out.nii.gz"), right.array.astype(np.uint8), right)
  np.testing.assert_array_equal(np.asarray(nib.load(tmp_path / "out.nii.gz").dataobj), stored)


def test_nifti_2_and_trailing_axes_of_one(tmp_path):
  nib.save(nib.Nifti2Image(RAMP.T[..., None, None], CANONICAL_AFFINE), tmp_path / "ct.nii.gz")
  volume = volumes.read_image(tmp_path / "ct.nii.gz")
  np.testing.assert_array_equal(volume.array, RAMP)
  volumes.write_label(str(tmp_path / "out.nii.gz"), RAMP, volume)
  assert nib.load(tmp_path / "out.nii.gz").shape == (3, 4, 5, 1, 1)


@pytest.mark.parametrize("unit, factor", [("mm", 1), ("meter", 1000), ("micron", 0.001), ("unknown", 1)])
def test_spatial_unit_of_the_header(tmp_path, unit, factor):
  affine = CANONICAL_AFFINE / [[factor]] * 1.0
  affine[3, 3] = 1
  volume = volumes.read_image(save(tmp_path / "ct.nii.gz", RAMP.T, affine, unit=unit))
  assert volume.spacing_mm == pytest.approx((2, 0.75, 0.5))
  volumes.write_label(str(tmp_path / "out.nii.gz"), RAMP, volume)
  written = nib.load(tmp_path / "out.nii.gz")
  np.testing.assert_allclose(written.affine, affine, rtol=1e-6)
  assert written.header.get_xyzt_units()[0] == ("mm" if unit == "unknown" else unit)


def test_sform_goes_before_qform_and_qform_stands_alone(tmp_path):
  shifted = CANONICAL_AFFINE.copy()
  shifted[:3, 3] += 7
  image = nib.Nifti1Image(RAMP.T, CANONICAL_AFFINE)
  image.set_qform(shifted, 1)
  for code, expected in ((1, CANONICAL_AFFINE), (0, shifted)):
    nib.save(image, tmp_path / "ct.nii")
    patch_bytes(tmp_path / "ct.nii", 254, code.to_bytes(2, "little"))  # sform_code
    np.testing.assert_allclose(volumes.read_image(tmp_path / "ct.nii").affine, expected, atol=1e-4)


def test_name_ending_and_compression_may_disagree(tmp_path):
  path = ramp_file(tmp_path)
  (tmp_path / "packed.nii").write_bytes(pathlib.Path(path).read_bytes())
  (tmp_path / "plain.nii.gz").write_bytes(gzip.decompress(pathlib.Path(path).read_bytes()))
  for name in ("packed.nii", "plain.nii.gz"):
    np.testing.assert_array_equal(volumes.read_image(tmp_path / name).array, RAMP)


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


def test_cut_in_the_gzip_trailer_and_a_flipped_bit(tmp_path):
  content = bytearray(pathlib.Path(ramp_file(tmp_path)).read_bytes())
  (tmp_path / "cut.nii.gz").write_bytes(content[:-4])
  refused(tmp_path / "cut.nii.gz", "gzip stream")
  content[-7] ^= 1  # in the CRC
  (tmp_path / "crc.nii.gz").write_bytes(content)
  refused(tmp_path / "crc.nii.gz", "gzip stream")


def test_header_that_promises_more_than_memory(tmp_path):
  path = save(tmp_path / "ct.nii", RAMP.T, CANONICAL_AFFINE)
  patch_bytes(path, 42, np.array([30000] * 3, "<i2").tobytes())  # dim[1:4]
  refused(path, "cut short", "54000000000000 bytes")


def test_simpleitk_prints_nothing(tmp_path, capfd):
  sitk.WriteImage(sitk.ReadImage(ramp_file(tmp_path)), str(tmp_path / "ct.mhd"))
  data = next(tmp_path.glob("ct.*raw"))
  os.truncate(data, 7)
  capfd.readouterr()  # SimpleITK's own words on writing
  refused(tmp_path / "ct.mhd", ".mhd")
  os.remove(data)
  refused(tmp_path / "ct.mhd", "data file")
  assert capfd.readouterr().err == ""


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 5, 2), (3, 4, 5, 1, 2), (3, 4, 5, 1, 1, 3)])
def test_not_three_axes(tmp_path, shape):
  path = save(tmp_path / "ct.nii.gz", np.zeros(shape, np.int16), CANONICAL_AFFINE)
  refused(path, f"{len(shape)}-D", " x ".join(map(str, shape)))


def test_not_one_value_per_voxel(tmp_path):
  image = sitk.GetImageFromArray(np.zeros((5, 4, 3, 2), np.uint8), isVector=True)
  image.SetSpacing((1, 1, 2))
  sitk.WriteImage(image, str(tmp_path / "two.nrrd"))
  refused(tmp_path / "two.nrrd", "2 value(s) per voxel")
  refused(save(tmp_path / "c.nii.gz", RAMP.T.astype(np.complex64), CANONICAL_AFFINE), "not a number")
  colours = np.zeros((3, 4, 5), [("R", "u1"), ("G", "u1"), ("B", "u1")])
  refused(save(tmp_path / "rgb.nii.gz", colours, CANONICAL_AFFINE), "not a number")


@pytest.mark.parametrize("value", [0, -0.5, np.nan, np.inf])
def test_spacing_that_is_none(tmp_path, capfd, value):
  path = save(tmp_path / "ct.nii", RAMP.T, CANONICAL_AFFINE)
  patch_bytes(path, 84, np.float32(value).tobytes())  # pixdim[2]
  refused(path, "pixdim")
  assert capfd.readouterr().err == ""  # nibabel's header check would print


def test_spacings_that_contradict(tmp_path):
  path = save(tmp_path / "ct.nii", RAMP.T, CANONICAL_AFFINE)
  patch_bytes(path, 84, np.float32(1.5).tobytes())
  refused(path, "(0.5, 0.75, 2) by the sform", "(0.5, 1.5, 2) by pixdim")


def test_absurd_spacing(tmp_path):
  refused(save(tmp_path / "ct.nii", RAMP.T, CANONICAL_AFFINE, unit="meter"), "(2000, 750, 500) mm", "meter")


def test_no_geometry(tmp_path):
  path = save(tmp_path / "codes.nii", RAMP.T, CANONICAL_AFFINE)
  patch_bytes(path, 252, bytes(4))  # qform_code, sform_code
  refused(path, "both 0")
  refused(save(tmp_path / "identity.nii", RAMP.T, np.eye(4)), "identity")
  for name in ("plain.nrrd", "plain.mha"):
    sitk.WriteImage(sitk.GetImageFromArray(RAMP), str(tmp_path / name))
    refused(tmp_path / name, "geometry")


def test_shear(tmp_path):
  affine = CANONICAL_AFFINE.copy()
  affine[:3, 1] = [0.75 * np.sin(np.radians(10)), -0.75 * np.cos(np.radians(10)), 0]
  image = nib.Nifti1Image(RAMP.T, affine)
  nib.save(image, tmp_path / "ct.nii.gz")
  refused(tmp_path / "ct.nii.gz", "80.0 degrees instead of 90", "resample")


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


# Real scans


@needs_real
@pytest.mark.parametrize(
  "name, shape", [("ts_ct.nii.gz", (112, 101, 122)), ("ts_aorta_crop.nii.gz", (164, 126, 120))]
)
def test_real_nifti_agrees_with_simpleitk_and_its_label(name, shape):
  image = volumes.read_image(REAL / name)
  oracle = sitk.DICOMOrient(sitk.ReadImage(str(REAL / name)), "LPS")
  assert image.array.shape == shape
  np.testing.assert_array_equal(image.array, sitk.GetArrayFromImage(oracle))
  volumes.require_same_grid(image, volumes.read_label(REAL / name.replace(".nii.gz", "_label.nii.gz")))


@needs_real
def test_real_liver_lies_on_the_pictures_left_and_has_the_stated_hu():
  image, label = volumes.read_image(REAL / "ts_ct.nii.gz"), volumes.read_label(REAL / "ts_ct_label.nii.gz")
  liver, spleen = label.array == 6, label.array == 1
  assert np.argwhere(liver)[:, 2].mean() < np.argwhere(spleen)[:, 2].mean()
  assert image.array[liver].mean() == pytest.approx(44, abs=0.6)
  world_x = (np.argwhere(liver)[:, ::-1] @ image.affine[:3, :3].T + image.affine[:3, 3])[:, 0].mean()
  assert world_x == pytest.approx(67, abs=1)


@needs_real
def test_real_label_written_back_is_the_stored_one(tmp_path):
  for name in ("ts_ct", "ts_aorta_crop"):
    image = volumes.read_image(REAL / f"{name}.nii.gz")
    label = volumes.read_label(REAL / f"{name}_label.nii.gz")
    volumes.write_label(str(tmp_path / "out.nii.gz"), label.array, image)
    written, own = nib.load(tmp_path / "out.nii.gz"), nib.load(REAL / f"{name}_label.nii.gz")
    np.testing.assert_array_equal(np.asarray(written.dataobj), np.asarray(own.dataobj))
    np.testing.assert_allclose(written.affine, nib.load(REAL / f"{name}.nii.gz").affine, atol=1e-4)


@needs_real
def test_awkward_nifti(tmp_path):
  folder = REAL / "awkward" / "nifti"
  whole = volumes.read_image(folder / "anatomical.nii")  # big-endian
  oracle = sitk.DICOMOrient(sitk.ReadImage(str(folder / "anatomical.nii")), "LPS")
  np.testing.assert_array_equal(whole.array, sitk.GetArrayFromImage(oracle))
  for half in ("anatomical_pair.hdr", "anatomical_pair.img"):
    np.testing.assert_array_equal(volumes.read_image(folder / "pair" / half).array, whole.array)
  shutil.copy(folder / "pair" / "anatomical_pair.img", tmp_path)
  refused(tmp_path / "anatomical_pair.img", "anatomical_pair.hdr is missing")
  refused(folder / "example4d.nii.gz", "4-D", "128 x 96 x 24 x 2")
  refused(folder / "nifti1.hdr", "nifti1.img is missing")
  refused(folder / "row_major.dconn.nii", "6-D")
  refused(folder / "shear.nii.gz", "71.5 degrees")
