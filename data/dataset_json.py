"""The manifest `dataset.json`: which volumes there are, and which organs each one has annotated."""

from __future__ import annotations

import dataclasses
import difflib
import json
import pathlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from data.arrays import SpacingMM
from data.input_error import InputError
from data.listed import listed
from data.organs import MOST_CHARACTERS, is_organ_name
from data.whole_file import AnyPath

_ID = re.compile(r"[A-Za-z0-9._-]{1,200}")  # a name in a file system has 255 bytes, some for us
_KEYS = ("organs", "cases", "labels")
_CASE_KEYS = ("id", "image", "series", "label", "annotated", "labels", "fold", "patient")
# What people write beside the data for people, and no program has to heed.
_OTHERS = {
  "channel_names": "nnU-Net's dataset.json",
  "modality": "a dataset.json of nnU-Net or of the Decathlon",
  "training": "a dataset.json of the Decathlon or of MONAI",
}
_REMARKS = frozenset(
  {
    "name",
    "description",
    "reference",
    "licence",
    "license",
    "release",
    "source",
    "comment",
    "notes",
    "version",
  }
)


@dataclasses.dataclass(frozen=True)
class Reading:
  """What is known of a case's files beyond their headers, or against them.

  Attributes:
    spacing_mm: (z, y, x) of an image whose affine is the bare identity; it is refused without.
    mirrored: canonical axes, of "xyz", along which image and label map run against their header.
    placed_by: organs of even density. Where there are any, the label map's header is not believed: of all
      mirrorings of its voxels on the image's the one holds in which these organs are even.
    first_of_four_axes: of a four-dimensional NIfTI image, the first volume is the scan.
    one_series: all slices of the DICOM folder are one scan, whatever their SeriesInstanceUID; their positions
      must still be those of one.
    label_by_voxels: where the label map's header lays it elsewhere than on the image, its voxels are taken
      for the image's, as both files store them.
    series: of several series in the DICOM folder the one that is the scan: its SeriesNumber,
      SeriesInstanceUID or code (data/dicom/several.py); "" where there is one.
    slices: names of files in the DICOM folder, where only these count; () for all.
  """

  spacing_mm: SpacingMM | None = None
  mirrored: str = ""
  placed_by: tuple[str, ...] = ()
  first_of_four_axes: bool = False
  one_series: bool = False
  label_by_voxels: bool = False
  series: str = ""
  slices: tuple[str, ...] = ()

  def beyond_headers(self) -> dict[str, Any]:
    """What is known, as JSON; {} if nothing is."""
    said = dataclasses.asdict(self) if self != AS_IT_SAYS else {}
    # Only where they are used: cases of before they existed stay as they are.
    return {name: value for name, value in said.items() if value or name not in ("series", "slices")}


AS_IT_SAYS = Reading()
"""Nothing beyond the headers."""


@dataclasses.dataclass(frozen=True)
class Case:
  """One patient's scan as the manifest lists it.

  Attributes:
    id: unique; letters, digits, `.`, `_`, `-`.
    image: an image file, or a folder with a DICOM series.
    label: a label map on the image's grid, or a DICOM SEG or RTSTRUCT; None where `masks` has the labels, and
      for an unlabelled case.
    annotated: the organs that the label map is known to hold, in the manifest's order. An organ
      not named here is unknown in this case, not background.
    values: label value in the file -> organ. May name organs that are not annotated.
    fold: the cross-validation fold, where the manifest fixes it.
    background: label values in the file that count as background.
    ignored: label values in the file that count nowhere.
    names: segment as the file names it -> organ, "" for background. For files that name their segments.
    masks: organ -> label maps with one value, or folders of PNG slices; their union is the organ. In place of
      `label`.
    reading: what is known beyond the headers.
    patient: whose scan it is, where the manifest says so; "" where each scan is of another patient. All scans
      of a patient are in one fold.
  """

  id: str
  image: pathlib.Path
  label: pathlib.Path | None
  annotated: tuple[str, ...]
  values: dict[int, str]
  fold: int | None = None
  background: frozenset[int] = frozenset()
  ignored: frozenset[int] = frozenset()
  names: Mapping[str, str] = dataclasses.field(default_factory=dict)
  masks: Mapping[str, tuple[pathlib.Path, ...]] = dataclasses.field(default_factory=dict)
  reading: Reading = AS_IT_SAYS
  patient: str = ""

  @property
  def label_files(self) -> tuple[pathlib.Path, ...]:
    """All files and folders that its labels come from; () for an unlabelled case."""
    masks = [path for paths in self.masks.values() for path in paths]
    return (*(() if self.label is None else (self.label,)), *masks)


