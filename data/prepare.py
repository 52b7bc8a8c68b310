"""python -m data.prepare: brings the volumes of a manifest, or of a public data set, into a store.

Parallel over cases, each written whole or not at all; what is finished and unchanged is not done again.
"""

from __future__ import annotations

import collections
import json
import os

from absl import flags

from data import command
from data.cases import Manifest, with_organs
from data.dataset_json.manifest_file import read_manifest
from data.dataset_json.organ_list import checked_organs, read_organs
from data.guards.case_guards import parse_rules
from data.guards.finding import GUARDS
from data.layouts.by_name import (
  LAYOUTS,
  PARTS,
  Choice,
  describe_layouts,
  find_cases,
  parse_flips,
  read_spacings,
  tumour_value,
)
from data.listed import listed
from data.overview.page import REPORT
from data.overview.summary_table import organ_rows, text_table
from data.reading.grey_pictures import parse_how, summary_line
from data.spacing import describe_spacing, parse_spacing
from data.stored.dropped_annotations import Drop
from data.stored.findings import fold_summary, warnings
from data.stored.preparation import CasesFailed, prepare_store
from data.stored.shards import OthersMissing, parse_shard
from data.stored.store import Store

OF_LAYOUTS = (
  "layout",
  "raw_dir",
  "list_layouts",
  "part",
  "max_cases",
  "leave_out",
  "case_flips",
  "spacings",
  "max_tumour_ml",
)
OF_PICTURES = ("grey_pictures", "separate_slices")


