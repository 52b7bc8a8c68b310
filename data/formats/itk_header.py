"""What NRRD and MetaImage headers say of orientation and values, where ITK assumes something without a word.

Where a header is silent, ITK takes the patient's axes (LPS) and a spacing of 1. It does not read
AnatomicalOrientation at all, and ignores what rescales values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from data.arrays import Affine
from data.formats.grid import axis_codes
from data.input_error import InputError
from data.listed import listed
from data.whole_file import AnyPath

_MOST_BYTES = 1 << 20  # of a header; one of a hundred segments has 60 kB
NRRD_SPACES = {  # the signs that take it to RAS
  "right-anterior-superior": (1, 1, 1),
  "ras": (1, 1, 1),
  "left-anterior-superior": (-1, 1, 1),
  "las": (-1, 1, 1),
  "left-posterior-superior": (-1, -1, 1),
  "lps": (-1, -1, 1),
}
WRITE_IT = "Write it into the header (from the original DICOM, for instance), or leave the case out"
OPPOSITE = {"R": "L", "L": "R", "A": "P", "P": "A", "S": "I", "I": "S"}


def nrrd_affine(path: AnyPath) -> Affine | None:
  """Voxel (x, y, z) to RAS mm as an NRRD header says it; None for another format, or where the axes are not
  three, with or without a list of layers before them.

  Raises:
    InputError: If the header leaves orientation or spacing open, or has another unit than mm.
  """
  header = nrrd_header(path)
  if header is None:
    return None
  fields = header[0]
  layered = fields.get("dimension") == "4" and fields.get("space directions", "").startswith("none")
  if fields.get("dimension", "3") != "3" and not layered:
    return None
  if layered:
    fields = {**fields, "space directions": fields["space directions"][len("none") :]}
  space = fields.get("space", "").lower()
  if "space directions" not in fields or space not in NRRD_SPACES:
    raise InputError(
      f"{path}: the NRRD header has space {fields.get('space', 'none')[:30]!r} and space directions "
      f"{fields.get('space directions', 'none')[:20]!r}, so the orientation is unknown. {WRITE_IT}."
    )
  units = set(fields.get("space units", "").replace('"', " ").split()) - {"mm"}
  if units:
    raise InputError(
      f"{path}: space units is {fields['space units'][:40]!r}; mm is allowed. Correct the header."
    )
  if {"old min", "oldmin", "old max", "oldmax"} & set(fields):
    raise InputError(
      f"{path}: the header has old min or old max: the values were quantised and are not as measured. "
      "Convert the case from its original."
    )
  try:
    columns = [_vector(text) for text in fields["space directions"].split(")") if "(" in text]
    affine = np.eye(4)
    affine[:3, :3] = np.stack(columns, axis=1)
    affine[:3, 3] = _vector(fields.get("space origin", "(0,0,0)").rstrip(") "))
  except ValueError as error:
    raise InputError(
      f"{path}: space directions or space origin in the NRRD header are not three vectors of three numbers; "
      "correct the header."
    ) from error
  return np.diag([*NRRD_SPACES[space], 1.0]) @ affine


def require_stated_geometry(path: AnyPath, affine: Affine) -> None:
  """Refuses a MetaImage whose header leaves the orientation or the spacing open, or contradicts itself.

  Args:
    path: a file of another format is passed.
    affine: voxel (x, y, z) to RAS mm, by its TransformMatrix.
  Raises:
    InputError: If the header does so, or asks for values to be rescaled.
  """
  fields = _meta_fields(path)
  if fields is None:
    return
  if not {"transformmatrix", "rotation", "orientation"} & set(fields):
    raise InputError(
      f"{path}: the MetaImage header has no TransformMatrix, so the orientation is unknown. {WRITE_IT}."
    )
  if not {"elementspacing", "elementsize"} & set(fields):
    raise InputError(
      f"{path}: the MetaImage header has no ElementSpacing, so the size is unknown. {WRITE_IT}."
    )
  for names in (("transformmatrix", "rotation", "orientation"), ("offset", "position", "origin")):
    _require_one_meaning(path, {name: fields[name] for name in names if name in fields})
  unit = fields.get("distanceunits", "mm").lower()
  if unit not in ("mm", "?", ""):
    raise InputError(f"{path}: DistanceUnits is {unit[:20]!r}; mm is allowed. Correct the header.")
  _require_same_orientation(path, fields.get("anatomicalorientation", ""), affine)
  scaling = [fields.get(f"elementtointensityfunction{part}", "") for part in ("slope", "offset")]
  if [_number(text, plain) for text, plain in zip(scaling, (1.0, 0.0))] != [1.0, 0.0]:
    raise InputError(
      f"{path}: the header asks for values to be rescaled (ElementToIntensityFunction "
      f"{' and '.join(scaling)}), which is not read. Store the rescaled values."
    )


def _require_one_meaning(path: AnyPath, said: Mapping[str, str]) -> None:
  """Several names of one field must say the same: which of them holds depends on the program."""
  numbers = {tuple(_number(part, math.nan) for part in text.split()) for text in said.values()}
  if len(numbers) > 1:
    shown = listed(f"{name} {text[:40]}" for name, text in said.items())
    raise InputError(
      f"{path}: the header says one thing twice and differently: {shown}. Remove the one that does not hold."
    )


def _number(text: str, if_empty: float) -> float:
  """The number, `if_empty` of no text, NaN of another."""
  try:
    return float(text) if text else if_empty
  except ValueError:
    return math.nan


def _require_same_orientation(path: AnyPath, letters: str, affine: Affine) -> None:
  """It says where the axes come from (as ITK writes it), or where they run to (MetaIO's manual)."""
  letters = letters.strip().upper()
  if len(letters) != 3 or not set(letters) <= set(OPPOSITE):
    return  # "???"
  cosines = np.abs(affine[:3, :3]) / np.linalg.norm(affine[:3, :3], axis=0)
  clear = cosines.max(axis=0) > 0.75  # nearer to one of the patient's axes than to all others
  run_to = axis_codes(affine).replace(",", "")
  come_from = "".join(OPPOSITE[letter] for letter in run_to)
  if not any(all(a == b for a, b, sure in zip(letters, code, clear) if sure) for code in (come_from, run_to)):
    raise InputError(
      f"{path}: AnatomicalOrientation is {letters}, but by TransformMatrix the axes come from {come_from}; "
      "they must agree. Correct the wrong one, or remove AnatomicalOrientation from the header."
    )


def nrrd_key_values(path: AnyPath) -> dict[str, str]:
  """What programs write into an NRRD header for themselves, `key:=value`; {} for another format."""
  lines = _lines(path)
  found = {}
  for line in lines[1:] if lines[0].startswith("NRRD") else []:
    if not line.strip():
      break  # the voxels follow
    key, separator, value = line.rstrip("\r").partition(":=")
    if separator:
      found[key] = value.encode("latin-1").decode("utf-8", "replace")
  return found


def _vector(text: str) -> list[float]:
  x, y, z = (float(number) for number in text.strip().lstrip("(").split(","))
  return [x, y, z]


def nrrd_header(path: AnyPath) -> tuple[Mapping[str, str], int] | None:
  """(fields, bytes up to the voxels) of an NRRD file, None of another format."""
  lines = _lines(path)
  if not lines[0].startswith("NRRD"):
    return None
  fields, end = {}, len(lines[0]) + 1
  for line in lines[1:]:
    end += len(line) + 1
    if not line.strip():
      break  # the voxels follow
    key, colon, value = line.partition(": ")
    if colon and not line.startswith("#"):
      fields[key.strip().lower()] = value.strip()
  return fields, end


def _meta_fields(path: AnyPath) -> Mapping[str, str] | None:
  header = meta_header(path)
  return header[0] if header else None


def meta_header(path: AnyPath) -> tuple[Mapping[str, str], int] | None:
  """(fields, bytes up to the end of the last one) of a MetaImage, None of another format."""
  fields, end = {}, 0
  for line in _lines(path):
    end += len(line) + 1
    key, equals, value = line.partition("=")
    if not equals:
      break
    fields[key.strip().lower()] = value.strip()
    if key.strip() == "ElementDataFile":
      return fields, end
  return None


def _lines(path: AnyPath) -> list[str]:
  with open(path, "rb") as file:
    # Not splitlines(), to which a byte within a letter of UTF-8 may be the end of a line.
    return file.read(_MOST_BYTES).decode("latin-1").split("\n")
