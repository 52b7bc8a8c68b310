"""python -m data.merge: one store of several, whose cases keep their folds.

Stores must have the same organs and spacing. A scan that is in train and test under two names is refused.
"""

from __future__ import annotations

import collections

from absl import flags

from data import command
from data.guards.case_guards import parse_rules
from data.merge.merged import Source, merge_stores, other_folds
from data.overview.page import REPORT
from data.spacing import describe_spacing
from data.stored.findings import fold_summary, warnings, without_sketch
from data.stored.preparation import index_entries


def define_flags() -> None:
  flags.DEFINE_list("stores", None, "The stores to merge.", required=True)
  flags.DEFINE_string(
    "output_dir", None, "The store to write; files are linked where that can be.", required=True
  )
  flags.DEFINE_list("prefixes", [], "Put before the cases' ids, one for each store: btcv_,msd_.")
  flags.DEFINE_bool(
    "own_patients",
    False,
    "Each store names its patients by itself: equal names are other people. --prefixes come before them too.",
  )
  flags.DEFINE_list("leave_out", [], "Ids, with their prefix, of cases not to take.")
  flags.DEFINE_list("override_guards", [], "duplicate, or duplicate:ID: a scan may be in train and test.")


def main(_: list[str]) -> None:
  args = flags.FLAGS
  if len(args.stores) < 2:
    raise flags.ValidationError("--stores: must name two stores at least, with a comma between them")
  if args.prefixes and len(args.prefixes) != len(args.stores):
    raise flags.ValidationError(
      f"--prefixes: has {len(args.prefixes)} for {len(args.stores)} stores; one each is needed"
    )
  rules = parse_rules(args.override_guards, refuse=True)
  if args.own_patients and len(set(args.prefixes)) != len(args.stores):
    raise flags.ValidationError(
      "--own_patients: tells patients apart by --prefixes, one for each store, all different"
    )
  sources = [
    Source(store, prefix, args.own_patients)
    for store, prefix in zip(args.stores, args.prefixes or [""] * len(args.stores))
  ]
  store = merge_stores(sources, args.output_dir, args.leave_out, rules)
  kinds = collections.Counter(
    ", ".join(case.annotated) or "nothing" for case in store.cases if not store.is_full(case)
  )
  print(
    f"{store.path}: {len(store.cases)} cases ({sum(map(store.is_full, store.cases))} fully labelled), "
    f"{len(store.organs)} organs, spacing {describe_spacing(store.spacing_mm)} (z, y, x)"
  )
  for annotated, count in kinds.most_common(12):
    print(f"{store.path}: {count} partial cases with {annotated}")
  entries = index_entries(store)
  if any(case.fold is not None for case in store.cases):
    print(f"{store.path}: {fold_summary(entries, store.organs)}")
  for line in other_folds(sources):
    print(f"warning: {line}")
  for line in warnings([{**entry, "notes": (), "findings": ()} for entry in entries], store.organs):
    print(f"warning: {line}")
  for line in without_sketch(entries):
    print(f"note: {line}")
  print(f"{store.path / REPORT}: a picture of each case, its volumes and flags")


if __name__ == "__main__":
  define_flags()
  command.run(main)
