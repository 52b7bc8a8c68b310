"""DICOM SEG: read back frame by frame with pydicom alone, with highdicom, SimpleITK and dcmqi."""

import builtins
import pathlib
import subprocess
import sys

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from data.input_error import InputError
from data.reading import volumes
from deeplab_panns.outputs.dicom_seg import require_highdicom, write_dicom_seg
from deeplab_panns.outputs.made_by import MadeBy
from deeplab_panns.outputs.segmented_case import SegmentedCase
from tests.data.dicom.dicom_files import write_slice
from tests.deeplab_panns.outputs.segmented_files import (
  ORGANS,
  ORIENTATIONS,
  centroids_ras,
  dicom_case,
  segmented,
  write_dicom,
)

highdicom = pytest.importorskip("highdicom", reason="highdicom needs Python 3.10")
MADE_BY = MadeBy("0123abcd", "1.2")
RIGHT_HANDED = [
  codes
  for codes in ORIENTATIONS
  if np.linalg.det(
    [[{"L": 1, "R": -1}.get(c, 0), {"P": 1, "A": -1}.get(c, 0), {"S": 1, "I": -1}.get(c, 0)] for c in codes]
  )
  > 0
]


def centroids_of_frames(data):
  """{segment number: (x, y, z) RAS in mm}, by nothing but the attributes of the frames."""
  shared = data.SharedFunctionalGroupsSequence[0]
  between_rows, between_columns = shared.PixelMeasuresSequence[0].PixelSpacing
  cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
  points = {}
  frames = data.pixel_array.reshape(-1, data.Rows, data.Columns)
  for frame, group in zip(frames, data.PerFrameFunctionalGroupsSequence):
    position = np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
    for value in np.unique(frame[frame > 0]):
      rows, columns = np.nonzero(frame == value)
      number = value
      if "SegmentIdentificationSequence" in group:
        number = group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
      at = (
        position
        + np.outer(columns * between_columns, cosines[:3])
        + np.outer(rows * between_rows, cosines[3:])
      )
      points.setdefault(int(number), []).append(at)
  return {number: np.concatenate(at).mean(axis=0) * [-1, -1, 1] for number, at in points.items()}


def test_there_are_24_right_handed_orientations():
  assert len(RIGHT_HANDED) == 24  # slices are sorted along their normal, so there is no left-handed series


@pytest.mark.parametrize("codes", RIGHT_HANDED)
def test_organs_lie_where_they_are_in_every_orientation(tmp_path, codes):
  case = dicom_case(tmp_path, codes, descending=RIGHT_HANDED.index(codes) % 2 == 1)
  write_dicom_seg(tmp_path / "seg.dcm", case, MADE_BY)
  found = centroids_of_frames(pydicom.dcmread(tmp_path / "seg.dcm"))
  for number, organ in enumerate(ORGANS, 1):
    np.testing.assert_allclose(found[number], centroids_ras()[organ], atol=1e-4)


@pytest.mark.parametrize("codes", RIGHT_HANDED[::8])
def test_a_label_map_too_and_its_values_are_the_organ_lists(tmp_path, codes):
  case = dicom_case(tmp_path, codes, organs=("spleen", "liver"))
  case.labels[case.labels == 1] = 0  # no spleen, and nothing beyond the two
  case.labels[case.labels == 3] = 0
  write_dicom_seg(tmp_path / "seg.dcm", case, MADE_BY, labelmap=True)
  data = pydicom.dcmread(tmp_path / "seg.dcm")
  assert data.SOPClassUID == "1.2.840.10008.5.1.4.1.1.66.7" and data.SegmentationType == "LABELMAP"
  assert [(one.SegmentNumber, one.SegmentLabel) for one in data.SegmentSequence] == [
    (0, "Background"),
    (2, "liver"),
  ]
  np.testing.assert_allclose(centroids_of_frames(data)[2], centroids_ras()["left kidney"], atol=1e-4)


