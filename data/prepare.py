"""python -m data.prepare: brings the volumes of a manifest into a store.

Parallel over cases, each written whole or not at all; what is finished and unchanged is not done again.
"""

from __future__ import annotations

import json
import os

from absl import flags

from data import command
from data.dataset_json import Manifest, read_manifest
from data.spacing import describe_spacing, parse_spacing
from data.stored.dropped_annotations import Drop
from data.stored.findings import fold_summary, warnings
from data.stored.preparation import CasesFailed, prepare_store
from data.stored.store import Store


def define_flags() -> None:
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
  flags.DEFINE_bool("assume_hu", False, "Take images for CT in HU whatever their values look like.")
  flags.DEFINE_enum(
    "nifti_header",
    None,
    ["sform", "qform"],
    "The one that holds where a NIfTI file's sform and qform disagree; default: refuse such a file.",
  )
  flags.DEFINE_bool(
    "allow_repeated_scans", False, "Two cases may have the same image, for instance with a label map each."
  )


def dropping(args: flags.FlagValues) -> Drop | None:
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


def main(_: list[str]) -> None:
  args = flags.FLAGS
  drop = dropping(args)
  manifest = read_manifest(args.manifest)
  for note in manifest.notes:
    print(f"note: {note}")
  try:
    store = prepare_store(
      args.manifest,
      args.output_dir,
      parse_spacing(args.spacing_mm),
      folds=args.folds,
      seed=args.seed,
      workers=args.workers,
      max_voxels=args.max_voxels,
      drop=drop,
      assume_hu=args.assume_hu,
      nifti_header=args.nifti_header or "",
      allow_repeated_scans=args.allow_repeated_scans,
    )
  except CasesFailed as error:
    for case_id, failure in error.failures.items():
      print(f"failed: {case_id}: {failure}")
    raise
  _tell(store, manifest, drop)


def _tell(store: Store, manifest: Manifest, drop: Drop | None) -> None:
  entries = json.loads((store.path / "index.json").read_text(encoding="utf-8"))["cases"]
  full = sum(map(store.is_full, store.cases))
  print(
    f"{store.path}: {len(store.cases)} cases ({full} fully labelled, {len(store.cases) - full} partial), "
    f"{len(store.organs)} organs, spacing {describe_spacing(store.spacing_mm)} (z, y, x)"
  )
  print(f"{store.path}: {fold_summary(entries)}")
  for line in warnings(entries, store.organs):
    print(f"warning: {line}")
  if drop:
    given = {case.id: case.annotated for case in manifest.cases}
    changed = [case.id for case in store.cases if case.annotated != given[case.id]]
    print(
      f"{store.path}: {len(changed)} fully labelled cases lost the labels of {drop.organs} organs each: "
      f"{', '.join(changed)}"
    )


if __name__ == "__main__":
  define_flags()
  command.run(main)
