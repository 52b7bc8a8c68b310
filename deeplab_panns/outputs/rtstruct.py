"""Label maps as RTSTRUCT: contours of organs in the planes of the slices (DICOM PS3.3 A.19)."""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import PYDICOM_IMPLEMENTATION_UID, ImplicitVRLittleEndian, generate_uid

from data.arrays import Floats, Mask
from data.input_error import InputError
from data.whole_file import AnyPath, whole
from deeplab_panns.outputs.contours import polygons_of
from deeplab_panns.outputs.dicom_source import read_source
from deeplab_panns.outputs.made_by import NAME, MadeBy
from deeplab_panns.outputs.organ_looks import Code, OrganLook
from deeplab_panns.outputs.segmented_case import SegmentedCase

FORMAT = "RTSTRUCT"
SERIES_NUMBER = 9002
_CONTOUR_DATA = Tag("ContourData")
_SOP_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"
_STUDY_CLASS = "1.2.840.10008.3.1.2.3.1"  # of the study that is referred to; retired, and still asked for
_OF_PATIENT = ("SpecificCharacterSet", "PatientName", "PatientID", "PatientBirthDate", "PatientSex")
_OF_STUDY = ("StudyInstanceUID", "StudyDescription", "StudyID", "StudyDate", "StudyTime", "AccessionNumber")
_OF_FRAME = ("ReferringPhysicianName", "FrameOfReferenceUID", "PositionReferenceIndicator")


def write_rtstruct(path: AnyPath, case: SegmentedCase, made_by: MadeBy) -> None:
  """Writes one file with a region of interest for every organ that was found.

  A program that fills the contours where the centres of pixels lie within gets the labels back, exactly.

  Raises:
    InputError: If the scan is no DICOM series that can be referred to, or no organ was found.
  """
  slices = read_source(case.volume, FORMAT)
  present = np.flatnonzero(np.bincount(case.labels.ravel(), minlength=len(case.organs) + 1)[1:])
  if not present.size:
    raise InputError(
      f"{case.volume.path}: no organ was found, and an {FORMAT} holds one at least; nothing is written."
    )
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of pydicom, on odd values in the scan's own headers
    data = _header(slices, made_by)
    data.StructureSetROISequence, data.ROIContourSequence, data.RTROIObservationsSequence = [], [], []
    for number, index in enumerate(present, 1):
      look = case.looks[index]
      data.StructureSetROISequence.append(_region(look, number, data.FrameOfReferenceUID, made_by))
      masks = (plane == index + 1 for plane in case.stored)
      data.ROIContourSequence.append(_contours(masks, slices, look, number))
      data.RTROIObservationsSequence.append(_observation(look, number))
    with whole(path) as unfinished:
      data.save_as(str(unfinished))


def _header(slices: Sequence[Dataset], made_by: MadeBy) -> Dataset:
  now, data = datetime.datetime.now(), Dataset()
  for keyword in (*_OF_PATIENT, *_OF_STUDY, *_OF_FRAME):
    if keyword in slices[0]:
      data[keyword] = slices[0][keyword]
  data.SOPClassUID, data.SOPInstanceUID = _SOP_CLASS, generate_uid()
  data.Modality, data.SeriesInstanceUID, data.SeriesNumber = "RTSTRUCT", generate_uid(), SERIES_NUMBER
  data.Manufacturer = data.ManufacturerModelName = NAME
  data.SoftwareVersions, data.DeviceSerialNumber = made_by.version, made_by.model
  data.SeriesDescription, data.StructureSetLabel = f"{NAME} organs", "ORGANS"
  data.InstanceNumber, data.OperatorsName, data.ApprovalStatus = 1, "", "UNAPPROVED"
  data.StructureSetDate, data.StructureSetTime = f"{now:%Y%m%d}", f"{now:%H%M%S}"
  data.InstanceCreationDate, data.InstanceCreationTime = data.StructureSetDate, data.StructureSetTime
  data.ReferencedFrameOfReferenceSequence = [_references(slices)]
  data.file_meta = FileMetaDataset()
  data.file_meta.FileMetaInformationGroupLength = 0  # is computed when it is written
  data.file_meta.FileMetaInformationVersion = b"\x00\x01"
  data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
  data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
  # With explicit types a contour could have 64 KB at most, some 2,400 points.
  data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
  data.file_meta.ImplementationClassUID = PYDICOM_IMPLEMENTATION_UID
  data.preamble = bytes(128)
  data.is_little_endian, data.is_implicit_VR = True, True  # pydicom 2 needs them
  return data