def test_highdicom_reads_the_same_voxels_and_the_source_is_named(tmp_path):
  case = dicom_case(tmp_path, "LPS", SliceThickness=None, PatientName="Doe^Jane", PatientID="7")
  write_dicom_seg(tmp_path / "seg.dcm", case, MADE_BY)
  seg = highdicom.seg.segread(tmp_path / "seg.dcm")
  slices = sorted((f"1.2.826.0.1.99.{index}" for index in range(1, 6)), key=lambda uid: int(uid[-1]))
  voxels = seg.get_pixels_by_source_instance(
    slices, combine_segments=True, assert_missing_frames_are_empty=True
  )
  np.testing.assert_array_equal(voxels, case.stored)
  assert seg.StudyInstanceUID == "1.2.826.0.1.97" and seg.FrameOfReferenceUID == "1.2.826.0.1.96"
  assert seg.SeriesInstanceUID != "1.2.826.0.1.98" and seg.PatientName == "Doe^Jane" and seg.PatientID == "7"
  assert seg.ReferencedSeriesSequence[0].SeriesInstanceUID == "1.2.826.0.1.98"
  assert {str(one[2]) for one in seg.get_source_image_uids()} <= set(slices)


def test_segments_say_what_they_are_and_how_they_were_made(tmp_path):
  write_dicom_seg(tmp_path / "seg.dcm", dicom_case(tmp_path), MADE_BY)
  data = pydicom.dcmread(tmp_path / "seg.dcm")
  assert data.SegmentationType == "BINARY" and data.SegmentsOverlap == "NO"
  liver, kidney, duodenum = data.SegmentSequence
  assert liver.SegmentedPropertyTypeCodeSequence[0].CodeValue == "10200004"
  assert liver.SegmentedPropertyCategoryCodeSequence[0].CodeValue == "123037004"
  kind = kidney.SegmentedPropertyTypeCodeSequence[0]
  assert (kind.CodeValue, kind.CodingSchemeDesignator) == ("64033007", "SCT")
  assert kind.SegmentedPropertyTypeModifierCodeSequence[0].CodeMeaning == "Left"
  assert "SegmentedPropertyTypeModifierCodeSequence" not in liver.SegmentedPropertyTypeCodeSequence[0]
  assert duodenum.SegmentedPropertyTypeCodeSequence[0].CodingSchemeDesignator == "99PANNS"
  assert liver.SegmentAlgorithmType == "AUTOMATIC"
  algorithm = liver.SegmentationAlgorithmIdentificationSequence[0]
  assert algorithm.AlgorithmFamilyCodeSequence[0].CodeMeaning == "Artificial Intelligence"
  assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("PaNN", "1.2")
  assert data.DeviceSerialNumber == "0123abcd" and data.SoftwareVersions == "1.2"
  color = highdicom.color.CIELabColor.from_dicom_value(liver.RecommendedDisplayCIELabValue)
  assert color.to_rgb() == pytest.approx((40, 140, 40), abs=1.5)


def test_empty_segments_are_left_out_and_none_at_all_is_refused(tmp_path):
  case = dicom_case(tmp_path, organs=("spleen", *ORGANS))
  case.labels[case.labels == 2] = 0
  write_dicom_seg(tmp_path / "seg.dcm", case, MADE_BY)
  data = pydicom.dcmread(tmp_path / "seg.dcm")
  assert [(one.SegmentNumber, one.SegmentLabel) for one in data.SegmentSequence] == [
    (1, "spleen"),
    (2, "left kidney"),
  ]
  np.testing.assert_allclose(centroids_of_frames(data)[2], centroids_ras()["duodenum"], atol=1e-4)
  case.labels[:] = 0
  with pytest.raises(InputError, match="no organ was found"):
    write_dicom_seg(tmp_path / "none.dcm", case, MADE_BY)
  assert not (tmp_path / "none.dcm").exists()


