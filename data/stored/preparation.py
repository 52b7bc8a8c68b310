"""Brings the volumes of a manifest into a store.

Cases are prepared in parallel and each is written whole or not at all; what is finished and unchanged is not
done again.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import sys
from collections.abc import Mapping, Sequence

import tqdm

from data.arrays import WantedSpacingMM
from data.dataset_json import Manifest, read_manifest
from data.files.outputs import make_folder
from data.input_error import InputError
from data.listed import listed
from data.spacing import NATIVE
from data.stored import preprocess
from data.stored.case_folder import Entry
from data.stored.dropped_annotations import Drop, drop_annotations
from data.stored.findings import require_each_scan_once
from data.stored.splits import seeded_folds
from data.stored.store import FORMAT, Store, read_store
from data.stored.stored_case import Preparation, prepare_case
from data.whole_file import AnyPath, write_text
from data.worker_pool import in_processes


class CasesFailed(InputError):
  """Some cases cannot be prepared.

  Attributes:
    failures: the error of each, by case id.
  """

  def __init__(self, cases: int, failures: dict[str, str]) -> None:
    super().__init__(
      f"{len(failures)} of {cases} cases failed ({listed(failures, 8)}); the first: "
      f"{next(iter(failures.values()))} The others are kept; mend these or take them out of the manifest, "
      "and run the same command again."
    )
    self.failures = failures


def prepare_store(
  manifest: AnyPath | Manifest,
  output_dir: AnyPath,
  spacing_mm: WantedSpacingMM = NATIVE,
  folds: int = 5,
  seed: int = 0,
  workers: int = 1,
  max_voxels: int = 1_000_000_000,
  drop: Drop | None = None,
  assume_hu: bool = False,
  nifti_header: str = "",
  allow_repeated_scans: bool = False,
) -> Store:
  """Prepares every case of a manifest; a bar on a terminal shows how far it got.

  Args:
    manifest: the cases, or the dataset.json that lists them.
    output_dir: the store, made or brought up to date.
    spacing_mm: (z, y, x) to resample to; None keeps each case's own spacing along that axis.
    folds: cross-validation folds dealt over the fully labelled cases, unless the manifest has them.
    seed: of the folds.
    workers: cases prepared at a time, in processes of their own; 1 works in this process.
    max_voxels: a case that would become larger is refused.
    drop: labels that fully labelled cases lose before all else.
    assume_hu: take images for CT in HU whatever their values look like.
    nifti_header: "sform" or "qform", where the two of a NIfTI file disagree; "" refuses such a file.
    allow_repeated_scans: two cases may have the same image.
  Returns:
    The finished store.
  Raises:
    CasesFailed: If cases cannot be prepared. The others are kept, but there is no store until the same call
      succeeds.
    InputError: If the manifest is not in order, a scan is in it twice, or the folder holds what is no store.
  """
  if not isinstance(manifest, Manifest):
    manifest = read_manifest(manifest)
  if drop:
    manifest = drop_annotations(manifest, drop)
  preparation = Preparation(manifest.organs, spacing_mm, max_voxels, assume_hu, nifti_header)
  output_dir = pathlib.Path(output_dir)
  make_folder(output_dir)
  _require_own(output_dir, manifest)
  (output_dir / "index.json").unlink(missing_ok=True)  # no index while the arrays may change
  entries = with_folds(manifest, _prepare_cases(manifest, preparation, output_dir, workers), folds, seed)
  if not allow_repeated_scans:
    require_each_scan_once(str(manifest.path), entries)
  _write_index(output_dir, manifest, preparation, entries, drop)
  return read_store(output_dir)


def _require_own(output_dir: pathlib.Path, manifest: Manifest) -> None:
  """Raises InputError if the folder holds files where the store's would go that are no store's."""
  index = output_dir / "index.json"
  if index.exists():
    try:
      content = json.loads(index.read_text(encoding="utf-8"))
      known = "format" in content and "cases" in content
    except (OSError, ValueError, TypeError):
      known = False
    if not known:
      raise InputError(f"{index}: is there already and is no index of a store; choose another --output_dir.")
  for case in manifest.cases:
    folder = output_dir / "cases" / case.id
    if folder.exists() and not (folder / "case.json").is_file() and any(folder.iterdir()):
      raise InputError(
        f"{folder}: is there already and was not written by prepare; choose another --output_dir."
      )


def _prepare_cases(
  manifest: Manifest, preparation: Preparation, output_dir: pathlib.Path, workers: int
) -> dict[str, Entry]:
  """Prepares every case; returns the index entries by case id. Raises CasesFailed."""
  entries, failures = {}, {}
  results = in_processes(
    prepare_case,
    {case.id: (case, preparation, output_dir) for case in manifest.cases},
    workers,
    f"{manifest.path}: a process that prepared a case died (memory?); try again with --workers=1.",
  )
  for case_id, result in tqdm.tqdm(
    results, "prepare", len(manifest.cases), unit="case", disable=not sys.stderr.isatty()
  ):
    if isinstance(result, InputError):
      failures[case_id] = str(result)
    else:
      entries[case_id] = result
  if failures:
    in_order = {case.id: failures[case.id] for case in manifest.cases if case.id in failures}
    raise CasesFailed(len(manifest.cases), in_order)
  return entries


def with_folds(manifest: Manifest, entries: Mapping[str, Entry], count: int, seed: int) -> list[Entry]:
  """The entries in the manifest's order, each with its fold; None for partial cases.

  Args:
    entries: by case id.
    count: folds to deal where the manifest has none; at most one for each fully labelled case.
  Raises:
    InputError: If the manifest has folds for some of the fully labelled cases only.
  """
  full = [case for case in manifest.cases if case.annotated == manifest.organs]
  given = {case.id: case.fold for case in full if case.fold is not None}
  if given and len(given) < len(full):
    missing = listed((case.id for case in full if case.fold is None), 8)
    raise InputError(
      f'{manifest.path}: some fully labelled cases have a "fold" and [{missing}] do not; '
      "give all of them one, or none."
    )
  folds = given
  if not given and len(full) > 1:
    folds = seeded_folds([case.id for case in full], min(count, len(full)), seed)
  return [{**entries[case.id], "fold": folds.get(case.id)} for case in manifest.cases]


def _write_index(
  output_dir: pathlib.Path,
  manifest: Manifest,
  preparation: Preparation,
  entries: Sequence[Entry],
  drop: Drop | None,
) -> None:
  """Last of all and atomically: a store with an index is complete."""
  index = {
    "format": FORMAT,
    "organs": list(preparation.organs),
    "window_hu": list(preprocess.WINDOW_HU),
    "spacing_mm": list(preparation.spacing_mm),
    "manifest": manifest.path.name,
    **({"dropped_annotations": dataclasses.asdict(drop)} if drop else {}),
    "cases": entries,
  }
  write_text(output_dir / "index.json", json.dumps(index, indent=1))