@dataclasses.dataclass(frozen=True)
class Manifest:
  """A manifest that has been read and checked.

  Attributes:
    path: of the JSON file.
    organs: the organ list; the label of an organ is 1 + its index.
    cases: in the file's order; at least one.
    notes: one line each on what the user may want to know: keys that are not used, values that were assumed.
  """

  path: pathlib.Path
  organs: tuple[str, ...]
  cases: tuple[Case, ...]
  notes: tuple[str, ...] = ()


def is_case_id(value: Any) -> bool:
  """Whether a value can be the id of a case: it names a folder, and must not lead anywhere else."""
  return isinstance(value, str) and bool(_ID.fullmatch(value)) and value not in (".", "..")


def same_folder(case_id: str) -> str:
  """What two ids have in common that name one folder where capitals do not count, as on many disks of macOS
  and Windows."""
  return case_id.casefold()


def read_manifest(path: AnyPath) -> Manifest:
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
  unused = _unused(str(path), content, _KEYS)  # a misspelt key is told before what it leaves missing
  for other, what in _OTHERS.items():
    if other in content and "organs" not in content:
      raise InputError(
        f'{path}: has "{other}" and no "organs": this is {what}. Prepare the data set by '
        "--layout=nnunet_raw, or have a manifest written by python -m data.manifest."
      )
  organs = _organs(path, content.get("organs"))
  listed_cases = content.get("cases")
  if not isinstance(listed_cases, list) or not listed_cases:
    raise InputError(f'{path}: "cases" is {_show(listed_cases)}; it must be a list of at least one case.')
  shared = content.get("labels")
  cases: dict[str, Case] = {}
  unused_in_cases: dict[str, None] = {}
  assumed = []
  for number, entry in enumerate(listed_cases):
    if not isinstance(entry, dict):
      raise InputError(
        f"{path}: case number {number} is {_show(entry)}; it must be an object with id and image."
      )
    unused_in_cases.update(dict.fromkeys(_unused(f'{path}: case "{entry.get("id")}"', entry, _CASE_KEYS)))
    case = _case(path, number, {**({} if shared is None else {"labels": shared}), **entry}, organs)
    first = cases.setdefault(same_folder(case.id), case)
    if first is not case:
      twice = "stands twice" if first.id == case.id else f'differs from "{first.id}" by capitals alone'
      raise InputError(f'{path}: the id "{case.id}" {twice}; give every case an id of its own.')
    if case.label and len(organs) > 1 and entry.get("labels", shared) is None:
      assumed.append(case.id)
  _require_clear_patients(path, cases.values())
  return Manifest(path, organs, tuple(cases.values()), _notes(path, unused, list(unused_in_cases), assumed))


def with_organs(manifest: Manifest, organs: Sequence[str]) -> Manifest:
  """The same cases for another organ list.

  Organs that are not on it become background; those that only the new list has are unknown in every case, so
  that a case that annotated all of the old list need not annotate all of the new one.

  Raises:
    InputError: If no case annotates an organ of the list.
  """
  cases = tuple(_of_organs(case, tuple(organs)) for case in manifest.cases)
  if not any(case.annotated for case in cases):
    raise InputError(
      f"{manifest.path}: no case annotates any of {listed(organs, 4)}; its organs are "
      f"{listed(manifest.organs, 4)}: take a list that has some of them."
    )
  return dataclasses.replace(manifest, organs=tuple(organs), cases=cases)


def _of_organs(case: Case, organs: tuple[str, ...]) -> Case:
  dropped = {value for value, organ in case.values.items() if organ not in organs}
  return dataclasses.replace(
    case,
    annotated=tuple(organ for organ in organs if organ in case.annotated),
    values={value: organ for value, organ in case.values.items() if value not in dropped},
    background=case.background | dropped,
    names={name: organ if organ in organs else "" for name, organ in case.names.items()},
    masks={organ: files for organ, files in case.masks.items() if organ in organs},
  )


def read_organs(path: AnyPath) -> tuple[str, ...]:
  """The organ list of a dataset.json or of a store. Raises InputError if there is none."""
  path = pathlib.Path(path)
  path = path / "index.json" if path.is_dir() else path
  return _organs(path, _load(path).get("organs"))


