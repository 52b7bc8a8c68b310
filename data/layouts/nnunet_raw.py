"""A data set in nnU-Net's raw format, of version 1 or 2. Its ignore label counts nowhere, as with nnU-Net.

The formats are those of nnU-Net's documentation/dataset_format.md and ignore_label.md.
"""

from __future__ import annotations

import json
import pathlib
import re
from collections.abc import Iterable
from typing import Any

from data.cases import Case
from data.formats import strict_json
from data.input_error import InputError
from data.layouts.layout import Files, Found, Layout, left_out
from data.listed import listed
from data.organs import BTCV_ORGANS, SYNONYMS

_CHANNEL = re.compile(r"([^.].*)_\d{4}\.[^/]+")  # x_0000.nii.gz of the case x


def find(files: Files) -> Found:
  """Takes the cases of the folder's one dataset.json, with the labels that it names.

  Where all of these are among the 13 default organs, the store lists the 13, and the others are unknown; else
  it lists the data set's own.

  Raises:
    InputError: If there are several such files, or one is not in order.
  """
  found = [file for file in files.matching(r"dataset\.json") if _is_nnunets(file.path)]
  if not found:
    return Found(())
  if len(found) > 1:
    raise InputError(
      f"{files.folder}: holds {len(found)} data sets ({listed(file.path.parent.name for file in found)}); "
      "name one of these folders by --raw_dir."
    )
  path = found[0].path
  content = _content(path)
  values, ignored = _labels(path, content)
  known = {name: organ for name in values.values() if (organ := _default_organ(name))}
  if len(known) == len(set(values.values())) and len(set(known.values())) == len(known):
    organs: tuple[str, ...] = BTCV_ORGANS
    values = {value: known[name] for value, name in values.items()}
    annotated = tuple(organ for organ in organs if organ in values.values())
    notes = [f"{path}: the store has the 13 default organs, of which {len(annotated)} are annotated"]
  else:
    organs = annotated = tuple(values.values())
    notes = [f"{path}: the store has the organs {listed(organs, 8)}, not the 13 default ones"]
  cases, bare = [], []
  pairs = _pairs(path, content, _channel(path, content))
  for name, image, label in pairs:
    if not image.is_file() or not label.is_file():
      bare.append(name)
      continue
    case_id = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    cases.append(Case(case_id, image, label, annotated, values, ignored=ignored))
  notes += left_out("cases", bare, "scan or label map is not there")
  return Found(tuple(cases), (*notes, *_not_taken(path, content, [image for _, image, _ in pairs])), organs)


def _not_taken(path: pathlib.Path, content: dict[str, Any], taken: list[pathlib.Path]) -> list[str]:
  """What the data set has beside the training cases that are listed or have a label map."""
  training, test = (_names(_files(path.parent / folder)) for folder in ("imagesTr", "imagesTs"))
  others = sorted(training - _names(taken))
  notes = list(left_out("cases of imagesTr", others, "no label map of that name and ending"))
  if test:
    notes.append(f"left out: {len(test)} cases of imagesTs, which are to be predicted")
  said = content.get("numTraining")
  if isinstance(said, int) and said != len(taken):
    notes.append(f'{path}: "numTraining" says {said}, and {len(taken)} cases are listed or have a label map')
  return notes


def _names(files: Iterable[pathlib.Path]) -> set[str]:
  return {match[1] for file in files if (match := _CHANNEL.fullmatch(file.name))}


def _files(folder: pathlib.Path) -> list[pathlib.Path]:
  return sorted(folder.iterdir()) if folder.is_dir() else []


def _is_nnunets(path: pathlib.Path) -> bool:
  """Whether label maps lie beside a dataset.json, or it says where they lie."""
  if (path.parent / "labelsTr").is_dir():
    return True
  try:
    return isinstance(_content(path).get("dataset"), dict)
  except InputError:  # another program's
    return False


def _content(path: pathlib.Path) -> dict[str, Any]:
  try:
    content = strict_json.parse(path.read_text(encoding="utf-8-sig"))
  except (OSError, ValueError) as error:
    raise InputError(f"{path}: cannot be read as JSON ({error}); correct it there.") from error
  if not isinstance(content, dict) or not isinstance(content.get("labels"), dict):
    raise InputError(f'{path}: has no "labels"; this is no dataset.json of nnU-Net.')
  return content


