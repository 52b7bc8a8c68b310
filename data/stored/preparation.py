"""Brings the volumes of a manifest into a store.

Cases are prepared in parallel and each is written whole or not at all; what is finished and unchanged is not
done again.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import tqdm

from data.arrays import WantedSpacingMM
from data.cases import Case, Manifest
from data.dataset_json.manifest_file import read_manifest
from data.files.outputs import make_folder
from data.guards.case_guards import TELL_ALL, GuardRules
from data.input_error import InputError
from data.listed import listed
from data.overview.page import REPORT, is_report, report_page
from data.reading.grey_pictures import How
from data.spacing import NATIVE, describe_spacing
from data.stored import preprocess
from data.stored.case_folder import Entry
from data.stored.dropped_annotations import Drop, drop_annotations
from data.stored.findings import cases_above, fold_summary, require_each_scan_once, warnings
from data.stored.folds import with_folds
from data.stored.shards import Shard, begin_shard, finish_shard
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
    others = "The others are kept; mend these" if len(failures) < cases else "Mend them"
    super().__init__(
      f"{len(failures)} of {cases} cases failed ({listed(failures, 8)}); the first: "
      f"{next(iter(failures.values()))} {others}, or leave them out (--layout: by --leave_out), and run the "
      "same command again."
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
  guards: GuardRules = TELL_ALL,
  shard: Shard | None = None,
  grey_pictures: How = None,
  separate_slices: bool = False,
  fold_partial: bool = False,
  most_ml: tuple[int, float] | None = None,
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
    guards: which findings of the guards refuse a case; by default they are all warnings.
    shard: prepare this share of the cases, while others prepare the others.
    grey_pictures: how images of 8 bits become HU (data/reading/grey_pictures.py); None: they are refused.
    separate_slices: the slices of a scan are no neighbours; nothing is then resampled or read along z.
    fold_partial: the partial cases have folds too, and are held out by them.
    most_ml: (label value, mL): cases in which more of the label map has this value are prepared and left out
      of the store. It must be one of several values of an organ, as a tumour's is.
  Returns:
    The finished store.
  Raises:
    CasesFailed: If cases cannot be prepared. The others are kept, but there is no store until the same call
      succeeds.
    OthersMissing: If the shard is done and others are not. The last of them returns the store.
    InputError: If the manifest is not in order, a scan is in it twice, or the folder holds what is no store.
  """
  if not isinstance(manifest, Manifest):
    manifest = read_manifest(manifest)
  if drop:
    manifest = drop_annotations(manifest, drop)
  if separate_slices and spacing_mm[0] is not None:
    raise InputError(
      f"{manifest.path}: separate slices cannot be resampled to {describe_spacing(spacing_mm)} (z, y, x): "
      "leave z out of the spacing (--spacing_mm=y,x)."
    )
  preparation = Preparation(
    manifest.organs, spacing_mm, max_voxels, assume_hu, nifti_header, guards, grey_pictures, separate_slices
  )
  output_dir = pathlib.Path(output_dir)
  make_folder(output_dir)
  _require_own(output_dir, manifest)

  def complete(prepared: Mapping[str, Entry]) -> None:
    kept = manifest
    if most_ml:
      above = cases_above(prepared, *most_ml)
      kept = dataclasses.replace(
        manifest, cases=tuple(case for case in manifest.cases if case.id not in above)
      )
      if not kept.cases:
        raise InputError(
          f"{manifest.path}: label value {most_ml[0]} has more than {most_ml[1]:g} mL in every case; allow "
          "more."
        )
    entries = with_folds(kept, prepared, folds, seed, fold_partial)
    if not allow_repeated_scans:
      require_each_scan_once(str(manifest.path), entries, guards)
    content = index_content(manifest.path.name, manifest.organs, spacing_mm, entries)
    if drop:
      content["dropped_annotations"] = dataclasses.asdict(drop)
    write_index(output_dir, content)

  if shard is None:
    (output_dir / "index.json").unlink(missing_ok=True)  # no index while the arrays may change
    complete(_prepare_cases(manifest, manifest.cases, preparation, output_dir, workers))
  else:
    begin_shard(output_dir, shard)
    own = tuple(case for position, case in enumerate(manifest.cases) if shard.takes(position))
    plan = {
      "cases": [(case.id, case.annotated, case.fold, case.patient) for case in manifest.cases],
      "recipe": [manifest.organs, spacing_mm, assume_hu, nifti_header, grey_pictures, separate_slices],
      "fold_partial": fold_partial,
      "most_ml": most_ml,
    }
    prepared = _prepare_cases(manifest, own, preparation, output_dir, workers)
    finish_shard(output_dir, shard, plan, prepared, complete)
  return read_store(output_dir)