def _load(path: pathlib.Path) -> dict[str, Any]:
  try:
    # Editors on Windows put a byte order mark first.
    content = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_each_key_once)
  except FileNotFoundError:
    raise InputError(
      f"{path}: no such file; --manifest names a dataset.json (README, 'Your own CT')."
    ) from None
  except IsADirectoryError:
    raise InputError(f"{path}: is a folder; --manifest names the dataset.json in it.") from None
  except _KeyTwice as error:
    raise InputError(f"{path}: {error}; a key stands once: correct it there.") from None
  except OSError as error:
    raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from None
  except (ValueError, RecursionError) as error:
    raise InputError(f"{path}: is not JSON ({error}); correct it there.") from None
  if not isinstance(content, dict):
    raise InputError(f'{path}: holds {_show(content)}; it must be an object with "organs" and "cases".')
  return content


class _KeyTwice(Exception):
  pass


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
  """An object of the file; JSON itself would take the last of two equal keys without a word."""
  found = dict(pairs)
  keys = [key for key, _ in pairs]
  twice = [key for key in found if keys.count(key) > 1]
  if twice:
    where = f' in case "{found["id"]}"' if "id" in found else ""
    raise _KeyTwice(f'the key "{twice[0]}" stands twice{where}')
  return found


def _notes(
  path: pathlib.Path, unused: Sequence[str], unused_in_cases: Sequence[str], assumed: Sequence[str]
) -> tuple[str, ...]:
  """Lines on keys that are not used, and on cases whose label values are taken in the order of the organs."""
  notes = [
    f"{path}: keys{kind} that are not used: {listed(keys)}"
    for kind, keys in (("", unused), (" of cases", unused_in_cases))
    if keys
  ]
  if assumed:
    notes.append(
      f'{path}: without "labels" ({listed(assumed)}) the values 1, 2, ... are taken as the organs in their '
      "order"
    )
  return tuple(notes)


def _unused(where: str, found: dict[str, Any], known: tuple[str, ...]) -> list[str]:
  """The keys that are neither known nor remarks. Raises InputError if one looks like a misspelt key."""
  unused = [key for key in found if key not in known and key.lower() not in _REMARKS]
  for key in unused:
    # Much is said of patients: patient_sex is no misspelt "patient".
    likely = [name for name in known if name != "patient"]
    meant = difflib.get_close_matches(key.lower(), likely, n=1, cutoff=0.75)
    if meant and meant[0] not in found:
      raise InputError(
        f'{where}: has the key "{key}", which is not known; is "{meant[0]}" meant? Correct it there.'
      )
  return unused


def _composed(value: Any) -> Any:
  """Text with its accents as one letter each, which some programs write as two that look the same."""
  return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


def _organs(path: pathlib.Path, organs: Any) -> tuple[str, ...]:
  organs = [_composed(organ) for organ in organs] if isinstance(organs, list) else organs
  if not isinstance(organs, list) or not organs or not all(map(is_organ_name, organs)):
    raise InputError(
      f'{path}: "organs" is {_show(organs)}; it must be a list of at least one organ name, each one line of '
      f"at most {MOST_CHARACTERS} characters."
    )
  twice = sorted({organ for organ in organs if organs.count(organ) > 1})
  if twice:
    raise InputError(f'{path}: "organs" names {listed(twice)} more than once; each organ stands once.')
  alike: dict[str, str] = {}
  for organ in organs:
    other = alike.setdefault(" ".join(organ.lower().replace("_", " ").split()), organ)
    if other != organ:
      raise InputError(
        f'{path}: "organs" names "{other}" and "{organ}", which differ by capitals, spaces or underscores '
        "alone; name one of them."
      )
  if "background" in organs:
    raise InputError(f'{path}: "organs" names "background"; it is always class 0: leave it out.')
  if len(organs) > 254:
    raise InputError(
      f'{path}: "organs" has {len(organs)} names; a label is 8 bits and 255 means ignore: at most 254.'
    )
  return tuple(organs)


def _require_one_reading(where: str, annotated: Sequence[str], organs: tuple[str, ...]) -> None:
  """Without "labels" the values may count all organs, or those of "annotated" in the order given there."""
  for value, (counted, own) in enumerate(zip(organs, annotated), 1):
    if counted != own:
      raise InputError(
        f'{where}: annotates {listed(annotated)} and has no "labels", so the value {value} may be {counted} '
        f'or {own}; write "labels": {{"{value}": "{own}", ...}} there, or once for all cases at the top.'
      )


