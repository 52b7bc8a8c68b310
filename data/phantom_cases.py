"""A phantom data set on disk: images, label maps with what is annotated of them, and dataset.json."""
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
from data.organs import BTCV_ORGANS
from data.phantom_ct import ROLES, draw_case


@dataclasses.dataclass(frozen=True)
class PhantomSet:
  """What to write. `fixed_annotated` holds for every partial case; empty: a choice per case."""

  labeled_cases: int
  partial_cases: int
  test_cases: int
  size: int
  seed: int
  organs_per_partial_case: int
  fixed_annotated: tuple[str, ...] = ()

  def cases(self):
    """(role, index) of every case, in the manifest's order."""
    counts = {"labeled": self.labeled_cases, "partial": self.partial_cases, "test": self.test_cases}
    return [(role, index) for role in ROLES for index in range(counts[role])]


def choose_annotated(seed, cases, organs_per_case):
  """Which organs each partial case has annotated.

  At every case the organs chosen least often so far come first, ties at random: over any number of cases the
  counts of two organs differ by at most 1, and more cases leave the first ones as they were.

  Returns:
    A list of `cases` tuples of `organs_per_case` organs each, in BTCV_ORGANS' order.
  """
  counts = np.zeros(len(BTCV_ORGANS), int)
  choices = []
  for case in range(cases):
    ties = np.random.default_rng([seed, case]).permutation(len(BTCV_ORGANS))
    chosen = np.sort(np.lexsort((ties, counts))[:organs_per_case])
    counts[chosen] += 1
    choices.append(tuple(BTCV_ORGANS[i] for i in chosen))
  return choices


def keep_annotated(label, annotated):
  """`label` with every organ that is not in `annotated` turned into background."""
  is_kept = np.array([False] + [organ in annotated for organ in BTCV_ORGANS])
  return np.where(is_kept[label], label, 0).astype(label.dtype)


def manifest_entries(request):
  """The "cases" of the manifest, in the order of `request.cases()`."""
  choices = choose_annotated(request.seed, request.partial_cases, request.organs_per_partial_case)
  entries = []
  for role, index in request.cases():
    case = f"{role}_{index:03d}"
    entry: dict[str, Any] = {
        "id": case, "image": f"images/{case}.nii.gz", "label": f"labels/{case}.nii.gz", "annotated": "all",
        "labels": {str(value): organ for value, organ in enumerate(BTCV_ORGANS, 1)}}
    if role == "partial":
      entry["annotated"] = list(request.fixed_annotated or choices[index])
    elif request.test_cases:
      # Fold 0 is the test set; training then takes fold 1, and every case without a fold.
      entry["fold"] = 0 if role == "test" else 1
    entries.append(entry)
  return entries


def write_phantom_set(output_dir, request, progress=iter):
  """Writes `request` into `output_dir`; the same request gives the same bytes.

  An older dataset.json goes first and the new one comes last: the one that is there fits the volumes.

  Args:
    progress: wraps the list of cases, to show how far it got.
  Raises:
    InputError: If the folder cannot be written.
  """
  manifest_path = os.path.join(output_dir, "dataset.json")
  entries = manifest_entries(request)
  try:
    for folder in ("images", "labels"):
      os.makedirs(os.path.join(output_dir, folder), exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
      os.remove(manifest_path)
    for (role, index), entry in progress(list(zip(request.cases(), entries))):
      image_hu, label, affine = draw_case(request.seed, role, index, request.size)
      if entry["annotated"] != "all":
        label = keep_annotated(label, entry["annotated"])
      _write(os.path.join(output_dir, entry["image"]), _nifti(image_hu, affine))
      _write(os.path.join(output_dir, entry["label"]), _nifti(label, affine))
    manifest = json.dumps({"organs": list(BTCV_ORGANS), "cases": entries}, indent=1)
    _write(manifest_path, manifest.encode() + b"\n")
  except OSError as error:
    raise InputError(f"{error.filename or output_dir}: {error.strerror or error}; "
                     f"give an --output_dir that can be written, on a disk with room") from error


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