def require_own_index(output_dir: pathlib.Path) -> None:
  """Raises InputError if the folder has an index.json or a report that is no store's."""
  report = output_dir / REPORT
  if report.exists() and not is_report(report):
    raise InputError(
      f"{report}: is there already and was not written by prepare; choose another --output_dir."
    )
  index = output_dir / "index.json"
  if index.exists():
    try:
      content = json.loads(index.read_text(encoding="utf-8"))
      known = "format" in content and "cases" in content
    except (OSError, ValueError, TypeError):
      known = False
    if not known:
      raise InputError(f"{index}: is there already and is no index of a store; choose another --output_dir.")


def _require_own(output_dir: pathlib.Path, manifest: Manifest) -> None:
  """Raises InputError if the folder holds files where the store's would go that are no store's."""
  require_own_index(output_dir)
  for case in manifest.cases:
    folder = output_dir / "cases" / case.id
    if folder.exists() and not (folder / "case.json").is_file() and any(folder.iterdir()):
      raise InputError(
        f"{folder}: is there already and was not written by prepare; choose another --output_dir."
      )


def _prepare_cases(
  manifest: Manifest,
  cases: Sequence[Case],
  preparation: Preparation,
  output_dir: pathlib.Path,
  workers: int,
) -> dict[str, Entry]:
  """Prepares some of the manifest's cases; returns the index entries by case id. Raises CasesFailed."""
  entries, failures = {}, {}
  results = in_processes(
    prepare_case,
    {case.id: (case, preparation, output_dir) for case in largest_first(cases)},
    workers,
    f"{manifest.path}: a process that prepared a case died (memory?); try again with --workers=1.",
  )
  for case_id, result in tqdm.tqdm(
    results, "prepare", len(cases), unit="case", disable=not sys.stderr.isatty()
  ):
    if isinstance(result, InputError):
      failures[case_id] = str(result)
    else:
      entries[case_id] = result
  if failures:
    in_order = {case.id: failures[case.id] for case in cases if case.id in failures}
    raise CasesFailed(len(cases), in_order)
  return entries


def largest_first(cases: Sequence[Case]) -> list[Case]:
  """The order in which cases end soonest side by side: a large one begun last would keep one worker alone."""
  return sorted(cases, key=lambda case: -_file_bytes(case.image))


def _file_bytes(path: pathlib.Path) -> int:
  """Of a file, or of the files in a folder; 0 where that cannot be known, which reading it will tell."""
  try:
    if path.is_dir():
      return sum(entry.stat().st_size for entry in os.scandir(path) if entry.is_file())
    return path.stat().st_size
  except OSError:
    return 0


def index_content(
  manifest_name: str, organs: Sequence[str], spacing_mm: WantedSpacingMM, entries: Sequence[Entry]
) -> dict[str, Any]:
  """What index.json says of a store."""
  return {
    "format": FORMAT,
    "organs": list(organs),
    "window_hu": list(preprocess.WINDOW_HU),
    "spacing_mm": list(spacing_mm),
    "manifest": manifest_name,
    "cases": list(entries),
  }


def index_entries(store: Store) -> list[Entry]:
  """What the index says of the cases, in the order of `store.cases`."""
  content = json.loads((store.path / "index.json").read_text(encoding="utf-8"))
  entries: list[Entry] = content["cases"]
  return entries


def index_window(store: Store) -> list[float] | None:
  """The HU (low, high) that the index says the grey values 0 and 255 are; None if it does not."""
  content = json.loads((store.path / "index.json").read_text(encoding="utf-8"))
  window: list[float] | None = content.get("window_hu")
  return window


def write_index(output_dir: pathlib.Path, content: Mapping[str, Any]) -> None:
  """Writes the report, and last of all and atomically the index: a store with an index is complete."""
  entries, organs = content["cases"], content["organs"]
  full = sum(len(entry["annotated"]) == len(organs) for entry in entries)
  z, y, x = content["spacing_mm"]
  lines = [
    f"{len(entries)} cases ({full} fully labelled, {len(entries) - full} partial), {len(organs)} organs, "
    f"spacing {describe_spacing((z, y, x))} (z, y, x)",
    fold_summary(entries, organs),
    *warnings([{**entry, "notes": (), "findings": ()} for entry in entries], organs),
  ]
  title = f"{content['manifest']} in {output_dir.absolute().name}"
  write_text(output_dir / REPORT, report_page(title, lines, entries, organs, output_dir / "cases"))
  write_text(output_dir / "index.json", json.dumps(content, indent=1))