def define_flags() -> None:
  flags.DEFINE_string("manifest", None, "The dataset.json that lists the cases; or give --layout.")
  flags.DEFINE_string("output_dir", None, "The store to write.")
  flags.DEFINE_enum(
    "layout",
    None,
    [layout.name for layout in LAYOUTS],
    "A public data set as it was downloaded and unpacked, in place of --manifest.",
  )
  flags.DEFINE_string("raw_dir", None, "The folder that holds it, at whatever depth.")
  flags.DEFINE_bool("list_layouts", False, "Print what each layout holds and how its files are called.")
  flags.DEFINE_enum(
    "part",
    "train",
    PARTS,
    "Of a data set that holds cases out for validation and test: all but these, these, or all with folds "
    "(0: held out).",
  )
  flags.DEFINE_integer("max_cases", 0, "Take so many at most, chosen by --seed; 0: all.", lower_bound=0)
  flags.DEFINE_list("leave_out", [], "Ids of cases not to take.")
  flags.DEFINE_list(
    "case_flips", [], "ID:AXES of scans that run against their header, along some of x, y, z: sliver_007:x."
  )
  flags.DEFINE_string(
    "spacings", None, "A CSV file with the columns id,z_mm,y_mm,x_mm, for scans whose header has none."
  )
  flags.DEFINE_float(
    "max_tumour_ml",
    None,
    "Leave cases out whose tumours, which count as their organ, have more mL (msd_pancreas: up to 732).",
    lower_bound=0,
  )
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
  flags.DEFINE_bool(
    "fold_partial",
    False,
    "Deal folds over the partial cases too, patient by patient: --fold=k of train holds them out, and they "
    "are scored on the organs that they annotate.",
  )
  flags.DEFINE_string(
    "organs_of",
    None,
    "A dataset.json or a store whose organ list is taken in place of the manifest's; other organs become "
    "background, and those that only this list has are unknown.",
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
  flags.DEFINE_string(
    "grey_pictures",
    None,
    "Take images of 8 bits (whole numbers from 0 to 255), which are refused otherwise, and bring them to HU: "
    "landmarks, by muscle and fat in each; or the window LOW,HIGH in HU that they were made with (0,255). "
    "Images in HU stay as they are.",
  )
  flags.DEFINE_bool(
    "separate_slices",
    False,
    "The slices of each file are no neighbours, but single slices of one scan: they are not resampled along "
    "z, and are trained on and labelled one by one (--slices_per_input=1).",
  )
  flags.DEFINE_enum(
    "nifti_header",
    None,
    ["sform", "qform"],
    "The one that holds where a NIfTI file's sform and qform disagree; default: refuse such a file.",
  )
  flags.DEFINE_bool(
    "allow_repeated_scans", False, "Two cases may have the same image, for instance with a label map each."
  )
  flags.DEFINE_list(
    "override_guards",
    [],
    f"Guards that may not refuse a case: all, or some of {', '.join(GUARDS)}; side:ID for one case. With "
    "--manifest only ct, duplicate and grid refuse, the others warn. grid (not in all) takes a label map "
    "whose header lays it elsewhere for one of the image's voxels.",
  )
  flags.DEFINE_string(
    "shard", None, "I/N: prepare the I-th of N shares, for job arrays; the last one to end makes the store."
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


def cases_to_prepare(args: flags.FlagValues) -> Manifest:
  """The manifest, read or found by the layout. Raises flags.Error if the flags do not name one of them."""
  if not args.output_dir:
    raise flags.ValidationError("--output_dir: is missing; it names the store to write")
  if bool(args.manifest) == bool(args.layout):
    raise flags.ValidationError(
      "--manifest and --layout: exactly one of them is needed, a dataset.json or a public data set"
    )
  if args.manifest:
    given = [name for name in OF_LAYOUTS if args[name].present]
    if given:
      raise flags.ValidationError(f"--{given[0]}: is for --layout, and --manifest is given")
    return read_manifest(args.manifest)
  if not args.raw_dir:
    raise flags.ValidationError("--raw_dir: is missing; it names the folder of --layout")
  choice = Choice(
    part=args.part,
    leave_out=tuple(args.leave_out),
    max_cases=args.max_cases,
    seed=args.seed,
    mirrored=parse_flips(args.case_flips),
    spacings=read_spacings(args.spacings) if args.spacings else {},
  )
  manifest = find_cases(args.layout, args.raw_dir, choice)
  checked_organs(args.raw_dir, list(manifest.organs))
  return manifest


def main(_: list[str]) -> None:
  args = flags.FLAGS
  if args.list_layouts:
    print(describe_layouts())
    return
  drop = dropping(args)
  guards = parse_rules(args.override_guards, refuse=bool(args.layout))
  shard = parse_shard(args.shard) if args.shard else None
  try:
    grey_pictures = parse_how(args.grey_pictures)
  except ValueError as error:
    raise flags.ValidationError(f"--grey_pictures={error}") from None
  manifest = cases_to_prepare(args)
  most_ml = None if args.max_tumour_ml is None else (tumour_value(args.layout), args.max_tumour_ml)
  if args.organs_of:
    manifest = with_organs(manifest, read_organs(args.organs_of))
  for note in manifest.notes:
    print(f"note: {note}")
  try:
    store = prepare_store(
      manifest,
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
      guards=guards,
      shard=shard,
      grey_pictures=grey_pictures,
      separate_slices=args.separate_slices,
      fold_partial=args.fold_partial,
      most_ml=most_ml,
    )
  except OthersMissing as others:
    print(f"{args.output_dir}: {others}")
    return
  except CasesFailed as error:
    for case_id, failure in error.failures.items():
      print(command.one_line(f"failed: {case_id}: {failure}"))
    raise
  _tell(store, manifest, drop)


def _tell(store: Store, manifest: Manifest, drop: Drop | None) -> None:
  entries = json.loads((store.path / "index.json").read_text(encoding="utf-8"))["cases"]
  full = sum(map(store.is_full, store.cases))
  print(
    f"{store.path}: {len(store.cases)} cases ({full} fully labelled, {len(store.cases) - full} partial), "
    f"{len(store.organs)} organs, spacing {describe_spacing(store.spacing_mm)} (z, y, x)"
  )
  print(f"{store.path}: {fold_summary(entries, store.organs)}")
  taken = {case.id for case in store.cases}
  left = [case.id for case in manifest.cases if case.id not in taken]
  if left:
    print(f"{store.path}: left out by --max_tumour_ml: {len(left)} cases ({listed(left, 8)})")
  placed = collections.Counter(
    entry["label_placed"]["mirrored"] or "no axis" for entry in entries if "label_placed" in entry
  )
  if placed:
    print(
      f"{store.path}: label maps were placed by what they cover, mirrored along "
      f"{listed(f'{axes}: {count}' for axes, count in placed.most_common())} (index.json, label_placed)"
    )
  pictures = [entry["grey_picture"] for entry in entries if "grey_picture" in entry]
  if pictures:
    print(f"{store.path}: {summary_line(pictures)} (index.json, grey_picture)")
  print(text_table(organ_rows(entries, store.organs)))
  for line in warnings(entries, store.organs):
    print(f"warning: {line}")
  print(f"{store.path / REPORT}: a picture of each case, its volumes and flags, to be looked at")
  if drop:
    given = {case.id: case.annotated for case in manifest.cases}
    changed = [case.id for case in store.cases if case.annotated != given[case.id]]
    print(
      f"{store.path}: {len(changed)} fully labelled cases lost the labels of {drop.organs} organs each: "
      f"{', '.join(changed)}"
    )


if __name__ == "__main__":
  define_flags()
  command.run(main, {"Public data sets": OF_LAYOUTS, "Pictures": OF_PICTURES})
