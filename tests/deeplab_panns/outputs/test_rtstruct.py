"""RTSTRUCT: contours where the organs are, in the slices that they refer to."""

import numpy as np
import pydicom
import pytest

from data.dicom.contours import read_structures
from data.input_error import InputError
from deeplab_panns.outputs.made_by import MadeBy
from deeplab_panns.outputs.rtstruct import write_rtstruct
from tests.deeplab_panns.outputs.segmented_files import (
  ORGANS,
  ORIENTATIONS,
  centroids_ras,
  dicom_case,
  nifti_case,
)
from tests.deeplab_panns.outputs.test_contours import filled

MADE_BY = MadeBy("0123abcd", "1.2")
UPRIGHT = ["LPS", "RAS", "LSA", "PIL", "IRP", "SAR"]


def masks_of(data, number, slices):
  """[slice, row, column] of a region, filled again by nothing but the file and the slices' headers."""
  planes = {one.SOPInstanceUID: [] for one in slices}
  for contour in data.ROIContourSequence[number].ContourSequence:
    planes[contour.ContourImageSequence[0].ReferencedSOPInstanceUID].append(
      np.array(contour.ContourData, float).reshape(-1, 3)
    )
  masks = []
  for one in slices:
    between_rows, between_columns = one.PixelSpacing
    cosines = np.array(one.ImageOrientationPatient, float).reshape(2, 3)
    polygons = []
    for points in planes[one.SOPInstanceUID]:
      from_corner = points - np.array(one.ImagePositionPatient, float)
      assert np.abs(from_corner @ np.cross(*cosines)).max() < 1e-3  # in the slice's plane
      polygons.append(from_corner @ cosines.T / [between_columns, between_rows])
    masks.append(filled(polygons, (one.Rows, one.Columns)))
  return np.stack(masks)


@pytest.mark.parametrize("codes", [codes for codes in UPRIGHT if codes in ORIENTATIONS])
def test_the_contours_filled_are_the_labels_in_every_slice(tmp_path, codes):
  case = dicom_case(tmp_path, codes)
  write_rtstruct(tmp_path / "rs.dcm", case, MADE_BY)
  data = pydicom.dcmread(tmp_path / "rs.dcm")
  slices = [pydicom.dcmread(path) for path in (tmp_path / "series").iterdir()]
  normal = np.cross(*np.array(slices[0].ImageOrientationPatient, float).reshape(2, 3))
  slices.sort(key=lambda one: np.dot(one.ImagePositionPatient, normal))
  for number in range(3):
    np.testing.assert_array_equal(masks_of(data, number, slices), case.stored == number + 1)


def test_another_reader_finds_the_organs_where_they_are(tmp_path):
  write_rtstruct(tmp_path / "rs.dcm", dicom_case(tmp_path), MADE_BY)
  found = read_structures(str(tmp_path / "rs.dcm"))
  assert [one.name for one in found] == list(ORGANS)
  for one in found:
    points = np.concatenate(one.polygons)
    middle = (points.min(axis=0) + points.max(axis=0)) / 2  # of a box
    np.testing.assert_allclose(middle, centroids_ras()[one.name], atol=1e-3)


def test_the_file_says_what_it_is_and_refers_to_every_slice(tmp_path):
  write_rtstruct(tmp_path / "rs.dcm", dicom_case(tmp_path, PatientID="7"), MADE_BY)
  data = pydicom.dcmread(tmp_path / "rs.dcm")  # without force: it has a preamble and a file header
  assert data.Modality == "RTSTRUCT" and data.PatientID == "7" and data.StudyInstanceUID == "1.2.826.0.1.97"
  assert data.file_meta.MediaStorageSOPInstanceUID == data.SOPInstanceUID
  frame = data.ReferencedFrameOfReferenceSequence[0]
  series = frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence[0]
  assert frame.FrameOfReferenceUID == "1.2.826.0.1.96" and series.SeriesInstanceUID == "1.2.826.0.1.98"
  assert len(series.ContourImageSequence) == 5
  region, contours = data.StructureSetROISequence[1], data.ROIContourSequence[1]
  assert region.ROIName == "left kidney" and region.ROIGenerationAlgorithm == "AUTOMATIC"
  assert list(contours.ROIDisplayColor) == [46, 138, 184]
  assert {one.ContourGeometricType for one in contours.ContourSequence} == {"CLOSED_PLANAR"}
  code = data.RTROIObservationsSequence[1].RTROIIdentificationCodeSequence[0]
  assert (code.CodeValue, code.CodingSchemeDesignator) == ("64033007", "SCT")
  assert max(len(str(value)) for value in contours.ContourSequence[0].ContourData) <= 16


def test_what_cannot_be_is_refused(tmp_path):
  with pytest.raises(InputError, match="is no DICOM series, and RTSTRUCT refers to the slices of one"):
    write_rtstruct(tmp_path / "rs.dcm", nifti_case(tmp_path), MADE_BY)
  case = dicom_case(tmp_path)
  case.labels[:] = 0
  with pytest.raises(InputError, match="no organ was found"):
    write_rtstruct(tmp_path / "rs.dcm", case, MADE_BY)
