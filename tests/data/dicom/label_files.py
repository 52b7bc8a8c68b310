"""DICOM files of labels: SEG by highdicom, RTSTRUCT by hand; for the tests of several rooms."""

import numpy as np
import pydicom
import pytest

from tests.data.dicom.dicom_files import write_slice

PATIENT = {
  "PatientID": "p",
  "PatientName": "p^",
  "PatientBirthDate": "",
  "PatientSex": "",
  "StudyInstanceUID": "1.2.9",
  "StudyID": "",
  "StudyDate": "",
  "StudyTime": "",
  "AccessionNumber": "",
  "ReferringPhysicianName": "",
  "SeriesNumber": 1,
  "InstanceNumber": 1,
  "Manufacturer": "m",
  "FrameOfReferenceUID": "1.2.7",
  "PositionReferenceIndicator": "",
}


def write_scan(folder, voxels, step=2, origin=(-20, -30, 10)):
  """Slices of [z, row, column] as DICOM; returns their files from the feet to the head."""
  folder.mkdir(exist_ok=True)
  paths = []
  for z, image in enumerate(voxels):
    at = [origin[0], origin[1], origin[2] + z * step]
    write_slice(folder / f"{90 - z}.dcm", image, at, **{**PATIENT, "InstanceNumber": z + 1})
    paths.append(folder / f"{90 - z}.dcm")
  return paths


def write_seg(path, paths, masks, kind="BINARY"):
  """A DICOM SEG of {name: bool [z, row, column]} by highdicom, on the slices of `paths`."""
  highdicom = pytest.importorskip("highdicom", reason="highdicom needs Python 3.10")
  codes = pydicom.sr.codedict.codes
  descriptions = [
    highdicom.seg.SegmentDescription(
      segment_number=number,
      segment_label=name,
      segmented_property_category=codes.SCT.Organ,
      segmented_property_type=codes.SCT.Liver,
      algorithm_type="MANUAL",
    )
    for number, name in enumerate(masks, 1)
  ]
  pixels = np.stack(list(masks.values()), axis=-1).astype(np.float32 if kind == "FRACTIONAL" else np.uint8)
  if kind == "LABELMAP":
    pixels = (pixels * np.arange(1, len(masks) + 1)).max(axis=-1).astype(np.uint8)
  highdicom.seg.Segmentation(
    source_images=[pydicom.dcmread(one) for one in paths],
    pixel_array=pixels,
    segmentation_type=kind,
    segment_descriptions=descriptions,
    series_instance_uid="1.2.5",
    series_number=2,
    sop_instance_uid="1.2.6",
    instance_number=1,
    manufacturer="m",
    manufacturer_model_name="m",
    software_versions="1",
    device_serial_number="1",
  ).save_as(path)
  return path


def write_rtstruct(path, structures, kind="CLOSED_PLANAR"):
  """An RTSTRUCT of {name: [polygon [points, 3] in LPS mm, ...]}."""
  data = pydicom.Dataset()
  data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.481.3", "1.2.8"
  data.Modality, data.SeriesInstanceUID = "RTSTRUCT", "1.2.10"
  data.StructureSetROISequence, data.ROIContourSequence = [], []
  for number, (name, polygons) in enumerate(structures.items(), 1):
    roi, contours = pydicom.Dataset(), pydicom.Dataset()
    roi.ROINumber, roi.ROIName = number, name
    contours.ReferencedROINumber, contours.ContourSequence = number, []
    for polygon in polygons:
      contour = pydicom.Dataset()
      contour.ContourGeometricType = kind
      contour.NumberOfContourPoints = len(polygon)
      contour.ContourData = [f"{value:.6g}" for value in np.ravel(polygon)]
      contours.ContourSequence.append(contour)
    data.StructureSetROISequence.append(roi)
    data.ROIContourSequence.append(contours)
  data.file_meta = pydicom.dataset.FileMetaDataset()
  data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
  data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
  data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
  data.is_little_endian, data.is_implicit_VR = True, False  # pydicom 2 needs them
  data.preamble = bytes(128)
  data.save_as(str(path))
  return path
