"""The manifest `dataset.json`: which volumes there are, and which organs each one has annotated."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re

from data.input_error import InputError

_ID = re.compile(r"[A-Za-z0-9._-]+")


@dataclasses.dataclass(frozen=True)
class Case:
  """One patient's scan as the manifest lists it.

  Attributes:
    id: unique; letters, digits, `.`, `_`, `-`.
    image: an image file, or a folder with one DICOM series.
    label: a label map on the image's grid, or None for an unlabelled case.
    annotated: the organs that the label map is known to hold, in the manifest's order. An organ
      not named here is unknown in this case, not background.
    values: label value in the file -> organ. May name organs that are not annotated.
    fold: the cross-validation fold, where the manifest fixes it.
  """

  id: str
  image: pathlib.Path
  label: pathlib.Path | None
  annotated: tuple[str, ...]
  values: dict[int, str]
  fold: int | None = None


@dataclasses.dataclass(frozen=True)
class Manifest:
  path: pathlib.Path
  organs: tuple[str, ...]
  cases: tuple[Case, ...]


def read_manifest(path):
  """Reads and checks a manifest.

  Args:
    path: of the JSON file; the paths inside are relative to it.
  Returns:
    A Manifest whose files all exist.
  Raises:
    InputError: On the first thing that is not as it should be, naming file, case and field.
  """
  path = pathlib.Path(path)
  content = _load(path)
  organs = _organs(path, content.get("organs"))
  listed = content.get("cases")
  if not isinstance(listed, list) or not listed:
    raise InputError(f'{path}: "cases" is {_show(listed)}; it must be a list of at least one case.')
  cases, seen = [], set()
  for number, entry in enumerate(listed):
    if not isinstance(entry, dict):
      raise InputError(
        f"{path}: case number {number} is {_show(entry)}; it must be an object with id and image."
      )
    case = _case(path, number, entry, organs)
    if case.id in seen:
      raise InputError(f'{path}: the id "{case.id}" stands twice; give every case an id of its own.')
    seen.add(case.id)
    cases.append(case)
  return Manifest(path, organs, tuple(cases))


def _load(path):
  try:
    content = json.loads(path.read_text(encoding="utf-8"))
  except FileNotFoundError:
    raise InputError(
      f"{path}: no such file; --manifest names a dataset.json (README, 'Your own CT')."
    ) from None
  except IsADirectoryError:
    raise InputError(f"{path}: is a folder; --manifest names the dataset.json in it.") from None
  except (UnicodeDecodeError, json.JSONDecodeError) as error:
    raise InputError(f"{path}: is not JSON ({error}); correct it there.") from None
  if not isinstance(content, dict):
    raise InputError(f'{path}: holds {_show(content)}; it must be an object with "organs" and "cases".')
  return content


def _organs(path, organs):
  valid = (
    isinstance(organs, list) and organs and all(isinstance(organ, str) and organ.strip() for organ in organs)
  )
  if not valid:
    raise InputError(f'{path}: "organs" is {_show(organs)}; it must be a list of at least one organ name.')
  twice = sorted({organ for organ in organs if organs.count(organ) > 1})
  if twice:
    raise InputError(f'{path}: "organs" names {twice} more than once; each organ stands once.')
  if "background" in organs:
    raise InputError(f'{path}: "organs" names "background"; it is always class 0: leave it out.')
  if len(organs) > 254:
    raise InputError(
      f'{path}: "organs" has {len(organs)} names; a label is 8 bits and 255 means ignore: at most 254.'
    )
  return tuple(organs)


def _case(path, number, entry, organs):
  case_id = entry.get("id")
  if not isinstance(case_id, str) or not _ID.fullmatch(case_id) or case_id in (".", ".."):
    raise InputError(
      f"{path}: case number {number} has the id {_show(case_id)}; "
      "an id is made of letters, digits, '.', '_' and '-', since it names a folder."
    )
  where = f'{path}: case "{case_id}"'
  image = _file(where, path, "image", entry.get("image"))
  if image is None:
    raise InputError(f'{where}: "image" is missing; name an image file or a DICOM folder.')
  label = _file(where, path, "label", entry.get("label"))
  annotated = _annotated(where, entry.get("annotated"), organs)
  if label is None and annotated:
    raise InputError(
      f"{where}: annotates {list(annotated)} but has no label map; "
      'name its "label", or write "annotated": [] for an unlabelled case.'
    )
  values = _values(where, entry.get("labels"), organs)
  unnamed = [organ for organ in annotated if organ not in values.values()]
  if unnamed:
    raise InputError(
      f'{where}: "labels" gives no value for the annotated {unnamed}; '
      'add them there, or take them out of "annotated".'
    )
  fold = entry.get("fold")
  if fold is not None and (isinstance(fold, bool) or not isinstance(fold, int) or fold < 0):
    raise InputError(f'{where}: "fold" is {_show(fold)}; it must be a whole number from 0 on, or absent.')
  return Case(case_id, image, label, annotated, values, fold)


def _file(where, manifest, field, name):
  if name is None:
    return None
  if not isinstance(name, str) or not name:
    raise InputError(f'{where}: "{field}" is {_show(name)}; it must be a path relative to the manifest.')
  file = manifest.parent / name
  if not file.exists():
    raise InputError(
      f'{where}: "{field}" names {file}, which does not exist; '
      "correct the path (it is relative to the manifest), or take the case out."
    )
  return file


def _annotated(where, annotated, organs):
  if annotated == "all":
    return organs
  if not isinstance(annotated, list) or not all(isinstance(organ, str) for organ in annotated):
    raise InputError(
      f'{where}: "annotated" is {_show(annotated)}; it must be "all" or a list of organ names.'
    )
  unknown = [organ for organ in annotated if organ not in organs]
  if unknown:
    raise InputError(f'{where}: "annotated" names {unknown}; the organs of this manifest are {list(organs)}.')
  return tuple(organ for organ in organs if organ in annotated)


def _values(where, labels, organs):
  if labels is None:
    return dict(enumerate(organs, 1))
  if not isinstance(labels, dict):
    raise InputError(
      f'{where}: "labels" is {_show(labels)}; it must map label values to organs, {{"1": "{organs[0]}"}}.'
    )
  values = {}
  for key, organ in labels.items():
    if not re.fullmatch(r"[0-9]+", key) or int(key) == 0:
      raise InputError(
        f'{where}: "labels" has the value {_show(key)}; values are whole numbers from 1 on (0 is background).'
      )
    if organ not in organs:
      raise InputError(
        f'{where}: "labels" maps {key} to {_show(organ)}; the organs of this manifest are {list(organs)}.'
      )
    values[int(key)] = organ
  return values


def _show(value):
  text = json.dumps(value)
  return text if len(text) <= 60 else text[:57] + "..."
