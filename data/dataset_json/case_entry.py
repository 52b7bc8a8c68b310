"""One case of the manifest: its files, its fold, its patient."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from data.cases import AS_IT_SAYS, Case, Reading, is_case_id
from data.dataset_json.json_object import show
from data.dataset_json.label_meaning import Meaning, annotated_organs, label_meaning, require_one_reading
from data.dataset_json.organ_list import composed
from data.input_error import InputError
from data.listed import listed

CASE_KEYS = ("id", "image", "series", "label", "annotated", "labels", "fold", "patient")
"""The keys of a case."""


def case_of(path: pathlib.Path, number: int, entry: dict[str, Any], organs: tuple[str, ...]) -> Case:
  """The case that an entry of "cases" describes.

  Args:
    path: of the manifest; files are named relative to it.
    number: the entry's place in the list, for a message where it has no id.
    entry: its fields, CASE_KEYS and others, with the "labels" that hold for it.
    organs: the manifest's.
  Raises:
    InputError: On the first field that is missing, wrong or has two readings; on a file that is not there.
  """
  case_id = entry.get("id")
  if not isinstance(case_id, str) or not is_case_id(case_id):
    raise InputError(
      f"{path}: case number {number} has the id {show(case_id)}; "
      "an id is made of at most 200 letters, digits, '.', '_' and '-', since it names a folder."
    )
  where = f'{path}: case "{case_id}"'
  image = _file(where, path, "image", entry.get("image"))
  if image is None:
    raise InputError(f'{where}: "image" is missing; name an image file or a DICOM folder.')
  reading = _reading(where, image, entry.get("series"))
  masks = _masks(where, path, entry.get("label"), organs)
  label = None if masks else _file(where, path, "label", entry.get("label"))
  annotated = annotated_organs(where, entry.get("annotated"), organs)
  if masks:
    _require_masks(where, annotated, masks)
    meaning = Meaning()  # each mask is its organ, whatever its value
  else:
    meaning = _meaning(where, entry, label, annotated, organs)
  return Case(
    case_id,
    image,
    label,
    annotated,
    meaning.values,
    _fold(where, entry.get("fold")),
    frozenset(meaning.background),
    frozenset(meaning.ignored),
    meaning.names,
    masks,
    reading,
    _patient(where, entry.get("patient")),
  )


def _require_masks(where: str, annotated: Sequence[str], masks: Mapping[str, Any]) -> None:
  missing = [organ for organ in annotated if organ not in masks]
  if missing:
    raise InputError(
      f'{where}: "label" names no mask of the annotated {listed(missing)}; add it, or take it out of '
      '"annotated".'
    )


def _meaning(
  where: str,
  entry: dict[str, Any],
  label: pathlib.Path | None,
  annotated: tuple[str, ...],
  organs: tuple[str, ...],
) -> Meaning:
  """What the values of a label map stand for, of a case that has one or annotates nothing."""
  if label is None and annotated:
    raise InputError(
      f"{where}: annotates {listed(annotated)} but has no label map; "
      'name its "label", or write "annotated": [] for an unlabelled case.'
    )
  if entry.get("labels") is None:
    given = entry.get("annotated")
    require_one_reading(where, given if isinstance(given, list) else annotated, organs)
  meaning = label_meaning(where, entry.get("labels"), organs)
  named = {*meaning.values.values(), *meaning.names.values()}
  unnamed = [organ for organ in annotated if organ not in named]
  if unnamed:
    raise InputError(
      f'{where}: "labels" gives no value for the annotated {listed(unnamed)}; '
      'add them there, or take them out of "annotated".'
    )
  return meaning


def _reading(where: str, image: pathlib.Path, series: Any) -> Reading:
  """Which series of its folder the image is, where the manifest says so; a number counts as its text."""
  if series is None:
    return AS_IT_SAYS
  if isinstance(series, bool) or not isinstance(series, (str, int)) or series == "":
    raise InputError(
      f'{where}: "series" is {show(series)}; it must be the number, UID or code of a series, "*" for all '
      "slices of the folder, or absent."
    )
  if not image.is_dir():
    raise InputError(
      f'{where}: "series" is given, and {image} is no DICOM folder; take "series" out, or name the folder.'
    )
  return Reading(one_series=True) if series == "*" else Reading(series=str(series))


def _fold(where: str, fold: Any) -> int | None:
  if fold is not None and (isinstance(fold, bool) or not isinstance(fold, int) or fold < 0):
    raise InputError(f'{where}: "fold" is {show(fold)}; it must be a whole number from 0 on, or absent.')
  return fold


def _patient(where: str, patient: Any) -> str:
  """A number counts as the text that it is written as."""
  if patient is None:
    return ""
  if isinstance(patient, bool) or not isinstance(patient, (str, int)) or patient == "":
    raise InputError(
      f'{where}: "patient" is {show(patient)}; it must be a text or a whole number, or absent.'
    )
  if not str(patient).strip():
    raise InputError(f'{where}: "patient" is blank; name the patient, or leave it out.')
  return " ".join(str(patient).split())


def _masks(
  where: str, manifest: pathlib.Path, label: Any, organs: tuple[str, ...]
) -> dict[str, tuple[pathlib.Path, ...]]:
  """The masks of a "label" that names a file, or a list of files, for each organ; {} where it is one file."""
  if not isinstance(label, dict):
    return {}
  masks: dict[str, tuple[pathlib.Path, ...]] = {}
  for key, names in label.items():
    organ = composed(key)
    if organ not in organs:
      raise InputError(
        f'{where}: "label" has a mask of {show(organ)}; the organs of this manifest are {listed(organs, 13)}.'
      )
    files = [
      _file(where, manifest, "label", name) for name in (names if isinstance(names, list) else [names])
    ]
    found = tuple(file for file in files if file is not None)
    if not found or len(found) < len(files):
      raise InputError(f'{where}: "label" names no file for {organ}; name one, or take {organ} out of it.')
    masks[organ] = found
  if not masks:
    raise InputError(f'{where}: "label" is {{}}; name a mask for each annotated organ, or one label map.')
  return masks


def _file(where: str, manifest: pathlib.Path, field: str, name: Any) -> pathlib.Path | None:
  if name is None:
    return None
  if not isinstance(name, str) or not name or "\0" in name:
    raise InputError(f'{where}: "{field}" is {show(name)}; it must be a path relative to the manifest.')
  file = manifest.parent / name
  if not os.path.lexists(file):
    file = manifest.parent / os.path.expanduser(name)  # of an unknown user it stays as it is
  try:
    file.stat()
  except OSError as error:
    raise InputError(
      f'{where}: "{field}" names {file}, which cannot be opened ({error.strerror or error}); '
      "correct the path (it is relative to the manifest), or take the case out."
    ) from None
  return file
