"""DICOM files that are no CT slices: what each is, and what can be done with it."""

from __future__ import annotations

import dataclasses

from data.formats.dicom_header import Header, shown

CT_SLICE = "1.2.840.10008.5.1.4.1.1.2"
STANDARD_CLASSES = "1.2.840.10008."


@dataclasses.dataclass(frozen=True)
class Kind:
  """What a DICOM file is instead of a CT slice.

  Attributes:
    name: for messages.
    way_out: a clause.
    beside_slices: whether it often lies beside the slices of a series, without being a volume of its own.
  """

  name: str
  way_out: str
  beside_slices: bool = True


_TO_NIFTI = "convert it to NIfTI first, for instance with dcm2niix"
_NAME_ANOTHER = "name the folder of the CT slices, or a label map in NIfTI"
_SEG = Kind("a DICOM SEG (segmentation)", "convert it to NIfTI, for instance with segimage2itkimage of dcmqi")
_RTSTRUCT = Kind(
  "an RTSTRUCT (contours)",
  "convert it to a label map in NIfTI, for instance with plastimatch or dcmrtstruct2nii",
)
_SCREENSHOT = Kind("a secondary capture (screenshot)", _NAME_ANOTHER)
_MULTI_FRAME = Kind("an enhanced (multi-frame) CT", _TO_NIFTI, beside_slices=False)
_CLASSES = {  # by SOP class, or by the beginning of one
  "1.2.840.10008.1.3.10": Kind(
    "a DICOMDIR (an index of files)", "name the folder of the slices that it lists"
  ),
  f"{CT_SLICE}.1": _MULTI_FRAME,
  f"{CT_SLICE}.2": _MULTI_FRAME,  # converted from slices
  "1.2.840.10008.5.1.4.1.1.7": _SCREENSHOT,
  "1.2.840.10008.5.1.4.1.1.11": Kind("a presentation state", _NAME_ANOTHER),
  "1.2.840.10008.5.1.4.1.1.66": Kind("raw data, a registration or a measurement", _NAME_ANOTHER),
  "1.2.840.10008.5.1.4.1.1.66.4": _SEG,
  "1.2.840.10008.5.1.4.1.1.88": Kind("a structured report (SR)", _NAME_ANOTHER),
  "1.2.840.10008.5.1.4.1.1.88.59": Kind("a key object selection", _NAME_ANOTHER),
  "1.2.840.10008.5.1.4.1.1.104": Kind("a document", _NAME_ANOTHER),
  "1.2.840.10008.5.1.4.1.1.481": Kind("an object of radiotherapy", _NAME_ANOTHER),
  "1.2.840.10008.5.1.4.1.1.481.2": Kind("an RTDOSE (dose)", _NAME_ANOTHER),
  "1.2.840.10008.5.1.4.1.1.481.3": _RTSTRUCT,
  "1.2.840.10008.5.1.4.1.1.481.5": Kind("an RTPLAN (plan)", _NAME_ANOTHER),
}
_CLASS_OF_MODALITY = {
  "SEG": "66.4",
  "RTSTRUCT": "481.3",
  "RTPLAN": "481.5",
  "RTDOSE": "481.2",
  "SR": "88",
  "KO": "88.59",
  "PR": "11",
  "REG": "66",
  "DOC": "104",
}


def kind_of(header: Header) -> Kind | None:
  """What a file is; None for a CT slice.

  Raises:
    InputError: If its class, modality or number of frames cannot be read.
  """
  sop_class, modality = header.text("SOPClassUID"), header.text("Modality")
  for beginning in sorted(_CLASSES, key=len, reverse=True):
    if f"{sop_class}.".startswith(f"{beginning}."):
      kind = _CLASSES[beginning]
      return _screenshot(modality) if kind is _SCREENSHOT else kind
  if modality in _CLASS_OF_MODALITY:
    return _CLASSES[f"1.2.840.10008.5.1.4.1.1.{_CLASS_OF_MODALITY[modality]}"]
  if modality != "CT":
    return Kind(
      f"an image whose modality is {shown(modality) or 'missing'}", "only CT is read", beside_slices=False
    )
  if "NumberOfFrames" in header and header.whole("NumberOfFrames", high=10**6) > 1:
    return _MULTI_FRAME
  if sop_class.startswith(STANDARD_CLASSES) and sop_class != CT_SLICE:
    return Kind(
      f"of modality CT but of class {shown(sop_class)}, which is no CT image", _TO_NIFTI, beside_slices=False
    )
  if "LOCALIZER" in header.texts("ImageType"):
    return Kind("a localizer (scout)", _NAME_ANOTHER)
  return None


def _screenshot(modality: str) -> Kind:
  return Kind(f"{_SCREENSHOT.name} of modality {shown(modality) or 'unknown'}", _SCREENSHOT.way_out)
