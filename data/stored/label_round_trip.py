"""What a spacing leaves of label maps: resampled there and back, on the cases' own grids."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Collection
from typing import NamedTuple

from data.arrays import Labels, SpacingMM, WantedSpacingMM
from data.cases import Case, Manifest
from data.dataset_json.manifest_file import read_manifest
from data.files.outputs import Outputs
from data.input_error import InputError
from data.reading import volumes
from data.reading.case_volumes import read_case_image, read_case_label
from data.reading.value_names import ANNOTATED_BESIDE, annotated_beside
from data.spacing import fill_spacing
from data.stored import preprocess
from data.stored.size_limit import require_size
from data.stored.vanished import keep_vanished
from data.whole_file import AnyPath, write_text


class RoundTrip(NamedTuple):
  """What `write_round_trip` wrote: two folders with a label map <id>.nii.gz of each case."""

  references: pathlib.Path
  results: pathlib.Path
  cases: tuple[str, ...]
  organs: tuple[str, ...]


def write_round_trip(
  manifest_path: AnyPath,
  output_dir: AnyPath,
  spacing_mm: WantedSpacingMM,
  case_ids: Collection[str] = (),
  max_voxels: int = 1_000_000_000,
  overwrite: bool = False,
) -> RoundTrip:
  """Writes label maps as they are to OUT/references, and resampled there and back to OUT/round_trip.

  Both have the values 1 + the organ's index in the manifest. What partial cases annotate stands in
  references/annotated.json, which `evaluate` reads.

  Args:
    spacing_mm: (z, y, x) to resample to; None keeps each case's own spacing along that axis.
    case_ids: empty for the fully labelled cases.
    max_voxels: a case that would become larger is refused.
    overwrite: files may be replaced that were not written by a call before.
  Raises:
    InputError: If a case does not exist, cannot be read or would become too large.
  """
  manifest = read_manifest(manifest_path)
  cases = chosen_cases(manifest, case_ids)
  inputs = [path for case in manifest.cases for path in (case.image, *case.label_files)]
  outputs = [
    Outputs(pathlib.Path(output_dir) / name, inputs, overwrite) for name in ("references", "round_trip")
  ]
  for output in outputs:
    output.require_free([f"{case.id}.nii.gz" for case in cases])
  outputs[0].require_free([ANNOTATED_BESIDE])
  references, results = (output.folder for output in outputs)
  ours = {case.id: case.annotated for case in cases}
  told = {**annotated_beside(references), **ours}
  partial = {name: organs for name, organs in told.items() if ours.get(name) != manifest.organs}
  write_text(references / ANNOTATED_BESIDE, json.dumps(partial, indent=1))
  outputs[0].wrote([ANNOTATED_BESIDE])
  for case in cases:
    image = read_case_image(case)
    target_mm = fill_spacing(spacing_mm, image.spacing_mm)
    require_size(case.image, image.array.shape, image.spacing_mm, target_mm, max_voxels)
    label = read_case_label(case, image, manifest.organs).array
    name = f"{case.id}.nii.gz"
    volumes.write_label(str(references / name), label, image)
    volumes.write_label(str(results / name), round_trip(label, image.spacing_mm, target_mm), image)
    for output in outputs:
      output.wrote([name])
  return RoundTrip(references, results, tuple(case.id for case in cases), manifest.organs)


def chosen_cases(manifest: Manifest, ids: Collection[str]) -> list[Case]:
  """The manifest's cases of these ids, or the fully labelled ones if there are none. Raises InputError."""
  unknown = sorted(set(ids) - {case.id for case in manifest.cases})
  if unknown:
    raise InputError(f"--cases={','.join(ids)}: {manifest.path} has no case {', '.join(unknown)}.")
  cases = [
    case
    for case in manifest.cases
    if case.label_files and (case.id in ids if ids else len(case.annotated) == len(manifest.organs))
  ]
  if not cases:
    raise InputError(
      f"{manifest.path}: of the cases asked for, none has a label map; name others by --cases."
    )
  return cases


def round_trip(label: Labels, spacing_mm: SpacingMM, target_mm: SpacingMM) -> Labels:
  """A label map [z, y, x] resampled to another spacing and back, by the vote that makes the store."""
  resampled = preprocess.store_label(label, spacing_mm, target_mm)
  there, _ = keep_vanished(label, resampled, spacing_mm, target_mm)
  return preprocess.store_label(there, target_mm, spacing_mm, label.shape)