def _references(slices: Sequence[Dataset]) -> Dataset:
  series = _dataset(
    SeriesInstanceUID=slices[0].SeriesInstanceUID,
    ContourImageSequence=[_reference(one) for one in slices],
  )
  study = _dataset(
    ReferencedSOPClassUID=_STUDY_CLASS,
    ReferencedSOPInstanceUID=slices[0].StudyInstanceUID,
    RTReferencedSeriesSequence=[series],
  )
  return _dataset(FrameOfReferenceUID=slices[0].FrameOfReferenceUID, RTReferencedStudySequence=[study])


def _region(look: OrganLook, number: int, frame_of_reference: str, made_by: MadeBy) -> Dataset:
  return _dataset(
    ROINumber=number,
    ReferencedFrameOfReferenceUID=frame_of_reference,
    ROIName=look.name[:64],
    ROIGenerationAlgorithm="AUTOMATIC",
    ROIGenerationDescription=f"{NAME} {made_by.version}"[:64],
  )


def _contours(masks: Iterable[Mask], slices: Sequence[Dataset], look: OrganLook, number: int) -> Dataset:
  contours = [
    _contour(_in_patient(polygon, one), one)
    for mask, one in zip(masks, slices)
    for polygon in polygons_of(mask)
  ]
  return _dataset(ROIDisplayColor=list(look.rgb), ReferencedROINumber=number, ContourSequence=contours)


def _contour(points: Floats, one: Dataset) -> Dataset:
  contour = _dataset(
    ContourImageSequence=[_reference(one)],
    ContourGeometricType="CLOSED_PLANAR",
    NumberOfContourPoints=len(points),
  )
  text = "\\".join(f"{value:.4f}" for value in points.ravel()).encode()
  text += b" " * (len(text) % 2)
  # As bytes: of numbers pydicom makes objects one by one, which takes 60 % of the time of the whole file.
  contour[_CONTOUR_DATA] = RawDataElement(_CONTOUR_DATA, "DS", len(text), text, 0, True, True)
  return contour


def _observation(look: OrganLook, number: int) -> Dataset:
  kind = _code(look.code)
  if look.side is not None:
    kind.SegmentedPropertyTypeModifierCodeSequence = [_code(look.side)]
  return _dataset(
    ObservationNumber=number,
    ReferencedROINumber=number,
    RTROIInterpretedType="ORGAN",
    ROIInterpreter="",
    RTROIIdentificationCodeSequence=[kind],
  )


def _in_patient(polygon: Floats, one: Dataset) -> Floats:
  """[points, 3] LPS mm of (column, row) in a slice; PS3.3 C.7.6.2.1.1."""
  between_rows, between_columns = map(float, one.PixelSpacing)
  along_row, along_column = np.reshape(np.array(one.ImageOrientationPatient, np.float64), (2, 3))
  position = np.array(one.ImagePositionPatient, np.float64)
  columns, rows = polygon[:, :1], polygon[:, 1:]
  return position + columns * (between_columns * along_row) + rows * (between_rows * along_column)


def _reference(one: Dataset) -> Dataset:
  return _dataset(ReferencedSOPClassUID=one.SOPClassUID, ReferencedSOPInstanceUID=one.SOPInstanceUID)


def _code(code: Code) -> Dataset:
  """A code of up to 16 characters has another attribute than a long one."""
  keyword = "CodeValue" if len(code.value) <= 16 else "LongCodeValue"
  return _dataset(**{keyword: code.value, "CodingSchemeDesignator": code.scheme, "CodeMeaning": code.meaning})


def _dataset(**values: Any) -> pydicom.Dataset:
  data = Dataset()
  for keyword, value in values.items():
    setattr(data, keyword, value)
  return data
