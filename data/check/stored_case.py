"""Whether the cases of a store are what its index says, and can be right."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import numpy.typing as npt

from data.arrays import Labels, StoredImage
from data.files.file_hash import file_sha256
from data.guards.case_guards import check_case
from data.guards.finding import Finding, from_json
from data.guards.measures import measure
from data.listed import listed
from data.organs import BACKGROUND, IGNORE
from data.stored.case_folder import Entry, voxel_counts
from data.stored.preprocess import WINDOW_HU
from data.stored.store import StoredCase
from data.value_counts import values_of

# What the store's window cuts off, so that its arrays cannot show it; prepare has looked at the scan itself.
_SEEN_BY_PREPARE = ("posture", "hu", "mask")
_LEAST_ALONG = 0.5  # cosine: an axis of the canonical order is the nearest to its direction of the body


@dataclasses.dataclass(frozen=True)
class CaseCheck:
  """What was found in one case.

  Attributes:
    faults: lines on what is not as the index says, or cannot be in a store.
    findings: of the guards.
  """

  faults: tuple[str, ...]
  findings: tuple[Finding, ...]


def check_stored_case(case: StoredCase, organs: tuple[str, ...], entry: Entry) -> CaseCheck:
  """Reads a case's files whole and compares them with its entry in the index.

  Args:
    case: of the store, and `entry` what its index says of it.
    organs: of the store.
  """
  faults = _faults_of_hashes(case) or _faults_of_arrays(case)
  if faults:
    return CaseCheck(tuple(faults), ())
  label: Labels = case.label()
  counts = voxel_counts(label, (BACKGROUND, *organs))
  faults += [*_faults_of_labels(label, case, organs), *_faults_of_grid(case), *_faults_of_record(case, entry)]
  if counts != case.voxels:
    other = [name for name, count in counts.items() if case.voxels.get(name) != count]
    faults.append(f"the index counts other voxels of {listed(other)} than the label map has")
  return CaseCheck(tuple(faults), tuple(_findings(case, label, organs, entry)))


def _faults_of_hashes(case: StoredCase) -> list[str]:
  lines = []
  for name in ("image", "label"):
    found = file_sha256(case.folder / f"{name}.npy")
    if found != case.sha256[name]:
      lines.append(f"{name}.npy was changed or damaged: sha256 {found[:12]}…, was {case.sha256[name][:12]}…")
  return lines


def _faults_of_arrays(case: StoredCase) -> list[str]:
  lines = []
  for name in ("image", "label"):
    try:
      array = case.image() if name == "image" else case.label()
    except (OSError, ValueError, EOFError) as error:
      lines.append(f"{name}.npy is no array ({error})")
      continue
    if array.shape != case.shape or array.dtype != np.uint8:
      lines.append(f"{name}.npy is {array.dtype} of {array.shape}; the index says uint8 of {case.shape}")
  return lines


def _faults_of_labels(label: Labels, case: StoredCase, organs: tuple[str, ...]) -> list[str]:
  allowed = {0, IGNORE, *(1 + organs.index(organ) for organ in case.annotated)}
  strange = [value for value in values_of(label) if value not in allowed]
  if not strange:
    return []
  named = [f"{value} ({organs[value - 1]})" if value <= len(organs) else str(value) for value in strange]
  return [f"the label map has values that are not annotated: {listed(named, 8)}"]


def _faults_of_grid(case: StoredCase) -> list[str]:
  axes = case.affine[:3, :3]
  lengths = np.linalg.norm(axes, axis=0)
  lines = []
  if not np.allclose(lengths[::-1], case.spacing_mm, rtol=1e-4):
    lines.append(
      f"the affine has voxels of {lengths[::-1].round(4).tolist()} mm, the index {case.spacing_mm}"
    )
  elif (np.diag(axes / lengths) * (-1, -1, 1) < _LEAST_ALONG).any():
    lines.append("the affine is none of voxels from right to left, front to back, and foot to head")
  return lines


def _faults_of_record(case: StoredCase, entry: Entry) -> list[str]:
  """case.json was written with the arrays; the index adds folds to it."""
  try:
    record: dict[str, Any] = json.loads((case.folder / "case.json").read_text(encoding="utf-8"))["entry"]
  except (OSError, ValueError, KeyError):
    return ["case.json is missing or damaged"]
  other = [key for key in record if key in entry and key != "id" and record[key] != entry[key]]
  return [f"case.json and the index differ in {listed(other, 6)}"] if other else []


def _findings(case: StoredCase, label: Labels, organs: tuple[str, ...], entry: Entry) -> list[Finding]:
  """What the arrays show, and what prepare saw of the scan before the window cut it."""
  known = [from_json(found) for found in entry.get("findings", ())]
  may_be_empty = "findings" in entry and not any(found.guard == "empty" for found in known)
  measures = measure(_hu(case.image()), label, case.affine, case.spacing_mm, organs, case.annotated)
  found_now = check_case(measures, may_be_empty, case.separate_slices)
  shown = [found for found in found_now if found.guard not in _SEEN_BY_PREPARE]
  return shown + [found for found in known if found.guard in _SEEN_BY_PREPARE]


def _hu(image: StoredImage) -> npt.NDArray[np.int16]:
  """HU of a stored image; what lies below the window counts as air."""
  low, high = WINDOW_HU
  of_value = np.rint(low + np.arange(256) * (high - low) / 255).astype(np.int16)
  of_value[0] = -1000
  hu: npt.NDArray[np.int16] = of_value[image]
  return hu
