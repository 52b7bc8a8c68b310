"""The fold of each fully labelled case, and where asked for of each partial one: the manifest's, or dealt by
a seed; a patient is in one fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from data.cases import Case, Manifest
from data.guards.voxel_sketch import overlapping
from data.input_error import InputError
from data.listed import listed
from data.stored.case_folder import Entry
from data.stored.splits import seeded_folds


def with_folds(
  manifest: Manifest, entries: Mapping[str, Entry], count: int, seed: int, fold_partial: bool = False
) -> list[Entry]:
  """The entries in the manifest's order, each with its fold; None for partial cases that always train: those
  to which the manifest gives none, but for `fold_partial`.

  Full and partial cases are dealt by themselves, and the partial ones by what they annotate, so that folds
  stay what they were when others are added. Cases of one image file are of one patient, and so are those that
  hold a part of each other's voxels, and those to which the manifest gives one "patient".

  Args:
    entries: by case id.
    count: folds to deal where the manifest has none; at most one for each patient.
    fold_partial: whether partial cases are dealt folds, those of the fully labelled ones where given.
  Raises:
    InputError: If the manifest has folds for some of the cases of a kind only, several for a patient, or one
      for a case that annotates nothing.
  """
  blank = [case.id for case in manifest.cases if case.fold is not None and not case.annotated]
  if blank:
    raise InputError(
      f'{manifest.path}: {listed(blank)} annotate nothing and have a "fold", in which nothing could be '
      'scored; take their "fold" out.'
    )
  full = [case for case in manifest.cases if case.annotated == manifest.organs]
  folds = _folds(manifest, full, "fully labelled", entries, count, seed)
  given = {case.id: case.fold for case in full if case.fold is not None}
  kinds = {case.annotated: None for case in manifest.cases if 0 < len(case.annotated) < len(manifest.organs)}
  folds.update({case.id: case.fold for case in manifest.cases if case.fold is not None and case.annotated})
  for kind in kinds if fold_partial else ():
    # a patient who is known by another kind of case stays in that fold
    of_patient = {
      case.patient: folds[case.id] for case in manifest.cases if case.patient and case.id in folds
    }
    alike = [case for case in manifest.cases if case.annotated == kind]
    dealt = _folds(manifest, alike, "partial", entries, count, seed, sorted({*given.values()}))
    folds.update(
      {case.id: of_patient.get(case.patient, dealt[case.id]) for case in alike if case.id in dealt}
    )
  return [
    {
      **entries[case.id],
      "fold": folds.get(case.id),
      **({"patient": case.patient} if case.patient else {}),
    }
    for case in manifest.cases
  ]


def _folds(
  manifest: Manifest,
  cases: list[Case],
  kind: str,
  entries: Mapping[str, Entry],
  count: int,
  seed: int,
  numbers: Sequence[int] = (),
) -> dict[str, int]:
  """{case id: its fold}; cases are dealt into `numbers`, where there are such, else into 0 to count - 1."""
  given = {case.id: case.fold for case in cases if case.fold is not None}
  if given and len(given) < len(cases):
    missing = listed((case.id for case in cases if case.fold is None), 8)
    raise InputError(
      f'{manifest.path}: some {kind} cases have a "fold" and [{missing}] do not; '
      "give all of them one, or none."
    )
  # where folds are given, parts of one scan in two of them are refused by a guard that can be overridden
  sketches = {} if given else {case.id: entries[case.id].get("sketch", "") for case in cases}
  first = _first_of_patient(cases, entries, overlapping(sketches))
  folds: dict[str, int] = {}
  if given:
    folds = given
    for case in cases:
      if folds[case.id] != folds[first[case.id]] and case.patient:
        raise InputError(
          f"{manifest.path}: {first[case.id]} (fold {folds[first[case.id]]}) and {case.id} (fold "
          f'{folds[case.id]}) are of the patient "{case.patient}"; give them one fold.'
        )
  elif len(set(first.values())) > 1:
    patients = sorted(set(first.values()))
    dealt = seeded_folds(patients, min(len(numbers) or count, len(patients)), seed)
    folds = {case.id: (numbers or range(count))[dealt[first[case.id]]] for case in cases}
  return folds


def _first_of_patient(
  cases: list[Case], entries: Mapping[str, Entry], in_part: list[tuple[str, str]]
) -> dict[str, str]:
  """{case id: the first id, in the order of names, of a case of the same patient}.

  Args:
    in_part: ids of cases that hold a part of each other's voxels.
  """
  first: dict[str, str] = {}
  of_key: dict[tuple[str, str], str] = {}
  for case in sorted(cases, key=lambda case: case.id):
    keys = [("patient", case.patient)] if case.patient else []
    image = entries[case.id].get("sha256", {}).get("source_image")
    keys += [("image", image)] if image else []
    keys += [("voxels", "/".join(pair)) for pair in in_part if case.id in pair]
    known = sorted({of_key[key] for key in keys if key in of_key})
    first[case.id] = known[0] if known else case.id
    for other in known[1:]:  # this case shows that two patients are one
      first.update({one: known[0] for one, its_first in first.items() if its_first == other})
      of_key.update({key: known[0] for key, its_first in of_key.items() if its_first == other})
    of_key.update(dict.fromkeys(keys, first[case.id]))
  return first
