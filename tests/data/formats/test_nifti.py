"""NIfTI headers and voxels: what agrees with SimpleITK, and what is refused."""

import gzip
import pathlib
import shutil
import struct

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from data.cases import Reading
from data.formats import nifti
from data.input_error import InputError
from data.reading import volumes
from tests.data.formats.volume_files import (
  CANONICAL_AFFINE,
  RAMP,
  patch_bytes,
  ramp_file,
  refused,
  save,
  stored_as,
)


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


def test_name_ending_and_compression_may_disagree(tmp_path):
  path = ramp_file(tmp_path)
  (tmp_path / "packed.nii").write_bytes(pathlib.Path(path).read_bytes())
  (tmp_path / "plain.nii.gz").write_bytes(gzip.decompress(pathlib.Path(path).read_bytes()))
  for name in ("packed.nii", "plain.nii.gz"):
    np.testing.assert_array_equal(volumes.read_image(tmp_path / name).array, RAMP)


def test_cut_in_the_gzip_trailer_and_a_flipped_bit(tmp_path):
  content = bytearray(pathlib.Path(ramp_file(tmp_path)).read_bytes())
  (tmp_path / "cut.nii.gz").write_bytes(content[:-4])
  refused(tmp_path / "cut.nii.gz", "gzip stream")
  content[-7] ^= 1  # in the CRC
  (tmp_path / "crc.nii.gz").write_bytes(content)
  refused(tmp_path / "crc.nii.gz", "gzip stream")


@pytest.mark.parametrize("ending, slope", [(".nii", 0), (".nii.gz", 2)])
def test_slices_that_the_header_does_not_know(tmp_path, ending, slope):
  """As where dim was mended by hand: other programs read the first slices without a word."""
  path = save(tmp_path / f"ct{ending}", RAMP.T, CANONICAL_AFFINE, scl_slope=slope, scl_inter=0)
  assert volumes.read_image(path).notes == ()
  content = pathlib.Path(path).read_bytes()
  raw = bytearray(gzip.decompress(content) if ending == ".nii.gz" else content)
  raw[46:48] = (3).to_bytes(2, "little")  # dim[3], of five slices
  pathlib.Path(path).write_bytes(gzip.compress(raw) if ending == ".nii.gz" else raw)
  volume = volumes.read_image(path)
  assert len(volume.array) == 3 and "room for 2 more slices" in volume.notes[0]


def test_infinite_slope(tmp_path):
  path = ramp_file(tmp_path)
  raw = bytearray(gzip.decompress(pathlib.Path(path).read_bytes()))
  raw[112:116] = np.float32(np.inf).tobytes()
  pathlib.Path(path).write_bytes(gzip.compress(raw))
  refused(path, "scl_slope is infinite")


def test_header_that_promises_more_than_memory(tmp_path):
  path = save(tmp_path / "ct.nii", RAMP.T, CANONICAL_AFFINE)
  patch_bytes(path, 42, np.array([30000] * 3, "<i2").tobytes())  # dim[1:4]
  refused(path, "cut short", "54000000000000 bytes")


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 5, 2), (3, 4, 5, 1, 2), (3, 4, 5, 1, 1, 3)])
def test_not_three_axes(tmp_path, shape):
  path = save(tmp_path / "ct.nii.gz", np.zeros(shape, np.int16), CANONICAL_AFFINE)
  refused(path, f"{len(shape)}-D", " x ".join(map(str, shape)))


