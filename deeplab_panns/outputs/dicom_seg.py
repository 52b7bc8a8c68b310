"""Label maps as DICOM Segmentation objects (PS3.3 A.51), which refer to the slices that were segmented."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pydicom

from data.arrays import Labels
from data.dicom.header import first_line
from data.formats.grid import spacing_of
from data.input_error import InputError
from data.whole_file import AnyPath, whole
from deeplab_panns.outputs.dicom_source import read_source
from deeplab_panns.outputs.made_by import NAME, MadeBy
from deeplab_panns.outputs.organ_looks import CATEGORY, Code, OrganLook
from deeplab_panns.outputs.segmented_case import SegmentedCase

FORMAT = "DICOM SEG"
SERIES_NUMBER = 9001  # scanners number from 1
_NEEDS = "needs highdicom: pip install -e '.[dicom]', on Python 3.10 or later"


def require_highdicom() -> Any:
  """The package, whose import takes a second. Raises InputError if it is missing."""
  try:
    import highdicom
  except ImportError as error:
    raise InputError(f"--output_format=dicom_seg: {_NEEDS} ({error}).") from None
  return highdicom


def write_dicom_seg(path: AnyPath, case: SegmentedCase, made_by: MadeBy, labelmap: bool = False) -> None:
  """Writes one file with a segment for every organ that was found.

  Args:
    labelmap: one frame a slice, in which an organ's value is that of the organ list (DICOM 2024e, Supplement
      243), instead of one frame a slice and organ, whose segments are numbered from 1 on.
  Raises:
    InputError: If the scan is no DICOM series that can be referred to, or no organ was found.
  """
  slices = read_source(case.volume, FORMAT)
  present = np.flatnonzero(np.bincount(case.labels.ravel(), minlength=len(case.organs) + 1)[1:])
  if not present.size:
    raise InputError(
      f"{case.volume.path}: no organ was found, and a {FORMAT} holds at least one; there is nothing to write."
    )
  labels, numbers = np.ascontiguousarray(case.stored), present + 1
  if not labelmap:
    labels, numbers = _renumbered(labels, numbers), np.arange(1, present.size + 1)
  looks = [case.looks[index] for index in present]
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of pydicom and highdicom, on odd values in the scan's own headers
    segments = [_segment(look, int(number), made_by) for look, number in zip(looks, numbers)]
    try:
      data = _segmentation(slices, labels, segments, case, labelmap, made_by)
    except (ValueError, TypeError, AttributeError, KeyError) as error:  # on headers of all kinds
      raise InputError(
        f"{case.volume.path}: highdicom makes no {FORMAT} for this series ({first_line(error)}); choose "
        "--output_format=nifti or nrrd."
      ) from error
    with whole(path) as unfinished:
      data.save_as(str(unfinished))


def _segmentation(
  slices: list[pydicom.Dataset],
  labels: Labels,
  segments: list[Any],
  case: SegmentedCase,
  labelmap: bool,
  made_by: MadeBy,
) -> Any:
  highdicom = require_highdicom()
  _make_uniform(slices, spacing_of(case.volume.grid.affine_mm)[0])
  return highdicom.seg.Segmentation(
    source_images=slices,
    pixel_array=labels,
    segmentation_type="LABELMAP" if labelmap else "BINARY",
    segment_descriptions=segments,
    series_instance_uid=highdicom.UID(),
    series_number=SERIES_NUMBER,
    sop_instance_uid=highdicom.UID(),
    instance_number=1,
    manufacturer=NAME,
    manufacturer_model_name=NAME,
    software_versions=made_by.version,
    device_serial_number=made_by.model,
    content_label="ORGANS",
    content_description="Organs by a neural network",
    series_description=f"{NAME} organs",
    omit_empty_frames=True,
  )


def _make_uniform(slices: list[pydicom.Dataset], step_mm: float) -> None:
  """What slices of one series have alike, but for late digits, they get from the first of them."""
  for one in slices:
    one.ImageOrientationPatient = slices[0].ImageOrientationPatient
    one.PixelSpacing = slices[0].PixelSpacing
    # A scan's SliceThickness says how thick its slices are; a segment's slices fill the steps between them.
    one.SliceThickness = one.SpacingBetweenSlices = step_mm


def _segment(look: OrganLook, number: int, made_by: MadeBy) -> Any:
  highdicom = require_highdicom()
  segment = highdicom.seg.SegmentDescription(
    segment_number=number,
    segment_label=look.name[:64],
    segmented_property_category=_concept(CATEGORY),
    segmented_property_type=_concept(look.code),
    algorithm_type="AUTOMATIC",
    algorithm_identification=highdicom.AlgorithmIdentificationSequence(
      name=NAME, version=made_by.version, family=pydicom.sr.codedict.codes.DCM.ArtificialIntelligence
    ),
    display_color=highdicom.color.CIELabColor.from_rgb(*look.rgb),
  )
  if look.side is not None:
    segment.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [
      _concept(look.side)
    ]
  return segment


def _concept(code: Code) -> Any:
  return require_highdicom().sr.CodedConcept(code.value, code.scheme, code.meaning)


def _renumbered(labels: Labels, present: Any) -> Labels:
  """`labels` with the values in `present` as 1, 2, ..., as segments of this kind are numbered."""
  table = np.zeros(256, np.uint8)
  table[present] = np.arange(1, len(present) + 1)
  return table[labels]
