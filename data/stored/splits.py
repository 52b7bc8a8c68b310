"""Which cases train, validate and test. Only `validation` may choose a checkpoint; `test` never does."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

import numpy as np

from data.cases import patient_key
from data.input_error import InputError
from data.stored.store import Store, StoredCase


@dataclasses.dataclass(frozen=True)
class Splits:
  """Disjoint sets of cases.

  Attributes:
    labeled: S_L, fully labelled cases to train on.
    partial: S_P, partially labelled cases to train on.
    validation: fully labelled cases held out of the training folds; no other scan of these patients trains.
    test: the cases of the held-out fold: fully labelled ones, and partial ones where these have folds, which
      can be scored on what they annotate.
  """

  labeled: tuple[StoredCase, ...]
  partial: tuple[StoredCase, ...]
  validation: tuple[StoredCase, ...]
  test: tuple[StoredCase, ...]


def seeded_folds(case_ids: Sequence[str], count: int, seed: int) -> dict[str, int]:
  """Deals cases into `count` folds whose sizes differ by one at most, whatever the order of the ids.

  Returns:
    {id: fold}.
  """
  order = np.random.default_rng(seed).permutation(len(case_ids))
  return {sorted(case_ids)[index]: position % count for position, index in enumerate(order)}


def split(store: Store, fold: int, validation_fraction: float, seed: int) -> Splits:
  """Divides a store's cases.

  Args:
    fold: the fold to hold out as test; -1 trains on all.
    validation_fraction: share of the fully labelled training cases to hold out, rounded, or more where a
      patient has several; at least one keeps training.
    seed: chooses the validation cases.
  Raises:
    InputError: If the store has no folds, no case has this fold, no fully labelled case is left to train on,
      or all of them are of one patient and some are to validate.
  """
  full = [case for case in store.cases if store.is_full(case)]
  folds = sorted({case.fold for case in store.cases if case.fold is not None})
  if fold >= 0 and not folds:
    raise InputError(
      f"{store.path}: has no folds, so --fold={fold} would hold nothing out ({len(full)} of its cases are "
      "fully labelled); leave --fold out to train on all, or prepare two or more fully labelled cases, or "
      "with --fold_partial."
    )
  if fold >= 0 and fold not in folds:
    raise InputError(
      f"{store.path}: has no fold {fold}; its folds are {folds}: choose one by --fold, or -1 for none."
    )
  test = tuple(case for case in store.cases if fold >= 0 and case.fold == fold)
  training = [case for case in full if case not in test]
  if not training:
    raise InputError(
      f"{store.path}: has no fully labelled case outside fold {fold}; training needs at least one case "
      'with "annotated": "all".'
    )
  count = min(round(validation_fraction * len(training)), len(training) - 1)
  order = np.random.default_rng([seed, fold + 1]).permutation(len(training))[:count]
  held_out = _patients_of([training[index] for index in order], training)
  if count and not held_out:
    raise InputError(
      f"{store.path}: its {len(training)} fully labelled training cases are of one patient, so none can "
      f"validate; leave out --validation_fraction={validation_fraction:g}."
    )
  return Splits(
    labeled=tuple(case for case in training if patient_of(case) not in held_out),
    partial=tuple(
      case
      for case in store.cases
      if not store.is_full(case) and case not in test and patient_of(case) not in held_out
    ),
    validation=tuple(case for case in training if patient_of(case) in held_out),
    test=test,
  )


def _patients_of(chosen: Sequence[StoredCase], training: Sequence[StoredCase]) -> set[tuple[str, str]]:
  """The patients of the chosen cases in their order, as long as another one is left to train on."""
  patients: set[tuple[str, str]] = set()
  everyone = {patient_of(case) for case in training}
  for case in chosen:
    if len(patients | {patient_of(case)}) < len(everyone):
      patients.add(patient_of(case))
  return patients


def patient_of(case: StoredCase) -> tuple[str, str]:
  """Whose scan it is: a case is a patient where the manifest names none."""
  return ("patient", patient_key(case.patient)) if case.patient else ("case", case.id)


def as_unlabeled(splits: Splits) -> Splits:
  """The splits with partial cases of which nothing counts as annotated, whatever their label maps hold."""
  return dataclasses.replace(
    splits, partial=tuple(dataclasses.replace(case, annotated=()) for case in splits.partial)
  )


def only_annotating(splits: Splits, organs: Collection[str], store: Store) -> Splits:
  """The splits without the partial cases that annotate an organ beside `organs`, or nothing at all.

  One store with several partial data sets so serves an experiment on any of them.

  Raises:
    InputError: If an organ is not the store's, or no partial case is left.
  """
  unknown = [organ for organ in organs if organ not in store.organs]
  if unknown:
    raise InputError(
      f"--partial_organs: names {unknown}; the organs of {store.path} are {list(store.organs)}."
    )
  kept = tuple(case for case in splits.partial if case.annotated and set(case.annotated) <= set(organs))
  if not kept:
    found = sorted({", ".join(case.annotated) or "nothing" for case in splits.partial})
    raise InputError(
      f"--partial_organs={','.join(organs)}: no partial case of {store.path} annotates these organs alone; "
      f"its partial cases annotate {found}."
    )
  return dataclasses.replace(splits, partial=kept)
