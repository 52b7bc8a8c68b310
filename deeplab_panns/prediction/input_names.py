"""The ids of scans, which their label maps are named by: from their own names, or from their paths."""

from __future__ import annotations

import pathlib
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence

from data.dicom.plain_description import names_patient
from data.input_error import InputError
from data.listed import listed
from deeplab_panns.prediction.scan import Scan

_NAME_BYTES = 255  # of a file, in the file systems of today
_AROUND_ID = len("..nii.gz.4194304.tmp")  # an unfinished file's name has the process's number


def case_ids(
  root: pathlib.Path, scans: Sequence[Scan], before: Mapping[str, str] | None = None
) -> dict[str, Scan]:
  """{id: scan}, in order: the scan's own name, and where two have the same, the path below `root`.

  Names are the same if they look alike: an é may be one character, or an e and an accent.

  Args:
    before: {id: code of a series} of an earlier prediction. A series that was alone in its folder then keeps
      the folder's name.
  Raises:
    InputError: If two scans have the same id even so.
  """
  ids = {scan: scan.name for scan in scans}
  for scan in repeated(ids):
    ids[scan] = _with_folders(root, scan, ids[scan])
  for scan in scans if before else ():
    code = scan.series.code if scan.series is not None else None
    for name in (scan.name_alone, _with_folders(root, scan, scan.name_alone)):
      if code and not scan.alone and before and before.get(name) == code:
        ids[scan] = name
  twice = repeated(ids)
  if twice:
    named = listed(scan.path.relative_to(root) for scan in twice)
    raise InputError(
      f"{root}: several inputs have the same id ({named}), and a label map is named by its id; rename all "
      "but one, or predict them one by one into several folders."
    )
  return {ids[scan]: scan for scan in scans}


def _with_folders(root: pathlib.Path, scan: Scan, name: str) -> str:
  *folders, _ = scan.path.relative_to(root).parts or ("",)
  return "_".join([*folders, name])


def repeated(ids: Mapping[Scan, str]) -> list[Scan]:
  """The scans whose id another one has too."""
  looks = {scan: unicodedata.normalize("NFC", one) for scan, one in ids.items()}
  counts = Counter(looks.values())
  return [scan for scan, look in looks.items() if counts[look] > 1]


def named_by_path(root: pathlib.Path, ids: Mapping[str, Scan]) -> str:
  """A line that says which ids come from paths; empty if none does."""
  joined = [name for name, scan in ids.items() if name not in (scan.name, scan.name_alone)]
  if not joined:
    return ""
  return (
    f"{len(joined)} inputs share their names with others, so their ids are made of their paths below {root}: "
    f"{listed(joined)}"
  )


def named_by_series(ids: Mapping[str, Scan]) -> str:
  """A line that says which ids are of folders and archives with several scans; empty if none is."""
  several = {name: scan for name, scan in ids.items() if not scan.alone}
  if not several:
    return ""
  places = len({scan.path for scan in several.values()})
  where = listed(dict.fromkeys(scan.path.name for scan in several.values()), 2)
  return (
    f"{places} {'folders or archives hold' if places > 1 else 'folder or archive holds'} several scans "
    f"({where}), each a case of its own, {len(several)} in all: {listed(several, 4)}"
  )


def require_no_patients(ids: Mapping[str, Scan]) -> None:
  """Raises InputError if ids name patients, by what the DICOM headers say of them."""
  naming = [name for name, scan in ids.items() if scan.series and names_patient(name, scan.series.personal)]
  if naming:
    raise InputError(
      f"--input: {len(naming)} of {len(ids)} scans lie in folders or files that are named by the patient's "
      "name or id; so would outputs, tables and messages be. Rename them, or say --keep_patient_ids."
    )


def require_usable(name: str, scan: object) -> None:
  """Raises InputError if a label map cannot be named by this id."""
  try:
    length = len(name.encode("utf-8"))
  except UnicodeEncodeError:
    raise InputError(f"{scan}: the name is not in UTF-8; rename it.") from None
  most = _NAME_BYTES - _AROUND_ID
  if length > most:
    raise InputError(
      f"{name[:40]}...: this id is {length} bytes long; {most} leave room for a label map's name. Rename the "
      "input."
    )
