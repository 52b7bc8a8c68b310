"""DICOM folders: order, geometry and HU of a series, and what is refused."""

import os
import shutil

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from data.cases import Reading
from data.dicom.series import read_series, series_files
from data.input_error import InputError
from data.reading import volumes
from tests.data.dicom.dicom_files import RAMP, write_series, write_slice


def refused(path, *words, starts=None):
  with pytest.raises(InputError) as caught:
    volumes.read_image(path)
  message = str(caught.value)
  assert "\n" not in message and message.startswith(f"{starts or path}: "), message
  for word in words:
    assert word in message, message


def test_series_is_sorted_scaled_and_placed(tmp_path):
  volume = volumes.read_image(write_series(tmp_path / "ct"))
  np.testing.assert_array_equal(volume.array, 2.0 * RAMP - 1024)
  assert volume.array.dtype == np.float32 and volume.spacing_mm == (2, 0.75, 0.5)
  np.testing.assert_allclose(
    volume.affine, [[-0.5, 0, 0, 20], [0, -0.75, 0, 30], [0, 0, 2, 10], [0, 0, 0, 1]]
  )


def test_slice_files_follow_the_planes_of_the_volume(tmp_path):
  paths = list(volumes.read_image(write_series(tmp_path / "ct")).slice_files)
  positions = [float(pydicom.dcmread(path).ImagePositionPatient[2]) for path in paths]
  assert positions == [10, 12, 14, 16] and paths == sorted(paths, reverse=True)


def test_label_is_written_on_the_series_grid(tmp_path):
  volume = volumes.read_image(write_series(tmp_path / "ct"))
  volumes.write_label(str(tmp_path / "out.nii.gz"), RAMP, volume)
  written = nib.load(tmp_path / "out.nii.gz")
  np.testing.assert_array_equal(np.asarray(written.dataobj).T, RAMP)
  np.testing.assert_allclose(written.affine, volume.affine)
  volumes.require_same_grid(volume, volumes.read_label(tmp_path / "out.nii.gz"))


@pytest.mark.parametrize(
  "orientation, step",
  [
    ((-1, 0, 0, 0, -1, 0), (0, 0, 3)),  # prone
    ((0, 1, 0, 0, 0, -1), (3, 0, 0)),  # sagittal
    ((1, 0, 0, 0, 0, -1), (0, -3, 0)),  # coronal
    ((0.8, 0.6, 0, -0.6, 0.8, 0), (0, 0, 3)),  # turned in the plane
  ],
)
def test_any_upright_orientation_agrees_with_simpleitk(tmp_path, orientation, step):
  for index, stored in enumerate(RAMP):
    write_slice(tmp_path / f"{index}.dcm", stored, np.array([1, 2, 3]) + index * np.array(step), orientation)
  reader = sitk.ImageSeriesReader()
  reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path)))
  oracle = sitk.DICOMOrient(reader.Execute(), "LPS")
  volume = volumes.read_image(tmp_path)
  np.testing.assert_array_equal(volume.array, sitk.GetArrayFromImage(oracle))
  np.testing.assert_allclose(volume.spacing_mm, oracle.GetSpacing()[::-1], rtol=1e-6)
  np.testing.assert_allclose(volume.affine[:3, 3], np.array(oracle.GetOrigin()) * [-1, -1, 1], atol=1e-6)


def test_files_beside_the_slices_are_ignored(tmp_path):
  folder = write_series(tmp_path)
  (folder / "notes.txt").write_text("kept by hand")
  (folder / "DICOMDIR").write_bytes(b"index")
  (folder / ".DS_Store").write_bytes(b"")
  (folder / "more").mkdir()
  write_slice(folder / "rtstruct.dcm", RAMP[0], (0, 0, 0), Modality="RTSTRUCT", Rows=None, Columns=None)
  assert volumes.read_image(folder).array.shape == RAMP.shape


def test_each_slice_has_its_own_rescale(tmp_path):
  write_slice(tmp_path / "a", RAMP[0], (0, 0, 0), RescaleSlope=0.5, RescaleIntercept=-1000)
  write_slice(tmp_path / "b", RAMP[1], (0, 0, 1), RescaleSlope=3, RescaleIntercept=7)
  np.testing.assert_allclose(volumes.read_image(tmp_path).array, [RAMP[0] * 0.5 - 1000, RAMP[1] * 3.0 + 7])


