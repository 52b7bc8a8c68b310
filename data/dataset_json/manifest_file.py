"""A manifest, read and checked as a whole."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Sequence

from data.cases import Case, Manifest, patient_key, same_folder
from data.dataset_json.case_entry import CASE_KEYS, case_of
from data.dataset_json.json_object import read_object, show, unused_keys
from data.dataset_json.organ_list import checked_organs
from data.input_error import InputError
from data.listed import listed
from data.whole_file import AnyPath

_KEYS = ("organs", "cases", "labels")
_OTHERS = {
  "channel_names": "nnU-Net's dataset.json",
  "modality": "a dataset.json of nnU-Net or of the Decathlon",
  "training": "a dataset.json of the Decathlon or of MONAI",
}


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
  content = read_object(path)
  unused = unused_keys(str(path), content, _KEYS)  # a misspelt key is told before what it leaves missing
  for other, what in _OTHERS.items():
    if other in content and "organs" not in content:
      raise InputError(
        f'{path}: has "{other}" and no "organs": this is {what}. Have a manifest written by '
        f"python -m data.manifest{' or prepare it by --layout=nnunet_raw' if other != 'training' else ''}."
      )
  organs = checked_organs(path, content.get("organs"))
  listed_cases = content.get("cases")
  if not isinstance(listed_cases, list) or not listed_cases:
    raise InputError(f'{path}: "cases" is {show(listed_cases)}; it must be a list of at least one case.')
  shared = content.get("labels")
  cases: dict[str, Case] = {}
  unused_in_cases: dict[str, None] = {}
  assumed = []
  for number, entry in enumerate(listed_cases):
    if not isinstance(entry, dict):
      raise InputError(
        f"{path}: case number {number} is {show(entry)}; it must be an object with id and image."
      )
    unused_in_cases.update(dict.fromkeys(unused_keys(f'{path}: case "{entry.get("id")}"', entry, CASE_KEYS)))
    case = case_of(path, number, {**({} if shared is None else {"labels": shared}), **entry}, organs)
    first = cases.setdefault(same_folder(case.id), case)
    if first is not case:
      twice = "stands twice" if first.id == case.id else f'differs from "{first.id}" by capitals alone'
      raise InputError(f'{path}: the id "{case.id}" {twice}; give every case an id of its own.')
    if case.label and len(organs) > 1 and entry.get("labels", shared) is None:
      assumed.append(case.id)
  _require_clear_patients(path, cases.values())
  return Manifest(path, organs, tuple(cases.values()), _notes(path, unused, list(unused_in_cases), assumed))


def _require_clear_patients(path: pathlib.Path, cases: Iterable[Case]) -> None:
  """Names that may be one patient's would let a network train on a patient whom it is tested on."""
  first: dict[str, Case] = {}
  for case in cases:
    other = first.setdefault(patient_key(case.patient), case)
    if case.patient and other.patient != case.patient:
      raise InputError(
        f'{path}: the patient of case "{other.id}" is "{other.patient}", that of "{case.id}" '
        f'"{case.patient}": is it one patient? Write one name the same everywhere, others more differently.'
      )


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