def _case(path: pathlib.Path, number: int, entry: dict[str, Any], organs: tuple[str, ...]) -> Case:
  case_id = entry.get("id")
  if not isinstance(case_id, str) or not is_case_id(case_id):
    raise InputError(
      f"{path}: case number {number} has the id {_show(case_id)}; "
      "an id is made of at most 200 letters, digits, '.', '_' and '-', since it names a folder."
    )
  where = f'{path}: case "{case_id}"'
  image = _file(where, path, "image", entry.get("image"))
  if image is None:
    raise InputError(f'{where}: "image" is missing; name an image file or a DICOM folder.')
  reading = _reading(where, image, entry.get("series"))
  masks = _masks(where, path, entry.get("label"), organs)
  label = None if masks else _file(where, path, "label", entry.get("label"))
  annotated = _annotated(where, entry.get("annotated"), organs)
  if masks:
    case = Case(case_id, image, None, annotated, {}, masks=masks, reading=reading)
    return _case_of_masks(where, entry, case)
  if label is None and annotated:
    raise InputError(
      f"{where}: annotates {listed(annotated)} but has no label map; "
      'name its "label", or write "annotated": [] for an unlabelled case.'
    )
  if entry.get("labels") is None:
    given = entry.get("annotated")
    _require_one_reading(where, given if isinstance(given, list) else annotated, organs)
  meaning = _values(where, entry.get("labels"), organs)
  named = {*meaning.values.values(), *meaning.names.values()}
  unnamed = [organ for organ in annotated if organ not in named]
  if unnamed:
    raise InputError(
      f'{where}: "labels" gives no value for the annotated {listed(unnamed)}; '
      'add them there, or take them out of "annotated".'
    )
  fold = _fold(where, entry.get("fold"))
  return Case(
    case_id,
    image,
    label,
    annotated,
    meaning.values,
    fold,
    frozenset(meaning.background),
    frozenset(meaning.ignored),
    meaning.names,
    reading=reading,
    patient=_patient(where, entry.get("patient")),
  )


def _reading(where: str, image: pathlib.Path, series: Any) -> Reading:
  """Which series of its folder the image is, where the manifest says so; a number counts as its text."""
  if series is None:
    return AS_IT_SAYS
  if isinstance(series, bool) or not isinstance(series, (str, int)) or series == "":
    raise InputError(
      f'{where}: "series" is {_show(series)}; it must be the number, UID or code of a series, or absent.'
    )
  if not image.is_dir():
    raise InputError(
      f'{where}: "series" is given, and {image} is no DICOM folder; take "series" out, or name the folder.'
    )
  return Reading(series=str(series))


def _fold(where: str, fold: Any) -> int | None:
  if fold is not None and (isinstance(fold, bool) or not isinstance(fold, int) or fold < 0):
    raise InputError(f'{where}: "fold" is {_show(fold)}; it must be a whole number from 0 on, or absent.')
  return fold


def _patient(where: str, patient: Any) -> str:
  """A number counts as the text that it is written as."""
  if patient is None:
    return ""
  if isinstance(patient, bool) or not isinstance(patient, (str, int)) or patient == "":
    raise InputError(
      f'{where}: "patient" is {_show(patient)}; it must be a text or a whole number, or absent.'
    )
  if not str(patient).strip():
    raise InputError(f'{where}: "patient" is blank; name the patient, or leave it out.')
  return " ".join(str(patient).split())


def _require_clear_patients(path: pathlib.Path, cases: Iterable[Case]) -> None:
  """Names that may be one patient's would let a network train on a patient whom it is tested on."""
  first: dict[str, Case] = {}
  for case in cases:
    key = _composed(case.patient).casefold()
    key = str(int(key)) if re.fullmatch(r"[0-9]+", key) else key
    other = first.setdefault(key, case)
    if case.patient and other.patient != case.patient:
      raise InputError(
        f'{path}: the patient of case "{other.id}" is "{other.patient}", that of "{case.id}" '
        f'"{case.patient}": is it one patient? Write one name the same everywhere, others more differently.'
      )