def test_empty_series_uid_is_a_series(tmp_path):
  assert volumes.read_image(write_series(tmp_path, SeriesInstanceUID="")).array.shape == RAMP.shape


def test_two_series_are_listed_and_each_can_be_named(tmp_path):
  write_series(tmp_path, depths=(10, 12, 14), SeriesNumber=2)
  for z in (0, 1):
    write_slice(tmp_path / f"other{z}.dcm", RAMP[z], (0, 0, z), SeriesInstanceUID="9.8", SeriesNumber=7)
  refused(tmp_path, "2 series", "number 2, 3 slices, UID 1.2.3", "number 7, 2 slices, UID 9.8", '"series"')
  write_slice(tmp_path / "mr.dcm", RAMP[0], (0, 0, 0), Modality="MR")
  refused(tmp_path, "2 series")  # before it is told that one is no CT
  for name in ("7", "9.8"):
    volume = volumes.read_image(tmp_path, reading=Reading(series=name))
    np.testing.assert_array_equal(volume.array, 2.0 * RAMP[:2] - 1024)
    assert volume.notes[0] == "3 slice(s) of 1 other series were not used" and "MR: 1" in volume.notes[1]
  assert series_files(tmp_path, "9.8") == tuple(str(tmp_path / f"other{z}.dcm") for z in (0, 1))


def test_a_scout_of_the_same_uid_is_another_series(tmp_path):
  write_series(tmp_path)
  write_slice(tmp_path / "scout.dcm", RAMP[0], (0, 0, 0), (1, 0, 0, 0, 0, -1))
  refused(tmp_path, "2 series", "1 slice, turned (1, 0, 0, 0, 0, -1)")


def test_a_broken_slice_of_a_series_is_no_reason_to_refuse_another(tmp_path):
  write_series(tmp_path, SeriesNumber=2)
  for z in (0, 1):
    write_slice(tmp_path / f"other{z}.dcm", RAMP[z], (0, 0, z), SeriesInstanceUID="9.8", RescaleSlope=None)
  assert volumes.read_image(tmp_path, reading=Reading(series="2")).array.shape == RAMP.shape
  with pytest.raises(InputError, match="lacks RescaleSlope"):
    volumes.read_image(tmp_path, reading=Reading(series="9.8"))


def test_only_named_files_count(tmp_path):
  write_series(tmp_path, SeriesNumber=2)
  write_slice(tmp_path / "again.dcm", RAMP[0], (-20, -30, 12))
  (tmp_path / "broken.dcm").write_bytes(b"rubbish")
  names = tuple(path.name for path in tmp_path.iterdir() if path.name[0] == "8")
  volume = volumes.read_image(tmp_path, reading=Reading(slices=names))
  assert sorted(volume.slice_files) == sorted(str(tmp_path / name) for name in names)


@pytest.mark.parametrize(
  "depths, words",
  [
    ((10,), ["one slice only"]),
    ((10, 12, 16, 18), ["missing", "from 12 to 16 mm", "step is 2 mm"]),
    ((10, 12, 16), ["missing", "from 12 to 16 mm", "step is 2 mm"]),
    ((10, 12, 14.5, 16), ["missing or uneven", "from 12 to 14.5"]),
  ],
)
def test_irregular_stacks(tmp_path, depths, words):
  refused(write_series(tmp_path, depths=depths), *words)


def test_positions_rounded_to_a_tenth_are_no_gap(tmp_path):
  volume = volumes.read_image(write_series(tmp_path, depths=(10, 10.6, 11.3, 11.9)))  # true step 0.625
  assert volume.spacing_mm[0] == pytest.approx(1.9 / 3)


def test_position_that_occurs_twice(tmp_path):
  write_series(tmp_path)
  write_slice(tmp_path / "again.dcm", RAMP[0], (-20, -30, 12))
  refused(tmp_path, "more than once", "at 12 mm", "phase")


