"""A cohort of drawn patients on disk: images, label maps with what is annotated of them, and dataset.json."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import json
import os
from typing import Any

import nibabel
import numpy as np

from data.input_error import InputError
from data.synthetic import field_of_view


@dataclasses.dataclass(frozen=True)
class PartialCases:
  """What is special about the partial cases of a cohort.

  Attributes:
    organs_per_case: how many organs are drawn for each case, unless one of the next two lists is given.
    annotated: organs of every case.
    annotated_in_turn: case i has the (i mod n)-th of these organs annotated, alone.
    oracle: annotate every organ after all, in the same images: the upper bound of what partial labels give.
    fields: case i has the (i mod n)-th of these fields of view (field_of_view.crop).
  """

  organs_per_case: int = 5
  annotated: tuple[str, ...] = ()
  annotated_in_turn: tuple[str, ...] = ()
  oracle: bool = False
  fields: tuple[str, ...] = ("full",)


@dataclasses.dataclass(frozen=True)
class Cohort:
  """What to write: cases of each role, the seed that draws them, the organs in the label maps' order."""

  labeled_cases: int
  partial_cases: int
  test_cases: int
  seed: int
  organs: tuple[str, ...]
  partial: PartialCases = PartialCases()

  def cases(self):
    """(role, index) of every case, in the manifest's order."""
    counts = {"labeled": self.labeled_cases, "partial": self.partial_cases, "test": self.test_cases}
    return [(role, index) for role, count in counts.items() for index in range(count)]


def choose_annotated(seed, cases, organs, organs_per_case):
  """Which organs each partial case has annotated.

  At every case the organs chosen least often so far come first, ties at random: over any number of cases the
  counts of two organs differ by at most 1, and more cases leave the first ones as they were.

  Returns:
    A list of `cases` tuples of `organs_per_case` organs each, in the order of `organs`.
  """
  counts = np.zeros(len(organs), int)
  choices = []
  for case in range(cases):
    ties = np.random.default_rng([seed, case]).permutation(len(organs))
    chosen = np.sort(np.lexsort((ties, counts))[:organs_per_case])
    counts[chosen] += 1
    choices.append(tuple(organs[i] for i in chosen))
  return choices


def keep_annotated(label, annotated, organs):
  """`label` with every organ that is not in `annotated` turned into background."""
  is_kept = np.array([False] + [organ in annotated for organ in organs])
  return np.where(is_kept[label], label, 0).astype(label.dtype)


def manifest_entries(cohort):
  """The "cases" of the manifest, in the order of `cohort.cases()`."""
  annotated = _annotated(cohort)
  entries = []
  for role, index in cohort.cases():
    case = f"{role}_{index:03d}"
    entry: dict[str, Any] = {
      "id": case,
      "image": f"images/{case}.nii.gz",
      "label": f"labels/{case}.nii.gz",
      "annotated": "all",
      "labels": {str(value): organ for value, organ in enumerate(cohort.organs, 1)},
    }
    if role == "partial" and not cohort.partial.oracle:
      entry["annotated"] = list(annotated[index])
    elif cohort.test_cases:
      # Fold 0 is the test set; training then takes fold 1, and every case without a fold.
      entry["fold"] = 0 if role == "test" else 1
    entries.append(entry)
  return entries


def _annotated(cohort):
  """The annotated organs of each partial case, as if it were no oracle."""
  partial, count = cohort.partial, cohort.partial_cases
  if partial.annotated_in_turn:
    return [(partial.annotated_in_turn[index % len(partial.annotated_in_turn)],) for index in range(count)]
  if partial.annotated:
    return [tuple(organ for organ in cohort.organs if organ in partial.annotated)] * count
  return choose_annotated(cohort.seed, count, cohort.organs, partial.organs_per_case)


def write_cohort(output_dir, cohort, draw, progress=iter):
  """Writes `cohort` into `output_dir`; the same cohort gives the same bytes.

  An older dataset.json goes first and the new one comes last: the one that is there fits the volumes.

  Args:
    draw: draws a case, a pure function (seed, role, index) → (image_hu int16 [z, y, x], label uint8 of the
      same shape with 1 + the organ's place in cohort.organs, affine [4, 4]), z towards the head.
    progress: wraps the list of cases, to show how far it got.
  Raises:
    InputError: If the folder cannot be written.
  """
  manifest_path = os.path.join(output_dir, "dataset.json")
  entries = manifest_entries(cohort)
  try:
    for folder in ("images", "labels"):
      os.makedirs(os.path.join(output_dir, folder), exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
      os.remove(manifest_path)
    for (role, index), entry in progress(list(zip(cohort.cases(), entries))):
      image_hu, label, affine = _seen(cohort, role, index, draw)
      if entry["annotated"] != "all":
        label = keep_annotated(label, entry["annotated"], cohort.organs)
      _write(os.path.join(output_dir, entry["image"]), _nifti(image_hu, affine))
      _write(os.path.join(output_dir, entry["label"]), _nifti(label, affine))
    manifest = json.dumps({"organs": list(cohort.organs), "cases": entries}, indent=1)
    _write(manifest_path, manifest.encode() + b"\n")
  except OSError as error:
    raise InputError(
      f"{error.filename or output_dir}: {error.strerror or error}; "
      f"give an --output_dir that can be written, on a disk with room"
    ) from error


def _seen(cohort, role, index, draw):
  image_hu, label, affine = draw(cohort.seed, role, index)
  if role != "partial":
    return image_hu, label, affine
  fields = cohort.partial.fields
  return field_of_view.crop((image_hu, label), affine, fields[index % len(fields)], cohort.organs)


def _nifti(volume, affine):
  """[z, y, x] as the bytes of a .nii.gz; gzip's time stamp is left out, so equal volumes give equal bytes."""
  image = nibabel.Nifti1Image(volume.transpose(2, 1, 0), affine)
  image.set_sform(affine, code="scanner")
  image.set_qform(affine, code="scanner")
  image.header.set_xyzt_units("mm")
  return gzip.compress(image.to_bytes(), compresslevel=4, mtime=0)


def _write(path, content):
  unfinished = path + ".unfinished"
  try:
    with open(unfinished, "wb") as file:
      file.write(content)
    os.replace(unfinished, path)
  finally:
    with contextlib.suppress(OSError):
      os.remove(unfinished)
