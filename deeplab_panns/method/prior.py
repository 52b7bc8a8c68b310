"""The prior q: the share of each class among the labelled pixels, under training's own sampling law."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from data.arrays import Floats, Integers
from data.input_error import InputError
from data.organs import BACKGROUND, IGNORE
from data.stored.store import StoredCase
from data.whole_file import write_text


@dataclasses.dataclass(frozen=True)
class Prior:
  """Shares of background and organs, each summing to 1.

  Attributes:
    classes: "background" and the organs.
    sampled: q, estimated from augmented label crops. Crops, scales and padding change an organ's share, and
      p̄ is measured on such crops, so this is what the dual variables hold p̄ to.
    voxels: the raw share in the stored label maps, for comparison.
    pixels: valid pixels that `sampled` was counted on.
    corrected: `sampled` with what the partial cases' own annotations say instead, where that is asked for.
  """

  classes: tuple[str, ...]
  sampled: tuple[float, ...]
  voxels: tuple[float, ...]
  pixels: int
  corrected: tuple[float, ...] | None = None

  @property
  def target(self) -> tuple[float, ...]:
    """What p̄ is held to."""
    return self.corrected or self.sampled


def estimate_prior(
  organs: Sequence[str], labeled_cases: Iterable[StoredCase], label_batches: Iterable[Integers]
) -> Prior:
  """Counts labels.

  Args:
    organs: the store's.
    labeled_cases: those of S_L.
    label_batches: label crops of any shape, sampled as in training; IGNORE counts nowhere.
  """
  classes = (BACKGROUND, *organs)
  counts = np.zeros(len(classes), np.int64)
  for labels in label_batches:
    counts += _class_counts(labels, len(classes))
  voxels = np.array([sum(case.voxels[name] for case in labeled_cases) for name in classes], np.int64)
  return Prior(
    classes,
    tuple((counts / counts.sum()).tolist()),
    tuple((voxels / voxels.sum()).tolist()),
    int(counts.sum()),
  )


def _class_counts(labels: Integers, classes: int) -> Integers:
  """[classes]: pixels of each class."""
  return np.bincount(np.asarray(labels).ravel(), minlength=IGNORE + 1)[:classes]


def correct_by_annotations(prior: Prior, partial_labels: Iterable[Mapping[str, Floats | Integers]]) -> Prior:
  """The prior with the shares that annotated organs have in the partial images.

  Scans of another field of view hold more or less of an organ than q says, and what they annotate shows it.
  A set here is all images that annotate the same organs. In a set, the organs it annotates get the share that
  they have there; the other classes keep q, scaled so that the set's shares sum to 1. The sets are averaged
  by their pixels, as they are in p̄.

  Args:
    partial_labels: {"label": integers [n, ...], "annotated": floats [n, K + 1]}, sampled as in training.
  Returns:
    The Prior with `corrected`.
  """
  total = np.zeros(len(prior.classes))
  for organs, counts in _counts_of_sets(partial_labels, len(prior.classes)).items():
    if counts.sum():
      total += counts.sum() * _shares_of_set(np.array(prior.sampled), list(organs), counts)
  return dataclasses.replace(prior, corrected=tuple((total / total.sum()).tolist()))


def _counts_of_sets(
  partial_labels: Iterable[Mapping[str, Floats | Integers]], classes: int
) -> dict[tuple[int, ...], Integers]:
  """{classes of the annotated organs: pixels of each class, [classes]}."""
  sets: dict[tuple[int, ...], Integers] = {}
  for batch in partial_labels:
    for label, annotated in zip(np.asarray(batch["label"]), np.asarray(batch["annotated"])):
      organs = tuple((np.flatnonzero(annotated[1:] > 0) + 1).tolist())
      sets[organs] = sets.get(organs, 0) + _class_counts(label, classes)
  return sets


def _shares_of_set(sampled: Floats, organs: list[int], counts: Integers) -> Floats:
  """[K + 1], summing to 1: of `organs` the share in `counts`, of all others `sampled` scaled to the rest."""
  shares = sampled.copy()
  shares[organs] = counts[organs] / counts.sum()
  rest = np.setdiff1d(np.arange(len(sampled)), organs)
  shares[rest] *= (1 - shares[organs].sum()) / max(sampled[rest].sum(), 1e-12)
  return shares


def require_every_organ(prior: Prior, where: str | os.PathLike[str]) -> None:
  """Checks that the prior has a share above 0 for each organ, whose ν would otherwise start at −1/0.

  Args:
    where: the store, for the message.
  Raises:
    InputError: If an organ has no labelled voxel, or came up in no sampled label crop.
  """
  absent = [name for name, share in zip(prior.classes, prior.voxels) if share == 0]
  if absent:
    raise InputError(
      f"{where}: the fully labelled training cases hold no voxel of {absent}; the prior needs a share "
      "above 0 for each organ: take them out of the manifest's organs, add a labelled case, or use "
      "--supervision=partial."
    )
  unseen = [name for name, share in zip(prior.classes, prior.sampled) if share == 0]
  if unseen:
    raise InputError(
      f"{where}: {unseen} came up in none of {prior.pixels} sampled label pixels; raise --prior_examples."
    )


def kl_divergence(prior: Sequence[float] | Floats, share: Sequence[float] | Floats) -> float:
  """KL(q ‖ p̄) of two categorical distributions, in nats; classes with q = 0 add nothing.

  Args:
    prior, share: [K + 1] arrays that sum to 1.
  """
  q, p = np.asarray(prior, np.float64), np.asarray(share, np.float64)
  seen = q > 0
  return float(np.sum(q[seen] * np.log(q[seen] / np.maximum(p[seen], 1e-12))))


def save_prior(prior: Prior, path: pathlib.Path) -> None:
  """Writes the prior as JSON."""
  write_text(path, json.dumps(dataclasses.asdict(prior), indent=1))


def load_prior(path: pathlib.Path) -> Prior:
  """Reads what `save_prior` wrote.

  Raises:
    InputError: If the file is damaged.
  """
  try:
    content = json.loads(path.read_text(encoding="utf-8"))
    corrected = content.get("corrected")
    prior = Prior(
      tuple(content["classes"]),
      _shares(content["sampled"]),
      _shares(content["voxels"]),
      int(content["pixels"]),
      corrected and _shares(corrected),
    )
    lengths = {len(part) for part in (prior.classes, prior.sampled, prior.voxels, prior.target)}
    if len(lengths) > 1 or not all(isinstance(name, str) for name in prior.classes):
      raise ValueError("classes and shares do not fit")
  except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
    raise InputError(
      f"{path}: is damaged ({error!r:.80}); restore the file, or train the run again in another --run_dir."
    ) from None
  return prior


def _shares(values: Any) -> tuple[float, ...]:
  shares = tuple(float(value) for value in values)
  if not all(0 <= share <= 1 for share in shares):
    raise ValueError("a share is in [0, 1]")
  return shares