def test_of_four_axes_the_first_volume_on_request(tmp_path):
  both = np.stack([RAMP.T, RAMP.T + 100], axis=-1)
  path = save(tmp_path / "ct.nii.gz", both, CANONICAL_AFFINE)
  np.testing.assert_array_equal(
    volumes.read_image(path, reading=Reading(first_of_four_axes=True)).array, RAMP
  )
  content = pathlib.Path(path).read_bytes()
  pathlib.Path(path).write_bytes(content[:-30])
  with pytest.raises(InputError, match="gzip stream"):  # though the first volume is there
    volumes.read_image(path, reading=Reading(first_of_four_axes=True))


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, 1)])
def test_a_lost_spacing_is_known_and_given(tmp_path, signs):
  affine = np.diag([*signs, 1.0])
  affine[:3, 3] = 5, 6, 7
  path = save(tmp_path / "ct.nii.gz", RAMP.T, affine)
  assert nifti.lacks_spacing(path) and not nifti.lacks_spacing(
    save(tmp_path / "a.nii", RAMP.T, CANONICAL_AFFINE)
  )
  volume = volumes.read_image(path, reading=Reading(spacing_mm=(2.5, 0.75, 0.5)))
  assert volume.spacing_mm == (2.5, 0.75, 0.5) and "the spacing was given" in volume.notes[0]
  where = np.argwhere(volume.array == RAMP[0, 0, 0])[0][::-1]  # the file's first voxel lies at its origin
  np.testing.assert_allclose((volume.affine @ [*where, 1])[:3], [5, 6, 7])


def test_a_spacing_that_is_given_to_a_file_with_one(tmp_path):
  path = save(tmp_path / "ct.nii.gz", RAMP.T, CANONICAL_AFFINE)
  with pytest.raises(InputError, match=r"one of its own .* \(0\.5, 0\.75, 2\) mm"):
    volumes.read_image(path, reading=Reading(spacing_mm=(2, 1, 1)))
  with pytest.raises(InputError, match="no NIfTI file"):
    volumes.read_image(tmp_path, reading=Reading(spacing_mm=(2, 1, 1)))


def test_voxels_without_a_geometry(tmp_path):
  path = save(tmp_path / "ct.nii.gz", RAMP.T, CANONICAL_AFFINE)
  content = nib.load(path)
  content.header["sform_code"] = content.header["qform_code"] = 0
  nib.Nifti1Image(RAMP.T, None, content.header).to_filename(tmp_path / "bare.nii.gz")
  np.testing.assert_array_equal(nifti.read_voxels(tmp_path / "bare.nii.gz").voxels, RAMP)
  (tmp_path / "cut.nii.gz").write_bytes((tmp_path / "bare.nii.gz").read_bytes()[:-9])
  with pytest.raises(InputError, match="gzip stream"):
    nifti.read_voxels(tmp_path / "cut.nii.gz")


def test_absurd_spacing(tmp_path):
  refused(save(tmp_path / "ct.nii", RAMP.T, CANONICAL_AFFINE, unit="meter"), "(2000, 750, 500) mm", "meter")


def test_awkward_nifti(tmp_path, real_ct):
  folder = real_ct / "awkward" / "nifti"
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


def test_voxels_that_do_not_begin_where_the_header_says(tmp_path):
  """nibabel#105: a program rewrote vox_offset and left the extensions, or bytes, before the voxels."""
  path = tmp_path / "ct.nii"
  image = nib.Nifti1Image(np.arange(1, 4001, dtype=np.int16).reshape(10, 20, 20), np.diag([2.0, 2, 2, 1]))
  image.header.extensions.append(nib.nifti1.Nifti1Extension(6, b"words " * 40))
  nib.save(image, path)
  content = bytearray(path.read_bytes())
  nifti.read(path)
  content[108:112] = struct.pack("<f", 352)
  path.write_bytes(content)
  refused(path, "extensions reach to byte 608, but by vox_offset the voxels begin at 352")
  image.header.extensions.clear()
  nib.save(image, path)
  plain = path.read_bytes()
  path.write_bytes(plain[:352] + bytes(100) + plain[352:])
  refused(path, "behind the voxels 100 bytes follow", "do not begin where the header says (byte 352)")
  path.write_bytes(plain + bytes(100))
  nifti.read(path)


def test_numbers_beyond_32_bits_are_no_voxels(tmp_path):
  path = save(tmp_path / "ct.nii", np.where(RAMP.T == 3, 1e300, RAMP.T.astype(np.float64)), CANONICAL_AFFINE)
  refused(path, "1 of 60 voxels are NaN or infinite")