def _masks(
  where: str, manifest: pathlib.Path, label: Any, organs: tuple[str, ...]
) -> dict[str, tuple[pathlib.Path, ...]]:
  """The masks of a "label" that names a file, or a list of files, for each organ; {} where it is one file."""
  if not isinstance(label, dict):
    return {}
  masks: dict[str, tuple[pathlib.Path, ...]] = {}
  for key, names in label.items():
    organ = _composed(key)
    if organ not in organs:
      raise InputError(
        f'{where}: "label" has a mask of {_show(organ)}; the organs of this manifest are '
        f"{listed(organs, 13)}."
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


def _case_of_masks(where: str, entry: dict[str, Any], case: Case) -> Case:
  missing = [organ for organ in case.annotated if organ not in case.masks]
  if missing:
    raise InputError(
      f'{where}: "label" names no mask of the annotated {listed(missing)}; add it, or take it out of '
      '"annotated".'
    )
  patient = _patient(where, entry.get("patient"))
  return dataclasses.replace(case, fold=_fold(where, entry.get("fold")), patient=patient)


def _file(where: str, manifest: pathlib.Path, field: str, name: Any) -> pathlib.Path | None:
  if name is None:
    return None
  if not isinstance(name, str) or not name or "\0" in name:
    raise InputError(f'{where}: "{field}" is {_show(name)}; it must be a path relative to the manifest.')
  file = manifest.parent / pathlib.Path(name).expanduser()
  try:
    file.stat()
  except OSError as error:
    raise InputError(
      f'{where}: "{field}" names {file}, which cannot be opened ({error.strerror or error}); '
      "correct the path (it is relative to the manifest), or take the case out."
    ) from None
  return file


def _annotated(where: str, annotated: Any, organs: tuple[str, ...]) -> tuple[str, ...]:
  if annotated == "all":
    return organs
  if not isinstance(annotated, list) or not all(isinstance(organ, str) for organ in annotated):
    raise InputError(
      f'{where}: "annotated" is {_show(annotated)}; it must be "all" or a list of organ names.'
    )
  annotated = [_composed(organ) for organ in annotated]
  unknown = [organ for organ in annotated if organ not in organs]
  if unknown:
    raise InputError(
      f'{where}: "annotated" names {listed(unknown)}; the organs of this manifest are {listed(organs, 13)}.'
    )
  return tuple(organ for organ in organs if organ in annotated)


@dataclasses.dataclass(frozen=True)
class _Meaning:
  """What the values and names in a label map stand for; attributes as of Case."""

  values: dict[int, str] = dataclasses.field(default_factory=dict)
  background: set[int] = dataclasses.field(default_factory=set)
  ignored: set[int] = dataclasses.field(default_factory=set)
  names: dict[str, str] = dataclasses.field(default_factory=dict)


def _values(where: str, labels: Any, organs: tuple[str, ...]) -> _Meaning:
  if labels is None:
    return _Meaning(dict(enumerate(organs, 1)))
  if not isinstance(labels, dict):
    raise InputError(
      f'{where}: "labels" is {_show(labels)}; it must map label values to organs, {{"1": "{organs[0]}"}}.'
    )
  meaning = _Meaning()
  for key, name in labels.items():
    organ = _composed(name)
    is_background = organ is None or organ == "background"
    is_ignored = organ == "ignore" and organ not in organs
    if not is_background and not is_ignored and organ not in organs:
      raise InputError(
        f'{where}: "labels" maps {key} to {_show(organ)}; the organs of this manifest are '
        f"{listed(organs, 13)}. "
        'A value that is not wanted maps to null, one that counts nowhere to "ignore".'
      )
    if any(letter.isalpha() for letter in key) and not is_ignored:
      meaning.names[key] = "" if is_background else organ
      continue
    if key == "0" and is_background:
      continue  # as it always is
    if not re.fullmatch(r"[0-9]{1,9}", key) or int(key) == 0:
      raise InputError(
        f'{where}: "labels" has the value {_show(key)}; values are whole numbers from 1 on (0 is '
        "background), "
        "or names of segments."
      )
    value = int(key)
    if value in meaning.values or value in meaning.background | meaning.ignored:
      raise InputError(
        f'{where}: "labels" names the value {value} twice, the second time as "{key}"; once is allowed.'
      )
    if is_background:
      meaning.background.add(value)
    elif is_ignored:
      meaning.ignored.add(value)
    else:
      meaning.values[value] = organ
  return meaning


def _show(value: Any) -> str:
  text = json.dumps(value)
  return text if len(text) <= 60 else text[:57] + "..."
