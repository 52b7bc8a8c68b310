"""python -m data.prepare: brings the volumes of a manifest into a store.

Parallel over cases, each written whole or not at all; what is finished and unchanged is not done again.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import multiprocessing
import os
import pathlib
import signal
import sys

import tqdm
from absl import flags

from data import command
from data.input_error import InputError
from data.manifest import read_manifest
from data.spacing import describe_spacing, parse_spacing
from data.stored import preprocess
from data.stored.dropped_annotations import Drop, drop_annotations
from data.stored.splits import seeded_folds
from data.stored.store import FORMAT
from data.stored.stored_case import Preparation, prepare_case
from data.whole_file import write_text


def define_flags():
  flags.DEFINE_string("manifest", None, "The dataset.json that lists the cases.", required=True)
  flags.DEFINE_string("output_dir", None, "The store to write.", required=True)
  flags.DEFINE_list(
    "spacing_mm",
    None,
    "Resample to S (isotropic), Sy,Sx (in-plane) or Sz,Sy,Sx; default: keep each case's own.",
  )
  flags.DEFINE_integer(
    "folds",
    5,
    "Cross-validation folds dealt over the fully labelled cases, unless the manifest has them.",
    lower_bound=2,
  )
  flags.DEFINE_integer("seed", 0, "Seed of the folds, and of the labels that are dropped.", lower_bound=0)
  flags.DEFINE_float(
    "drop_case_fraction",
    0.0,
    "For experiments: this share of the fully labelled cases loses the labels of "
    "--drop_organs organs, each case its own at random, and becomes partial (the paper's PaNN*: 0.2 and 8).",
    lower_bound=0,
    upper_bound=1,
  )
  flags.DEFINE_integer("drop_organs", 0, "Organs that each of these cases loses.", lower_bound=0)
  flags.DEFINE_integer(
    "drop_keep_fold",
    None,
    "The manifest's test fold, which keeps its labels and does not count in the share; "
    "-1: none. Needed where the manifest has folds.",
    lower_bound=-1,
  )
  flags.DEFINE_integer("workers", os.cpu_count(), "Cases prepared at a time.", lower_bound=1)
  flags.DEFINE_integer("max_voxels", 1_000_000_000, "Refuse a case that would become larger.", lower_bound=1)


def prepare(manifest, preparation, output_dir, workers):
  """Prepares every case of a manifest.

  Returns:
    (entries, failures): index entries by case id, and error lines by case id.
  """
  entries, failures = {}, {}
  # spawn: TensorFlow's threads do not survive a fork. Ctrl-C is the parent's to answer, in one line.
  pool = concurrent.futures.ProcessPoolExecutor(
    min(workers, len(manifest.cases)),
    mp_context=multiprocessing.get_context("spawn"),
    initializer=signal.signal,
    initargs=(signal.SIGINT, signal.SIG_IGN),
  )
  try:
    running = {pool.submit(prepare_case, case, preparation, output_dir): case for case in manifest.cases}
    finished = concurrent.futures.as_completed(running)
    for future in tqdm.tqdm(finished, "prepare", len(running), unit="case", disable=not sys.stderr.isatty()):
      case = running[future]
      try:
        entries[case.id] = future.result()
      except InputError as error:
        failures[case.id] = str(error)
      except concurrent.futures.process.BrokenProcessPool:
        raise InputError(
          f"{case.image}: the process that read it or a neighbour died (memory?); try again with --workers=1."
        ) from None
  finally:
    pool.shutdown(cancel_futures=True)
  return entries, failures


def with_folds(manifest, entries, count, seed):
  """The entries in the manifest's order, each with its fold; None for partial cases."""
  full = [case for case in manifest.cases if case.annotated == manifest.organs]
  given = {case.id: case.fold for case in full if case.fold is not None}
  if given and len(given) < len(full):
    missing = [case.id for case in full if case.fold is None]
    raise InputError(
      f'{manifest.path}: some fully labelled cases have a "fold" and {missing} do not; give all of them one, '
      "or none."
    )
  folds = given
  if not given and len(full) > 1:
    folds = seeded_folds([case.id for case in full], min(count, len(full)), seed)
  return [{**entries[case.id], "fold": folds.get(case.id)} for case in manifest.cases]


def dropping(args):
  """The Drop that the flags ask for, or None. Raises flags.Error if only one of the two is given."""
  if not args.drop_case_fraction and not args.drop_organs:
    if args.drop_keep_fold is not None:
      raise flags.ValidationError(
        "--drop_keep_fold: is for --drop_case_fraction and --drop_organs, which are not given"
      )
    return None
  if not args.drop_case_fraction or not args.drop_organs:
    raise flags.ValidationError(
      f"--drop_case_fraction={args.drop_case_fraction:g} and --drop_organs={args.drop_organs}: go together; "
      "give both above 0, or neither"
    )
  return Drop(args.drop_case_fraction, args.drop_organs, args.seed, args.drop_keep_fold)


def write_index(output_dir, manifest, preparation, entries, drop=None):
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
  write_text(pathlib.Path(output_dir) / "index.json", json.dumps(index, indent=1))


def main(_):
  args = flags.FLAGS
  manifest = read_manifest(args.manifest)
  drop = dropping(args)
  given = {case.id: case.annotated for case in manifest.cases}
  if drop:
    manifest = drop_annotations(manifest, drop)
  preparation = Preparation(manifest.organs, parse_spacing(args.spacing_mm), args.max_voxels)
  output_dir = pathlib.Path(args.output_dir)
  output_dir.mkdir(parents=True, exist_ok=True)
  (output_dir / "index.json").unlink(missing_ok=True)  # no index while the arrays may change
  entries, failures = prepare(manifest, preparation, output_dir, args.workers)
  if failures:
    lines = "; ".join(failures[case.id] for case in manifest.cases if case.id in failures)
    raise InputError(
      f"{len(failures)} of {len(manifest.cases)} cases failed: {lines} The others are kept; "
      "mend these or take them out of the manifest, and run the same command again."
    )
  entries = with_folds(manifest, entries, args.folds, args.seed)
  write_index(output_dir, manifest, preparation, entries, drop)
  full = sum(len(entry["annotated"]) == len(manifest.organs) for entry in entries)
  print(
    f"{output_dir}: {len(entries)} cases ({full} fully labelled, {len(entries) - full} partial), "
    f"{len(manifest.organs)} organs, spacing {describe_spacing(preparation.spacing_mm)} (z, y, x)"
  )
  if drop:
    changed = [case.id for case in manifest.cases if case.annotated != given[case.id]]
    print(
      f"{output_dir}: {len(changed)} fully labelled cases lost the labels of {drop.organs} organs each: "
      f"{', '.join(changed)}"
    )


if __name__ == "__main__":
  define_flags()
  command.run(main)