def test_a_copy_of_a_file_is_left_out_and_told(tmp_path):
  write_series(tmp_path)
  shutil.copy(tmp_path / "888.0.dcm", tmp_path / "888.0 (1).dcm")
  volume = read_series(tmp_path)
  assert volume.grid.shape[2] == 4
  assert volume.notes[0].startswith("1 file(s) are copies of others and were not used (888.0")


def test_names_in_the_pixels_are_told(tmp_path):
  write_series(tmp_path, BurnedInAnnotation="YES")
  assert any("BurnedInAnnotation is YES" in note for note in read_series(tmp_path).notes)


def test_half_of_a_scan_shifted_is_no_tilted_gantry(tmp_path):
  for index, stored in enumerate(RAMP):
    write_slice(tmp_path / f"{index}.dcm", stored, (20.0 * (index > 1), 0, 5 * index))
  refused(tmp_path, "shifted sideways by up to")


def test_a_volume_in_a_folder_of_its_own_is_named(tmp_path):
  (tmp_path / "p.nii.gz").write_bytes(bytes(500))
  refused(tmp_path, "in which p.nii.gz lies: name the file itself")


def test_slices_shifted_sideways(tmp_path):
  write_series(tmp_path)
  write_slice(tmp_path / "888.0.dcm", RAMP[1], (-19.7, -30, 12))  # 0.3 mm, above half of 0.5 mm
  refused(tmp_path, "shifted sideways by up to 0.3 mm")


def test_gantry_tilt_of_ten_degrees(tmp_path):
  tan = np.tan(np.radians(10))
  for index, stored in enumerate(RAMP):
    write_slice(tmp_path / f"{index}.dcm", stored, (0, 5 * index * tan, 5 * index))
  refused(tmp_path, "tilted", "10.0 degrees")


@pytest.mark.parametrize(
  "tags, words",
  [
    ({"Modality": "MR"}, ["modality is MR", "only CT"]),
    ({"Modality": None}, ["modality is missing"]),
    ({"RescaleIntercept": None}, ["lacks RescaleIntercept"]),
    ({"ImagePositionPatient": None}, ["lacks ImagePositionPatient"]),
    ({"PixelSpacing": None}, ["lacks PixelSpacing"]),
    ({"NumberOfFrames": 3}, ["multi-frame"]),
    ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2.1"}, ["enhanced"]),
    ({"PixelSpacing": [0.75, 0.6]}, ["series", "PixelSpacing is (0.75, 0.5), (0.75, 0.6)"]),
    ({"PixelData": b"\0" * 40}, ["pixel data are cut: 40 bytes of 60"]),
    ({"PixelData": None}, ["pixel data are cut"]),
    (
      {
        "SamplesPerPixel": 3,
        "PhotometricInterpretation": "RGB",
        "PlanarConfiguration": 0,
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
        "PixelData": bytes(90),
      },
      ["3 values per pixel"],
    ),
    ({"ImageOrientationPatient": [1, 0, 0, 0, 1]}, ["6 finite numbers"]),
  ],
)
def test_one_bad_slice_among_good_ones(tmp_path, capfd, tags, words):
  write_series(tmp_path, depths=(10, 12, 14))
  bad = tmp_path / "bad.dcm"
  write_slice(bad, RAMP[3], (-20, -30, 16), **tags)
  refused(tmp_path, *words, starts=tmp_path if words[0] == "series" else bad)
  assert capfd.readouterr().err == ""


def test_axes_that_are_not_at_right_angles(tmp_path):
  write_series(tmp_path, orientation=(1, 0, 0, 0.1, 0.995, 0))
  refused(tmp_path, "ImageOrientationPatient", "right angle")


def test_broken_files_are_not_passed_over(tmp_path):
  write_series(tmp_path)
  bad = tmp_path / "zz"
  whole = (tmp_path / "884.0.dcm").read_bytes()
  for content, name in ((b"", "zz"), (b"garbage " * 40, "zz.dcm"), (whole[:200], "zz"), (whole[:-60], "zz")):
    bad = tmp_path / name
    bad.write_bytes(content)
    if content == whole[:-60]:
      os.remove(tmp_path / "884.0.dcm")
    refused(tmp_path, starts=bad)
    os.remove(bad)


