"""python -m deeplab_panns.prior_check: does the prior hold for my data, and which flagfile fits it?

PaNN holds the predicted organ sizes on partial images to the labelled cases' q. That is right only if organs
take the same share of both, which need not be so with other fields of view or other patients; where both
annotate an organ, their shares can be compared.
"""

from __future__ import annotations

from absl import flags

from data import command
from data.input_error import InputError
from data.stored.splits import split
from data.stored.store import read_store
from deeplab_panns.evidence import text_table
from deeplab_panns.prior_check.check import check
from deeplab_panns.prior_check.check_files import FILES, check_outputs, write
from deeplab_panns.prior_check.findings import conclusions, scan_table, verdict_table
from deeplab_panns.prior_check.recipe import recipe, with_many_labeled, with_unequal_sets
from deeplab_panns.prior_check.share_agreement import TOLERANCE


def define_flags() -> None:
  flags.DEFINE_string("data_dir", None, "The store to check.", required=True)
  flags.DEFINE_string(
    "output_dir",
    None,
    "Where prior_check.csv (sets), prior_check_cases.csv and prior_check.png go; default: printed only.",
  )
  flags.DEFINE_bool("overwrite", False, "Replace files there that this command did not write.")
  flags.DEFINE_integer(
    "fold", -1, "Leave this fold out of the labelled cases, as train does; -1: take all.", lower_bound=-1
  )
  flags.DEFINE_bool(
    "body_only",
    False,
    "Shares of the voxels above -125 HU, without the air around the patient and in the lungs; "
    "reads every image. Training sees the air too: its q is that of the scans as they are.",
  )
  flags.DEFINE_enum(
    "case_weighting",
    "size",
    ("size", "equal"),
    "Whether a case counts by the size of its scan, as in training on slices, or as every other one, as in "
    "training on patches (3-D) and with --case_weighting=equal or root.",
  )
  flags.DEFINE_float(
    "tolerance",
    TOLERANCE,
    "Factor by which a share may be off q, up or down, for the prior to hold.",
    lower_bound=1.01,
    upper_bound=100,
  )


def main(_: list[str]) -> None:
  args = flags.FLAGS
  store = read_store(args.data_dir)
  splits = split(store, args.fold, 0.0, 0)
  if not any(case.annotated for case in splits.partial):
    raise InputError(
      f"{store.path}: has no partially labelled case that annotates an organ, so there is nothing to compare "
      f'with its {len(splits.labeled)} fully labelled cases; name organs in a case\'s "annotated", or train '
      "without this check."
    )
  outputs = check_outputs(args.output_dir, args.overwrite) if args.output_dir else None
  alike = args.case_weighting == "equal"
  found = check(store, splits, args.tolerance, args.body_only, alike)
  counted = "voxels above -125 HU" if args.body_only else "all voxels"
  print(
    f"{store.path}: q from {len(splits.labeled)} fully labelled cases, against {len(splits.partial)} partial "
    f"cases; shares of {counted}{', all cases alike' if alike else ''}\n"
  )
  print(text_table.to_markdown(scan_table(found)))
  print(text_table.to_markdown(verdict_table(found)))
  lines = [*conclusions(found), recipe(found), *with_many_labeled(found), *with_unequal_sets(found)]
  print("\n".join(lines))
  if outputs:
    write(found, outputs.folder)
    outputs.wrote(FILES)
    print(f"{outputs.folder / 'prior_check.csv'}, prior_check_cases.csv, prior_check.png")


if __name__ == "__main__":
  define_flags()
  command.run(main)
