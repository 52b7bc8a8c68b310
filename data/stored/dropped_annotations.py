"""Partial cases out of full ones: a share of the fully labelled training cases lose some organs' labels.

The setting PaNN* of the paper's Table 2: 20 % of the cases lose 8 of the 13 organs, each case its own at
random.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from data.cases import Manifest
from data.input_error import InputError

_STREAM = 1  # apart from the folds, which are dealt by the bare seed


@dataclasses.dataclass(frozen=True)
class Drop:
  """What to drop.

  Attributes:
    case_fraction: share of the fully labelled cases that lose labels, in (0, 1), rounded to whole cases.
    organs: how many organs each of them loses.
    seed: chooses cases and organs. A larger fraction or more organs keep what a smaller one dropped.
    keep_fold: the manifest's test fold, which keeps its labels and does not count in the share; -1 if no fold
      does; None leaves it open, which only a manifest without folds allows.
  """

  case_fraction: float
  organs: int
  seed: int
  keep_fold: int | None = None


def drop_annotations(manifest: Manifest, drop: Drop) -> Manifest:
  """The manifest with some fully labelled cases made partial.

  Those lose their fold too, as partial cases always train.

  Returns:
    A Manifest of the same files: the store keeps of each label map what `annotated` still names.
  Raises:
    InputError: If nothing would be dropped, no organ or no fully labelled case would be left, or
      `drop.keep_fold` leaves open which of the manifest's folds is the test fold.
  """
  candidates = _candidates(manifest, drop)
  count = round(drop.case_fraction * len(candidates))
  if not 0 < count < len(candidates):
    raise InputError(
      f"{manifest.path}: --drop_case_fraction={drop.case_fraction:g} of {len(candidates)} fully labelled "
      f"training cases is {count} cases; at least one must lose labels and one keep them: "
      "choose another share."
    )
  if not 0 < drop.organs < len(manifest.organs):
    raise InputError(
      f"{manifest.path}: --drop_organs={drop.organs} of {len(manifest.organs)} organs; at least one must go "
      f"and one stay: choose 1 to {len(manifest.organs) - 1}."
    )
  order = np.random.default_rng([drop.seed, _STREAM]).permutation(len(candidates))
  kept = {candidates[index]: _kept(manifest.organs, drop, int(index)) for index in order[:count]}
  cases = tuple(
    dataclasses.replace(case, annotated=kept[case.id], fold=None) if case.id in kept else case
    for case in manifest.cases
  )
  return dataclasses.replace(manifest, cases=cases)


def _candidates(manifest: Manifest, drop: Drop) -> list[str]:
  """Sorted ids of the cases that may lose labels, so that the manifest's order does not matter."""
  full = [case for case in manifest.cases if case.annotated == manifest.organs]
  folds = sorted({case.fold for case in full if case.fold is not None})
  if folds and drop.keep_fold is None:
    raise InputError(
      f"{manifest.path}: has the folds {folds}; a case that loses labels leaves its fold and always trains: "
      "name the test fold by --drop_keep_fold, or give --drop_keep_fold=-1 to drop from all of them."
    )
  if drop.keep_fold is not None and drop.keep_fold >= 0 and drop.keep_fold not in folds:
    raise InputError(
      f"{manifest.path}: no fully labelled case has the fold {drop.keep_fold} of --drop_keep_fold; "
      f"its folds are {folds or 'not given'}: name one of them, or leave the flag out where there are none."
    )
  return sorted(case.id for case in full if case.fold is None or case.fold != drop.keep_fold)


def _kept(organs: tuple[str, ...], drop: Drop, candidate: int) -> tuple[str, ...]:
  """The organs that a case keeps, in the manifest's order; each candidate has a random stream of its own."""
  order = np.random.default_rng([drop.seed, _STREAM, 1 + candidate]).permutation(len(organs))
  dropped = {organs[index] for index in order[: drop.organs]}
  return tuple(organ for organ in organs if organ not in dropped)
