"""The series among DICOM files: which files belong together, and what tells one series from the others.

Nothing is one volume that may be two: slices of one SeriesInstanceUID are parted where their patient, study,
frame of reference, size or orientation differ (PS3.3 C.7.4.1: positions compare within a frame alone), and
where acquisitions lie over each other, as phases of contrast do.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pydicom

from data.arrays import Floats
from data.dicom.header import Header, shown
from data.dicom.plain_description import plain_description
from data.formats.slice_stack import DUPLICATE_MM, UNEVEN_SHARE, Slice, facing, is_parallel
from data.input_error import InputError
from data.listed import listed

# What files of one volume have alike, as far as they say it.
_OF_ONE_VOLUME = ("PatientID", "StudyInstanceUID", "FrameOfReferenceUID")
# What slices have alike that are one acquisition and reconstruction of it, and how messages call it.
_OF_ONE_ACQUISITION = {
  "AcquisitionNumber": "acquisition",
  "TemporalPositionIdentifier": "time point",
  "KVP": "kV",
  "ConvolutionKernel": "kernel",
  "SliceThickness": "slices of",
  "ImageType": "type",
  "AcquisitionTime": "acquired at",
}
_PERSONAL = ("PatientName", "PatientID")
_CODE_CHARACTERS = 6
_OF_ONE_SCAN = ("PatientID", "SeriesNumber")  # whatever the UIDs
_UID, _SHORT_UID = 64, 14  # characters of a UID in a message
_MOST_TOLD = 170


@dataclasses.dataclass(frozen=True)
class Series:
  """One series of a folder, or a part of one that is a volume of its own.

  Attributes:
    uid: SeriesInstanceUID, "" where the files have none.
    number: SeriesNumber as text, "" where it is missing.
    description: for file names, without what names the patient; "" where it is missing.
    code: six characters that tell it from the others, whatever else lies in the folder.
    files: paths, sorted.
    part: what tells it from the others of its UID, for messages; "" where there are none.
    personal: the patient's name and id; () where the headers say that these were removed. Never shown.
  """

  uid: str
  number: str
  description: str
  code: str
  files: tuple[str, ...]
  part: str = ""
  personal: tuple[str, ...] = dataclasses.field(default=(), repr=False)


def series_of(headers: Sequence[Header], one_series: bool = False) -> list[Series]:
  """The series that files belong to, sorted by their numbers.

  A file that does not say where it lies is left to its UID: reading the series tells what is missing. Files
  that are each a series of one slice, and lie as the slices of one scan, are one.

  Args:
    one_series: the files are one scan, whatever their UIDs; only size and orientation part them.
  """
  found = []
  for own in _by(headers, lambda header: "" if one_series else _text(header, "SeriesInstanceUID")):
    parts = _parts(own, one_series)
    found += [_series(part, parts) for part in parts]
  if not one_series and len(found) > 2 and all(len(one.files) == 1 for one in found):
    together = series_of(headers, one_series=True)
    if len(together) == 1 and _is_one_scan(headers):
      return together
  return sorted(found, key=lambda one: (not one.number, int(one.number or 0), one.uid, one.files[0]))


def _is_one_scan(headers: Sequence[Header]) -> bool:
  """Whether slices with UIDs of their own, as some anonymisers give them, lie as one scan of one patient."""
  alike = all(len({_text(header, keyword) for header in headers}) == 1 for keyword in _OF_ONE_SCAN)
  try:
    slices = {header.path: slice_of(header) for header in headers}
  except InputError:
    return False
  return alike and _are_even(np.sort(_depths(headers, slices)))


def chosen(folder: str, found: Sequence[Series], wanted: str) -> Series:
  """The series whose number, UID or code is `wanted`; "" stands for the only one there is.

  Raises:
    InputError: If there is none or are several; what there is, is named.
  """
  fit = [one for one in found if wanted in ("", one.number, one.uid, one.code)]
  if len(fit) == 1:
    return fit[0]
  there = _told(fit or found)
  if not fit:
    raise InputError(
      f'{folder}: holds no series "{shown(wanted)}"; it holds {there}. Name one of them by "series".'
    )
  if not wanted:
    raise InputError(
      f"{folder}: holds {len(found)} series, one is read: {there}; "
      'name one by "series" in dataset.json: code, number or UID, or "*" if all slices are one scan.'
    )
  raise InputError(
    f'{folder}: {len(fit)} series are "{shown(wanted)}": {there}. Name one by "series": its code.'
  )


def slice_of(header: Header) -> Slice:
  """Where a slice lies. Raises InputError if its header does not say so."""
  return Slice(
    path=header.path,
    series=header.text("SeriesInstanceUID"),
    rows=header.whole("Rows", 1),
    columns=header.whole("Columns", 1),
    position=header.numbers("ImagePositionPatient", 3),
    orientation=header.numbers("ImageOrientationPatient", 6),
    pixel_spacing=header.numbers("PixelSpacing", 2),
  )


def frame_of_reference(headers: Sequence[Header]) -> str:
  """The FrameOfReferenceUID of files that have one at most, else ""."""
  found = {_text(header, "FrameOfReferenceUID") for header in headers} - {""}
  return found.pop() if len(found) == 1 else ""


def _parts(own: Sequence[Header], one_series: bool) -> list[list[Header]]:
  """The volumes among files of one UID."""
  parts = [list(own)]
  for keyword in () if one_series else _OF_ONE_VOLUME:
    parts = [part for whole in parts for part in _by_value(whole, keyword)]
  try:
    slices = {header.path: slice_of(header) for header in own}
  except InputError:
    return parts
  if one_series:
    slices = {path: dataclasses.replace(one, series="") for path, one in slices.items()}
  parts = [part for whole in parts for part in _parallel(whole, slices)]
  if one_series:
    return parts
  for keyword in _OF_ONE_ACQUISITION:
    parts = [part for whole in parts for part in _acquisitions(whole, slices, keyword)]
  return parts


def _by(headers: Sequence[Header], key: Callable[[Header], str]) -> list[list[Header]]:
  groups: dict[str, list[Header]] = {}
  for header in headers:
    groups.setdefault(key(header), []).append(header)
  return list(groups.values())


def _by_value(headers: list[Header], keyword: str) -> list[list[Header]]:
  """By the value where there are several; a file without one belongs to the only one that there is."""
  values = {_text(header, keyword) for header in headers} - {""}
  return [headers] if len(values) < 2 else _by(headers, lambda header: _text(header, keyword))


def _parallel(headers: list[Header], slices: Mapping[str, Slice]) -> list[list[Header]]:
  groups: list[list[Header]] = []
  for header in headers:
    for group in groups:
      if is_parallel(slices[group[0].path], slices[header.path]):
        group.append(header)
        break
    else:
      groups.append([header])
  return groups


def _acquisitions(headers: list[Header], slices: Mapping[str, Slice], keyword: str) -> list[list[Header]]:
  """By acquisition or reconstruction where they lie over each other; a scan may be several that follow one
  another.

  Where that leaves slices alone or on top of each other, the values do not say what belongs together; nor
  do times, voltages and the like where each is not a scan of even steps.
  """
  groups = _by(headers, lambda header: _plain(header, keyword))
  if len(groups) < 2 or any(not _plain(group[0], keyword) for group in groups):
    return [headers]
  depths = [np.sort(_depths(group, slices)) for group in groups]
  if any(len(own) < 2 or np.diff(own).min() < DUPLICATE_MM for own in depths):
    return [headers]
  if keyword != "AcquisitionNumber":
    values = [_plain(group[0], keyword) for group in groups]
    # two slices that differ, as the first and the last may, are no scan
    if min(map(len, depths)) < 3 or not all(map(_are_even, depths)) or _nearly_one(keyword, values):
      return [headers]
  spans = sorted((own[0], own[-1]) for own in depths)
  apart = all(after[0] > before[1] + DUPLICATE_MM for before, after in zip(spans, spans[1:]))
  return [headers] if apart else groups


def _plain(header: Header, keyword: str) -> str:
  """The value in one form: numbers and times of equal value are equal, however they are written."""
  try:
    value = header.raw(keyword)
  except InputError:
    return ""
  parts = value if isinstance(value, (list, pydicom.multival.MultiValue)) else [value]
  text = [str(part).strip() for part in parts if part is not None and str(part).strip()]
  if keyword in ("KVP", "SliceThickness", "AcquisitionTime"):
    with contextlib.suppress(ValueError):
      return "/".join(f"{float(part):.10g}" for part in text)
  return "/".join(text)


def _nearly_one(keyword: str, values: Sequence[str]) -> bool:
  """Whether thicknesses differ by their rounding alone: 0.62 and 0.63 mm."""
  if keyword != "SliceThickness":
    return False
  try:
    numbers = [float(value) for value in values]
  except ValueError:
    return False
  return max(numbers) <= (1 + UNEVEN_SHARE) * min(numbers)


def _are_even(depths: Floats) -> bool:
  steps = np.diff(depths)
  return bool(np.ptp(steps) <= UNEVEN_SHARE * steps.mean())


def _depths(headers: Sequence[Header], slices: Mapping[str, Slice]) -> Floats:
  """Along the normal of the first."""
  along_row, along_column = np.reshape(np.array(slices[headers[0].path].orientation, np.float64), (2, 3))
  positions = np.array([slices[header.path].position for header in headers], np.float64)
  return np.asarray(positions @ np.cross(along_row, along_column), np.float64)


def _series(part: Sequence[Header], parts: Sequence[Sequence[Header]]) -> Series:
  first = part[0]
  number = _text(first, "SeriesNumber")
  traits = _code_traits(part)
  alike = [other for other in parts if _code_traits(other) == traits]
  if len(alike) > 1:  # else the code is what it always was
    keywords = [keyword for keyword in _OF_ONE_ACQUISITION if keyword != "AcquisitionNumber"]
    traits += [value for keyword in keywords for value in _one_of_part(keyword, part, alike)]
  personal = tuple(_text(first, keyword) for keyword in _PERSONAL)
  return Series(
    uid=_text(first, "SeriesInstanceUID"),
    number=number if number.isdecimal() else "",
    description=plain_description(_text(first, "SeriesDescription"), personal),
    code=hashlib.sha256("|".join(traits).encode()).hexdigest()[:_CODE_CHARACTERS],
    files=tuple(sorted(header.path for header in part)),
    part=_difference(part, parts),
    personal=personal if _text(first, "PatientIdentityRemoved") != "YES" else (),
  )


def _code_traits(part: Sequence[Header]) -> list[str]:
  first = part[0]
  acquisitions = {_text(header, "AcquisitionNumber") for header in part}
  traits = [_text(first, keyword) for keyword in ("SeriesInstanceUID", "PatientID", "StudyInstanceUID")]
  traits += [frame_of_reference(part), *_shape(first)]
  return traits + (list(acquisitions) if len(acquisitions) == 1 else [])


def _one_of_part(keyword: str, part: Sequence[Header], parts: Sequence[Sequence[Header]]) -> tuple[str, ...]:
  """The value of a part whose slices have one, where other parts of the UID have another."""
  own = {_plain(header, keyword) for header in part}
  others = {_plain(header, keyword) for other in parts for header in other}
  return tuple(own) if len(own) == 1 and others - own else ()


def _shape(header: Header) -> list[str]:
  try:
    one = slice_of(header)
  except InputError:
    return []
  return [f"{one.rows} x {one.columns}", facing(one)]


def _difference(part: Sequence[Header], parts: Sequence[Sequence[Header]]) -> str:
  """The first trait in which a part differs from others of its UID, in a few words."""
  own, others = _traits(part), [_traits(other) for other in parts if other is not part]
  for trait, words in own.items():
    if any(other[trait] != words for other in others):
      # Of patients it is told that they differ, and not who they are.
      return f"{trait} {shown(words)[:30] or 'none'}" if trait != "patient" else "of another patient"
  return ""


def _traits(part: Sequence[Header]) -> dict[str, str]:
  first = part[0]
  size, turn = (*_shape(first), "", "")[:2]
  return {
    "patient": _text(first, "PatientID"),
    "study": _text(first, "StudyInstanceUID")[-_SHORT_UID:],
    "frame": _text(first, "FrameOfReferenceUID")[-_SHORT_UID:],
    "size": size,
    "turned": turn,
    **{words: _plain(first, keyword) for keyword, words in _OF_ONE_ACQUISITION.items()},
  }


def _told(found: Sequence[Series]) -> str:
  """Series for a message, with their whole UIDs where there is room for them."""
  for uid_length, at_most in ((_UID, 2), (_SHORT_UID, 2)):
    there = listed((_one_told(one, uid_length) for one in found), at_most)
    if len(there) <= _MOST_TOLD:
      return there
  return listed((_one_told(one, _SHORT_UID) for one in found), 1)


def _slices(one: Series) -> str:
  return f"{len(one.files)} slices" if len(one.files) > 1 else "1 slice"


def _one_told(one: Series, uid_length: int) -> str:
  number = f"number {one.number[:12]}, " if one.number else ""
  uid = shown(one.uid if len(one.uid) <= uid_length else f"...{one.uid[-uid_length:]}")
  what = one.part or f"UID {uid or 'empty'}"
  return f"{one.code} ({number}{_slices(one)}, {what})"


def _text(header: Header, keyword: str) -> str:
  """The value as text, "" where it is missing or cannot be read: what it takes for that is refused later."""
  try:
    value = header.raw(keyword)
    return "" if value is None else str(value).strip()
  except InputError:
    return ""