def _labels(path: pathlib.Path, content: dict[str, Any]) -> tuple[dict[int, str], frozenset[int]]:
  """({value: name}, values to ignore). Version 2 writes {name: value}, version 1 {"value": name}."""
  values: dict[int, str] = {}
  ignored = frozenset[int]()
  for key, other in content["labels"].items():
    name, value = (other, key) if str(key).isdigit() else (key, other)
    if isinstance(value, list) and len(value) == 1:
      value = value[0]
    if isinstance(value, list):
      raise InputError(
        f'{path}: "labels" has the region {name} of several values; regions overlap and are not read. Give '
        "each "
        "value a name of its own there."
      )
    if not isinstance(name, str) or not str(value).isdigit():
      raise InputError(f'{path}: "labels" has {key}: {other}; a name and a whole number are allowed.')
    if (int(value) == 0) != (name.lower() == "background"):
      raise InputError(
        f'{path}: "labels" says that {value} is {name}; 0 is background in every label map, and nothing else '
        'is. Correct it there, with "background": 0.'
      )
    if name.lower() == "ignore":
      ignored = frozenset({int(value)})
    elif int(value):
      if int(value) in values or name in values.values():
        raise InputError(f'{path}: "labels" names {name} or {value} twice; correct it there.')
      values[int(value)] = name
  if not values:
    raise InputError(f'{path}: "labels" names no organ; correct it there.')
  return dict(sorted(values.items())), ignored


def _channel(path: pathlib.Path, content: dict[str, Any]) -> int:
  """The number of the channel that is CT."""
  names = content.get("channel_names") or content.get("modality")
  if not isinstance(names, dict) or not names:
    raise InputError(
      f'{path}: has no "channel_names", so that it is not known which scans are CT; add it there.'
    )
  cts = [int(number) for number, name in names.items() if str(name).upper() == "CT" and str(number).isdigit()]
  if len(cts) != 1:
    raise InputError(
      f"{path}: names the channels {json.dumps(names)[:80]}; exactly one CT is allowed. Is it in HU? Then "
      "call its channel CT."
    )
  return cts[0]


def _pairs(
  path: pathlib.Path, content: dict[str, Any], channel: int
) -> list[tuple[str, pathlib.Path, pathlib.Path]]:
  """(name, scan, label map) of each training case, by name."""
  folder, ending = path.parent, str(content.get("file_ending", ".nii.gz"))
  listed_cases = content.get("dataset")
  if isinstance(listed_cases, dict):  # version 2 may list the files, which may lie elsewhere
    try:
      return [
        (name, folder / entry["images"][channel], folder / entry["label"])
        for name, entry in sorted(listed_cases.items())
      ]
    except (KeyError, IndexError, TypeError) as error:
      raise InputError(f'{path}: "dataset" lists a case without its images or label ({error}).') from error
  labels = sorted(
    file for file in (folder / "labelsTr").iterdir() if file.name.endswith(ending) and file.name[0] != "."
  )
  names = [file.name[: -len(ending)] for file in labels]
  return [
    (name, folder / "imagesTr" / f"{name}_{channel:04d}{ending}", label) for name, label in zip(names, labels)
  ]


def _default_organ(name: str) -> str:
  """The default organ of a name, "" if it is none: `kidney_right` is the right kidney."""
  words = re.sub(r"[^a-z]+", " ", name.lower()).strip()
  # in any order: what has other words is another organ
  by_words = {_key(organ): organ for organ in BTCV_ORGANS}
  by_words.update({_key(other): organ for other, organ in SYNONYMS.items()})
  return by_words.get(_key(words), "")


def _key(words: str) -> frozenset[str]:
  return frozenset(words.split()) - {"and", "the"}


LAYOUT = Layout(
  "nnunet_raw",
  "any data set of nnU-Net, with its own organs; its ignore label counts nowhere",
  "dataset.json, imagesTr/x_0000.nii.gz and labelsTr/x.nii.gz",
  find,
)