def test_a_localizer_beside_the_slices_and_late_digits_of_their_cosines_do_not_matter(tmp_path):
  folder = write_dicom(tmp_path / "series", "LPS")
  write_slice(
    folder / "scout.dcm",
    np.zeros((4, 4), np.int16),
    (0, 0, 0),
    (0, 1, 0, 0, 0, -1),
    ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"],
    SOPInstanceUID="1.2.826.0.1.95",
  )
  path = folder / "002.dcm"
  data = pydicom.dcmread(path)
  data.ImageOrientationPatient = [0.99999, 0.0001, 0, -0.0001, 0.99999, 0]
  data.save_as(path)
  write_dicom_seg(tmp_path / "seg.dcm", segmented(folder), MADE_BY)
  found = centroids_of_frames(pydicom.dcmread(tmp_path / "seg.dcm"))
  np.testing.assert_allclose(found[1], centroids_ras()["liver"], atol=0.01)


def test_a_header_that_highdicom_does_not_take_is_one_line(tmp_path, monkeypatch):
  def refuse(**_):
    raise ValueError("odd header.\nTry another")

  monkeypatch.setattr(highdicom.seg, "Segmentation", refuse)
  with pytest.raises(InputError, match=r"series: highdicom makes no DICOM SEG .* \(odd header\); choose"):
    write_dicom_seg(tmp_path / "seg.dcm", dicom_case(tmp_path), MADE_BY)


def test_simpleitk_reads_the_frames(tmp_path):
  """Of 512 x 512 pixels and the like: its GDCM wants frames of whole bytes."""
  for index in range(3):
    uids = {"StudyInstanceUID": "1.2.4", "FrameOfReferenceUID": "1.2.5", "SOPInstanceUID": f"1.2.6.{index}"}
    write_slice(tmp_path / f"{index}.dcm", np.zeros((16, 8), np.int16), (0, 0, index), **uids)
  labels = np.random.default_rng(0).integers(0, 2, (3, 16, 8)).astype(np.uint8)
  case = SegmentedCase("case", volumes.read_image(tmp_path), labels, ("liver",))
  write_dicom_seg(tmp_path / "seg.dcm", case, MADE_BY)
  frames = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "seg.dcm")))
  positions = [
    float(group.PlanePositionSequence[0].ImagePositionPatient[2])
    for group in pydicom.dcmread(tmp_path / "seg.dcm").PerFrameFunctionalGroupsSequence
  ]
  np.testing.assert_array_equal(frames[np.argsort(positions)] > 0, case.stored > 0)


def test_without_highdicom_one_line_says_how_to_get_it(monkeypatch):
  imported = builtins.__import__

  def refuse(name, *rest):
    if name == "highdicom":
      raise ImportError("No module named 'highdicom'")
    return imported(name, *rest)

  monkeypatch.setattr(builtins, "__import__", refuse)
  with pytest.raises(InputError, match=r"dicom_seg: needs highdicom: pip install"):
    require_highdicom()


@pytest.mark.slow
@pytest.mark.parametrize("codes", RIGHT_HANDED[::5])
def test_dcmqi_reads_every_organ_where_it_is(tmp_path, codes):
  """A second implementation, in C++ on DCMTK."""
  pytest.importorskip("dcmqi", reason="dcmqi needs Python 3.10")
  write_dicom_seg(tmp_path / "seg.dcm", dicom_case(tmp_path, codes), MADE_BY)
  program = pathlib.Path(sys.executable).parent / "segimage2itkimage"
  arguments = ["--inputDICOM", tmp_path / "seg.dcm", "--outputDirectory", tmp_path, "-t", "nrrd"]
  subprocess.run([program, *arguments], check=True, capture_output=True)
  for number, organ in enumerate(ORGANS, 1):
    shapes = sitk.LabelShapeStatisticsImageFilter()
    shapes.Execute(sitk.ReadImage(str(tmp_path / f"{number}.nrrd")) > 0)
    found = np.array(shapes.GetCentroid(1)) * [-1, -1, 1]
    np.testing.assert_allclose(found, centroids_ras()[organ], atol=1e-3)