def test_missing_pixels_and_single_files(tmp_path):
  write_series(tmp_path)
  refused(tmp_path / "884.0.dcm", "single DICOM file", "folder")
  assert volumes.case_id(tmp_path) == tmp_path.name


# Real series


@pytest.mark.parametrize("name, step", [("ts_dicom", 2), ("dcmqi_liver", 1)])
def test_real_series_lies_on_its_label(name, step, real_ct):
  image, label = volumes.read_image(real_ct / name), volumes.read_label(real_ct / f"{name}_label.nii.gz")
  volumes.require_same_grid(image, label)
  assert image.spacing_mm[0] == pytest.approx(step)
  liver_hu = {"ts_dicom": 89, "dcmqi_liver": 37}[name]
  assert image.array[label.array == 6].mean() == pytest.approx(liver_hu, abs=0.6)
  np.testing.assert_allclose(image.grid.affine, nib.load(real_ct / f"{name}_label.nii.gz").affine, atol=1e-4)


@pytest.mark.slow
def test_real_liver_lies_on_the_pictures_left(real_ct):
  label = volumes.read_label(real_ct / "ts_dicom_label.nii.gz").array
  assert np.argwhere(label == 6)[:, 2].mean() < np.argwhere(label == 1)[:, 2].mean()
  image = volumes.read_image(real_ct / "ts_dicom")
  assert image.array[label == 8].mean() == pytest.approx(177, abs=0.6)


def test_real_pixels_agree_with_pydicom(real_ct):
  volume = volumes.read_image(real_ct / "dcmqi_liver")
  for index, name in enumerate(("03.dcm", "02.dcm", "01.dcm")):  # top to bottom in the folder
    data = pydicom.dcmread(real_ct / "dcmqi_liver" / name)
    np.testing.assert_array_equal(volume.array[index], data.pixel_array * 1.0 - 1024)


@pytest.mark.parametrize(
  "name, words",
  [
    ("CT_small.dcm", "one slice only"),
    ("693_J2KI.dcm", "one slice only"),
    ("bad_sequence.dcm", "one slice only"),
    ("MR_truncated.dcm", "MR"),
    ("MR_small_bigendian.dcm", "MR"),
    ("emri_small_RLE.dcm", "MR"),
    ("image_dfl.dcm", "OT"),
    ("eCT_Supplemental.dcm", "multi-frame"),
    ("no_meta.dcm", "not a readable DICOM"),
  ],
)
def test_awkward_files(tmp_path, capfd, name, words, real_ct):
  shutil.copy(real_ct / "awkward" / "dicom" / name, tmp_path)
  refused(tmp_path, words, starts=tmp_path if words == "one slice only" else tmp_path / name)
  assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
  "name, low, high",
  [("CT_small.dcm", -896, 1167), ("693_J2KI.dcm", -3995, 1812), ("bad_sequence.dcm", -1011, 1243)],
)
def test_awkward_compressions_within_a_series(tmp_path, capfd, name, low, high, real_ct):
  # Twice the same slice, the second moved up: the position is text, so its bytes can be exchanged.
  source = real_ct / "awkward" / "dicom" / name
  content = source.read_bytes()
  position = str(pydicom.dcmread(source).ImagePositionPatient[2].original_string)
  (tmp_path / "a.dcm").write_bytes(content)
  moved = ("%.20f" % (float(position) + 1))[: len(position)]
  start = content.index(b"\x20\x00\x32\x00")
  at = content.index(position.encode(), start)
  (tmp_path / "b.dcm").write_bytes(content[:at] + moved.encode() + content[at + len(position) :])
  volume = volumes.read_image(tmp_path)
  assert volume.array.shape[0] == 2 and volume.spacing_mm[0] == pytest.approx(1)
  assert (volume.array.min(), volume.array.max()) == (low, high)
  assert capfd.readouterr().err == ""


def test_awkward_series(real_ct):
  folder = real_ct / "awkward" / "dicom"
  refused(folder / "gantry_tilt", "tilted", "14.0 degrees")
  refused(folder / "missing_slice", "missing", "from 28.107 to 38.107 mm", "step is 5 mm")
