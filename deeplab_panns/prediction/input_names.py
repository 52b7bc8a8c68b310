"""The ids of scans, which their label maps are named by: from their own names, or from their paths."""

from __future__ import annotations

import os
import pathlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from data.input_error import InputError
from data.listed import listed
from data.reading.volumes import case_id
from data.whole_file import AnyPath

_NAME_BYTES = 255  # of a file, in the file systems of today
_AROUND_ID = len("..nii.gz.4194304.tmp")  # an unfinished file's name has the process's number


def case_ids(root: pathlib.Path, scans: Sequence[pathlib.Path]) -> dict[str, pathlib.Path]:
  """{id: scan}, in order: the name without its ending, and where two have the same, the path below `root`.

  Names are the same if they look alike: an é may be one character, or an e and an accent.

  Raises:
    InputError: If two scans have the same id even so.
  """
  ids = {scan: case_id(scan) for scan in scans}
  for scan in repeated(ids.items()):
    *folders, _ = scan.relative_to(root).parts or ("",)
    ids[scan] = "_".join([*folders, ids[scan]])
  twice = repeated(ids.items())
  if twice:
    named = listed(scan.relative_to(root) for scan in twice)
    raise InputError(
      f"{root}: several inputs have the same id ({named}), and a label map is named by its id; rename all "
      "but one, or predict them one by one into several folders."
    )
  return {ids[scan]: scan for scan in scans}


def repeated(ids: Iterable[tuple[pathlib.Path, str]]) -> list[pathlib.Path]:
  """The scans whose id another one has too."""
  looks = {scan: unicodedata.normalize("NFC", one) for scan, one in ids}
  counts = Counter(looks.values())
  return [scan for scan, look in looks.items() if counts[look] > 1]


def named_by_path(root: pathlib.Path, ids: dict[str, pathlib.Path]) -> str:
  """A line that says which ids come from paths; empty if none does."""
  joined = [name for name, scan in ids.items() if name != case_id(scan)]
  if not joined:
    return ""
  return (
    f"{len(joined)} inputs share their names with others, so their ids are made of their paths below {root}: "
    f"{listed(joined)}"
  )


def require_usable(name: str, scan: AnyPath) -> None:
  """Raises InputError if a label map cannot be named by this id."""
  try:
    length = len(name.encode("utf-8"))
  except UnicodeEncodeError:
    raise InputError(f"{os.fspath(scan)}: the name is not in UTF-8; rename it.") from None
  most = _NAME_BYTES - _AROUND_ID
  if length > most:
    raise InputError(
      f"{name[:40]}...: this id is {length} bytes long; {most} leave room for a label map's name. Rename the "
      "input."
    )
