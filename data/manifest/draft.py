"""The content of a dataset.json for two folders. What it cannot know it says, and takes as unknown."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from data.input_error import InputError
from data.listed import listed
from data.manifest.contents import Contents, contents_of
from data.manifest.drawn_on import drawn_on
from data.manifest.organ_masks import OrganMasks, organ_masks
from data.manifest.paired import name_of, pair, volumes_in
from data.organs import NO_ORGANS, plain_name
from data.reading.value_names import contradiction
from data.whole_file import AnyPath
from data.worker_pool import in_processes


@dataclasses.dataclass(frozen=True)
class Draft:
  """A manifest that is not written yet.

  Attributes:
    content: of the JSON file.
    notes: what was taken for granted, one line each.
    meanings: what each label value or segment name stands for.
  """

  content: dict[str, Any]
  notes: tuple[str, ...]
  meanings: Mapping[str, str]


def parse_organs(names: Sequence[str]) -> dict[int, str]:
  """Reads ["liver", "spleen"], the organs of the values 1, 2, or ["6:liver", "1:spleen"].

  Raises:
    InputError: If it is a mixture of both, or a value or a name stands twice.
  """
  numbered = [re.fullmatch(r"\s*(\d{1,9}):(.+)", name) for name in names]
  pairs = [(int(match[1]), match[2].strip()) for match in numbered if match]
  if pairs and len(pairs) < len(names):
    raise InputError(f"--organs={','.join(names)}: give all of them a value, 1:liver,2:spleen, or none.")
  found = dict(pairs) if pairs else {value: name.strip() for value, name in enumerate(names, 1)}
  organs = [name for name in found.values() if name not in NO_ORGANS]
  written = NO_ORGANS if pairs else ()  # 2:background says it of a value
  none = [name for name in found.values() if name.casefold() in NO_ORGANS and name not in written]
  if none:
    raise InputError(
      f"--organs={','.join(names)}: {none[0]} is no organ, and the values count from 1: leave it out; a "
      f"value that stands for none is written 2:{none[0].casefold()}."
    )
  if 0 in found or len(found) < len(names) or len(set(organs)) < len(organs):
    raise InputError(
      f"--organs={','.join(names)}: each value from 1 on and each name once; 0 is background. Values that "
      "are no organ map to background or ignore: 2:background."
    )
  return found


def draft_manifest(
  images_dir: AnyPath,
  labels_dir: AnyPath,
  relative_to: pathlib.Path,
  organs: Mapping[int, str],
  annotated: Sequence[str] = (),
  workers: int = 1,
) -> Draft:
  """Pairs the files, reads all label maps and says what they hold.

  Args:
    relative_to: the folder of the manifest.
    organs: label value -> organ; {} names them after their values, or as the files do.
    annotated: organs that every labelled case has annotated, or ["all"]; () takes of each case what its label
      map has, so that no organ that nobody drew becomes background.
    workers: label maps read at a time.
  Raises:
    InputError: If files find no counterpart or cannot be read, or a value has no name.
  """
  same = os.path.realpath(images_dir) == os.path.realpath(labels_dir)
  images = volumes_in(images_dir, without=None if same else labels_dir)
  labels = volumes_in(labels_dir, without=None if same else images_dir, pictures=True)
  if same:
    raise InputError(
      f"{images_dir}: is given for --images and for --labels; each kind needs a folder of its own."
    )
  others = _notes_on_others(images_dir, images.others) + _notes_on_others(labels_dir, labels.others)
  ids = _ids(images.volumes, pathlib.Path(images_dir))
  try:
    pairs = pair(images_dir, images.volumes, labels_dir, labels.volumes)
  except InputError:
    masks = organ_masks(images_dir, images.volumes, labels_dir, labels.volumes)
    read = _read(labels.volumes, workers) if masks else {}
    if masks is None or any(len(one.values) > 1 or one.names for one in read.values()):
      raise
    draft = _draft_of_masks(masks, ids, relative_to, organs, annotated, read)
    return dataclasses.replace(draft, notes=(*others, *draft.notes))
  read = _read(labels.volumes, workers)
  meanings, notes = _meanings(read, organs, annotated)
  names = list(dict.fromkeys(name for name in meanings.values() if name not in NO_ORGANS))
  _require_known(annotated, names, "no label value is called", "Name the values by --organs=1:{},...")
  cases, undecided = list[dict[str, Any]](), list[str]()
  for image, label in pairs.label_of.items():
    held = [] if label is None else _organs_of(read[label], meanings, names)
    series = drawn_on(image, label)
    undecided += [] if series is not None else [image.name]
    cases.append(
      {
        "id": ids[image],
        "image": _relative(image, relative_to),
        **({"series": series} if series else {}),
        "label": None if label is None else _relative(label, relative_to),
        "annotated": _annotated(held, label is not None, names, annotated),
      }
    )
  if undecided:
    notes.append(
      f"{len(undecided)} DICOM folder(s) hold several series ({listed(undecided)}), and no label says which "
      'one is the scan: add "series" to these cases; prepare tells what there is'
    )
  if pairs.by_numbers:
    image, label = next((image, label) for image, label in pairs.label_of.items() if label)
    notes.append(
      f"images and label maps have only the numbers in their names in common: {image.name} is taken with "
      f"{label.name}; are these of one scan?"
    )
  empty = [f"{label.name}: {listed(one.empty)}" for label, one in read.items() if one.empty]
  if empty:
    notes.append(f"segments that hold nothing are taken as not annotated ({listed(empty)})")
  notes += _notes(cases, names, annotated)
  shown = {key: None if name == "background" else name for key, name in meanings.items()}
  return Draft({"organs": names, "labels": shown, "cases": cases}, (*others, *notes), meanings)


def _draft_of_masks(
  masks: OrganMasks,
  ids: Mapping[pathlib.Path, str],
  relative_to: pathlib.Path,
  organs: Mapping[int, str],
  annotated: Sequence[str],
  read: Mapping[pathlib.Path, Contents],
) -> Draft:
  """The draft for label files of one organ each; `read` has their contents."""
  if organs:
    raise InputError(
      "--organs: names label values, and these label files hold one organ each, named after their files; "
      "leave it out, and change names in the manifest."
    )
  masks = _by_one_name(masks)
  names = sorted({organ for of_image in masks.values() for organ in of_image})
  _require_known(annotated, names, "no label file is called", "Choose among these.")
  cases = []
  for image, case_id in ids.items():
    of_image = masks.get(image, {})
    held = [organ for organ in names if organ in of_image and read[of_image[organ]].values]
    chosen = _annotated(held, bool(of_image), names, annotated)
    there = [organ for organ in names if organ in of_image]
    missing = [organ for organ in (names if chosen == "all" else chosen) if organ not in there]
    if missing:
      raise InputError(
        f"{image}: has no mask of {listed(missing)}, which --annotated says it annotates; leave --annotated "
        "out, or add an empty mask."
      )
    label = {organ: _relative(of_image[organ], relative_to) for organ in there} or None
    cases.append({"id": case_id, "image": _relative(image, relative_to), "label": label, "annotated": chosen})
  notes = (f"label files are taken as masks of one organ each, named after it: {listed(names, 13)}",)
  meanings = {name: name for name in names}
  return Draft({"organs": names, "cases": cases}, (*notes, *_notes(cases, names, annotated)), meanings)


def _by_one_name(masks: OrganMasks) -> OrganMasks:
  """The masks under one name for an organ that files call by several: left_kidney and kidney_left.

  Raises:
    InputError: If an image has two masks of an organ.
  """
  of_organ: dict[str, str] = {}
  for organ in sorted({organ for of_image in masks.values() for organ in of_image}):
    of_organ.setdefault(plain_name(organ), organ)
  found: OrganMasks = {}
  for image, of_image in masks.items():
    for organ, path in of_image.items():
      other = found.setdefault(image, {}).setdefault(of_organ[plain_name(organ)], path)
      if other != path:
        raise InputError(f"{path}: is a mask of {organ}, as {other} is; take one out.")
  return found


def _require_known(annotated: Sequence[str], names: Sequence[str], nothing: str, way_out: str) -> None:
  unknown = [organ for organ in annotated if organ not in names and list(annotated) != ["all"]]
  if unknown:
    raise InputError(
      f"--annotated={','.join(annotated)}: {nothing} {listed(unknown)}; the organs are {listed(names, 8)}. "
      f"{way_out.format(unknown[0])}"
    )


def _notes_on_others(folder: AnyPath, others: Sequence[pathlib.Path]) -> tuple[str, ...]:
  if not others:
    return ()
  return (
    f"{folder}: {len(others)} file(s) are of kinds that are not read ({listed(o.name for o in others)})",
  )


def _read(labels: Sequence[pathlib.Path], workers: int) -> dict[pathlib.Path, Contents]:
  found = {}
  results = in_processes(
    contents_of,
    {label: (label,) for label in labels},
    workers,
    "a process that read a label map died (memory?)",
  )
  for label, result in results:
    if isinstance(result, InputError):
      raise result
    found[label] = result
  return found


def _meanings(
  read: Mapping[pathlib.Path, Contents], organs: Mapping[int, str], annotated: Sequence[str]
) -> tuple[dict[str, str], list[str]]:
  """{value or segment name, as text: organ}, and what was assumed."""
  values = sorted({value for one in read.values() for value in one.values})
  names = sorted({name for one in read.values() for name in one.names})
  if values and values[0] < 0:
    first = next(path for path, one in read.items() if values[0] in one.values)
    raise InputError(f"{first}: holds the value {values[0]}; values are whole numbers from 0 on. Correct it.")
  nameless = [value for value in values if value not in organs]
  if organs and nameless:
    first = next(path for path, one in read.items() if nameless[0] in one.values)
    raise InputError(
      f"{first}: holds the value {nameless[0]}, which --organs does not name; add {nameless[0]}:NAME, or "
      f"{nameless[0]}:background."
    )
  notes: list[str] = []
  if not organs:
    organs = _one_spelling(_stated(read))
    nameless = [value for value in values if value not in organs]
    if organs:
      notes.append("the label maps say what their values are: by their headers, or organs.json beside them")
    if organs and nameless:
      notes.append(f"they do not say it of {listed(nameless, 13)}: called organ {nameless[0]}, ...")
      organs = {**organs, **{value: f"organ {value}" for value in nameless}}
  else:
    _require_as_stated(read, organs)
  meanings = {str(value): name for value, name in sorted(organs.items())}
  if not organs and len(values) == 1 and len(annotated) == 1 and annotated[0] != "all" and not names:
    meanings[str(values[0])] = annotated[0]
  elif not organs and values:
    meanings.update({str(value): f"organ {value}" for value in values})
    notes.append(
      f"nothing says what the label values {listed(values, 13)} are; they are called organ {values[0]}, ...: "
      "name them in the file, or by --organs=1:liver,..."
    )
  meanings.update({name: name for name in names})
  return meanings, notes


def _stated(read: Mapping[pathlib.Path, Contents]) -> dict[int, str]:
  """{value: name} as the label maps say it. Raises InputError if two of them say it differently."""
  found: dict[int, tuple[str, pathlib.Path]] = {}
  for path, one in read.items():
    for value, name in one.stated.items():
      other, first = found.setdefault(value, (name, path))
      if plain_name(other) != plain_name(name):
        raise InputError(
          f"{path}: calls its value {value} {name}, and {first} calls it {other}: write dataset.json by "
          'hand, with "labels" in each case.'
        )
  return {value: name for value, (name, _) in found.items()}


def _one_spelling(stated: Mapping[int, str]) -> dict[int, str]:
  """Names under one spelling for an organ, and those that are none as background or ignore."""
  of_organ: dict[str, str] = {}
  found = {}
  for value, name in stated.items():
    is_none = name.casefold() in NO_ORGANS
    found[value] = name.casefold() if is_none else of_organ.setdefault(plain_name(name), name)
  return found


def _require_as_stated(read: Mapping[pathlib.Path, Contents], organs: Mapping[int, str]) -> None:
  """Raises InputError if a label map calls a value by the name of another one of the organs."""
  for path, one in read.items():
    found = contradiction(one.stated, organs, organs.values())
    if found:
      value, name, organ = found
      raise InputError(
        f"{path}: calls its value {value} {name}, and --organs calls it {organ}; correct the wrong one "
        "(a header that no longer holds: save the file without it)."
      )


def _organs_of(held: Contents, meanings: Mapping[str, str], names: Sequence[str]) -> list[str]:
  found = {meanings[str(key)] for key in (*held.values, *held.names)}
  return [name for name in names if name in found]


def _annotated(
  held: list[str], labelled: bool, names: Sequence[str], annotated: Sequence[str]
) -> list[str] | str:
  if not labelled:
    return []
  chosen = list(names) if list(annotated) == ["all"] else (list(annotated) or held)
  return "all" if len(chosen) == len(names) else chosen


def _notes(cases: Sequence[Mapping[str, Any]], names: Sequence[str], annotated: Sequence[str]) -> list[str]:
  notes = []
  partial = [case["id"] for case in cases if case["label"] and case["annotated"] != "all"]
  if partial and not annotated:
    notes.append(
      f"{len(partial)} of {len(cases)} cases have not all values ({listed(partial)}): organs that they lack "
      'are taken as not annotated; where one was removed, write "annotated": "all" or give --annotated=all'
    )
  unlabelled = [case["id"] for case in cases if not case["label"]]
  if unlabelled:
    notes.append(f"{len(unlabelled)} image(s) without a label map are unlabelled cases: {listed(unlabelled)}")
  return notes


def _relative(path: pathlib.Path, folder: pathlib.Path) -> str:
  return pathlib.Path(os.path.relpath(path, folder)).as_posix()


def _ids(images: Sequence[pathlib.Path], folder: pathlib.Path) -> dict[pathlib.Path, str]:
  """An id for each image: its name where that is its own, else its path."""

  def clean(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text)

  found = {image: clean(name_of(image)) for image in images}
  if _alike(found):
    found = {
      image: clean("_".join(image.relative_to(folder).with_name(name_of(image)).parts)) for image in images
    }
  alike = _alike(found)
  if alike:
    raise InputError(
      f"{folder}: {alike[0].name} and {alike[1].name} would be cases of one name (capitals, endings and odd "
      "signs do not count); rename one of them, or take it out."
    )
  return found


def _alike(ids: Mapping[pathlib.Path, str]) -> tuple[pathlib.Path, pathlib.Path] | None:
  """Two images whose ids are one folder where capitals do not count, as on disks of macOS and Windows."""
  first: dict[str, pathlib.Path] = {}
  for image, one in ids.items():
    if first.setdefault(one.casefold(), image) != image:
      return first[one.casefold()], image
  return None
