"""What DICOM files are, and what lies in a folder of them: slices, other objects, all else, each named."""

from __future__ import annotations

import collections
import dataclasses
import os
from collections.abc import Collection

from data.dicom.header import Header, read_header, shown, starts_without_preamble
from data.input_error import InputError
from data.listed import listed

SUFFIXES = (".dcm", ".dicom", ".ima")
SKIPPED_NAMES = {"thumbs.db", "desktop.ini"}  # and hidden files: file managers write them
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


@dataclasses.dataclass(frozen=True)
class Contents:
  """What lies in a folder, without its sub-folders.

  Attributes:
    slices: headers of CT slices.
    objects: (header, what it is) of the other DICOM files.
    foreign: names of files that are not DICOM, and of an index of files (DICOMDIR).
    folders: names of sub-folders.
    errors: of the files that cannot be read.
  """

  slices: list[Header]
  objects: list[tuple[Header, Kind]]
  foreign: list[str]
  folders: list[str]
  errors: list[InputError]

  def notes(self) -> tuple[str, ...]:
    """What was not used, one line each."""
    lines = []
    if self.objects:
      names = collections.Counter(kind.name for _, kind in self.objects)
      kinds = listed(f"{name}: {count}" for name, count in names.items())
      lines.append(f"{len(self.objects)} DICOM file(s) of another kind were not used ({kinds})")
    if self.foreign:
      lines.append(f"{len(self.foreign)} file(s) that are no images were not used ({listed(self.foreign)})")
    if self.folders:
      lines.append(f"{len(self.folders)} sub-folder(s) were not searched ({listed(self.folders)})")
    return tuple(lines)


def look_into(folder: str, only: Collection[str] = ()) -> Contents:
  """Reads the header of every file in `folder`.

  Args:
    only: names of the files that count; () for all.
  Raises:
    OSError: If the folder cannot be listed.
  """
  contents = Contents([], [], [], [], [])
  paths = [os.path.join(folder, name) for name in sorted(only or os.listdir(folder))]
  paths = [path for path in paths if not _is_skipped(os.path.basename(path))]
  dead = [path for path in paths if os.path.islink(path) and not os.path.exists(path)]
  if dead:
    contents.errors.append(
      InputError(
        f"{dead[0]}: this link leads nowhere, as {len(dead)} of {len(paths)} files in the folder; fetch what "
        "it stands for (for instance with git annex get or dvc pull), or take it out of the folder."
      )
    )
  for path in [path for path in paths if path not in dead]:
    try:
      _sort_in(contents, path)
    except InputError as error:
      contents.errors.append(error)
    except OSError as error:
      contents.errors.append(
        InputError(
          f"{path}: cannot be opened ({error.strerror or error}); check the file and its permissions."
        )
      )
  return contents


def require_readable(contents: Contents) -> None:
  """Refuses a folder with files that cannot be read: the error of the first, and how many there are."""
  if not contents.errors:
    return
  first, count = contents.errors[0], len(contents.errors)
  more = f" ({count - 1} more file(s) of the folder cannot be read either.)" if count > 1 else ""
  raise InputError(f"{first}{more}") from first


def looks_like_dicom(path: str) -> bool:
  """Whether a file is DICOM by its mark, by its first element, or at least by its name."""
  if path.lower().endswith(SUFFIXES):
    return True
  with open(path, "rb") as file:
    start = file.read(132)
  return start[128:] == b"DICM" or starts_without_preamble(start)


def _is_skipped(name: str) -> bool:
  return name.startswith(".") or name.lower() in SKIPPED_NAMES


def _sort_in(contents: Contents, path: str) -> None:
  name = os.path.basename(path)
  if os.path.isdir(path):
    contents.folders.append(name)
  elif (
    name.lower() == "dicomdir"
    or not os.path.isfile(path)
    or (os.path.getsize(path) and not looks_like_dicom(path))
  ):
    contents.foreign.append(name)
  else:
    header = read_header(path)
    kind = kind_of(header)
    if kind is None:
      contents.slices.append(header)
    else:
      contents.objects.append((header, kind))
