"""The prior q: the share of each class among the labelled pixels, under training's own sampling law."""

from __future__ import annotations

import dataclasses
import json

import numpy as np

from data.input_error import InputError
from data.organs import BACKGROUND, IGNORE
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
  def target(self):
    """What p̄ is held to."""
    return self.corrected or self.sampled


def estimate_prior(organs, labeled_cases, label_batches):
  """Counts labels.

  Args:
    organs: the store's.
    labeled_cases: StoredCases of S_L.
    label_batches: iterable of integer arrays, label crops drawn as in training.
  """
  classes = (BACKGROUND, *organs)
  counts = np.zeros(IGNORE + 1, np.int64)
  for labels in label_batches:
    counts += np.bincount(np.asarray(labels).ravel(), minlength=IGNORE + 1)
  counts = counts[: len(classes)]
  voxels = np.array([sum(case.voxels[name] for case in labeled_cases) for name in classes], np.int64)
  return Prior(
    classes,
    tuple((counts / counts.sum()).tolist()),
    tuple((voxels / voxels.sum()).tolist()),
    int(counts.sum()),
  )


def correct_by_annotations(prior: Prior, partial_labels):
  """The prior for the partial images as they are: of an organ that a set annotates, the share that it has
  there.

  Scans of another field of view hold more or less of an organ than q says, and what they annotate shows it.
  The other organs keep q, scaled so that a set's shares sum to 1; the sets count by their pixels, as they do
  in p̄.

  Args:
    partial_labels: iterable of {"label": integers [n, ...], "annotated": [n, K + 1]}, drawn as in training.
  Returns:
    The Prior with `corrected`.
  """
  count, sampled = len(prior.classes), np.array(prior.sampled)
  sets: dict = {}
  for batch in partial_labels:
    for label, annotated in zip(np.asarray(batch["label"]), np.asarray(batch["annotated"])):
      known = tuple(np.flatnonzero(annotated[1:] > 0) + 1)
      sets[known] = sets.get(known, 0) + np.bincount(label.ravel(), minlength=IGNORE + 1)[:count]
  total = np.zeros(count)
  for known, counts in sets.items():
    shares, pixels, organs = sampled.copy(), counts.sum(), list(known)
    if not pixels:
      continue
    shares[organs] = counts[organs] / pixels
    rest = np.setdiff1d(np.arange(count), organs)
    shares[rest] *= (1 - shares[organs].sum()) / max(sampled[rest].sum(), 1e-12)
    total += pixels * shares
  return dataclasses.replace(prior, corrected=tuple((total / total.sum()).tolist()))


def require_every_organ(prior: Prior, where):
  """Raises InputError if an organ has no labelled voxel: its ν would start at −1/0."""
  absent = [name for name, share in zip(prior.classes, prior.voxels) if share == 0]
  if absent:
    raise InputError(
      f"{where}: the fully labelled training cases hold no voxel of {absent}; the prior needs a share above "
      "0 "
      "for each organ: take them out of the manifest's organs, add a labelled case, or use "
      "--supervision=partial."
    )
  unseen = [name for name, share in zip(prior.classes, prior.sampled) if share == 0]
  if unseen:
    raise InputError(
      f"{where}: {unseen} came up in none of {prior.pixels} sampled label pixels; raise --prior_examples."
    )


def kl_divergence(prior, share):
  """KL(q ‖ p̄) of two categorical distributions, in nats; classes with q = 0 add nothing.

  Args:
    prior, share: [K + 1] arrays that sum to 1.
  """
  prior, share = np.asarray(prior, np.float64), np.asarray(share, np.float64)
  seen = prior > 0
  return float(np.sum(prior[seen] * np.log(prior[seen] / np.maximum(share[seen], 1e-12))))


def save_prior(prior: Prior, path):
  write_text(path, json.dumps(dataclasses.asdict(prior), indent=1))


def load_prior(path):
  content = json.loads(path.read_text(encoding="utf-8"))
  corrected = content.get("corrected")
  return Prior(
    tuple(content["classes"]),
    tuple(content["sampled"]),
    tuple(content["voxels"]),
    content["pixels"],
    corrected and tuple(corrected),
  )
