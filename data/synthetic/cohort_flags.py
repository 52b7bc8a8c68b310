"""The flags that all commands share which write cohorts."""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence

import tqdm
from absl import flags

from data.synthetic.cohort import Cohort, Draw, PartialCases, write_cohort
from data.synthetic.field_of_view import require_field
from data.whole_file import AnyPath


def define_cohort_flags() -> None:
  flags.DEFINE_string("output_dir", None, "Folder for images/, labels/ and dataset.json.", required=True)
  flags.DEFINE_bool("overwrite", False, "Replace files there that this command did not write.")
  flags.DEFINE_integer("labeled_cases", 3, "Training cases with every organ annotated.", lower_bound=0)
  flags.DEFINE_integer("partial_cases", 18, "Training cases with some organs annotated.", lower_bound=0)
  flags.DEFINE_integer(
    "test_cases", 0, "Fully annotated cases held out as fold 0; 0: no folds.", lower_bound=0
  )
  flags.DEFINE_integer(
    "seed", 0, "Seed of the patients and of the choice of annotated organs.", lower_bound=0
  )
  flags.DEFINE_integer(
    "organs_per_partial_case", 5, "Annotated organs per partial case, all equally often.", lower_bound=0
  )
  flags.DEFINE_list("annotated", [], "Organs annotated in every partial case, in place of a choice per case.")
  flags.DEFINE_list(
    "annotated_in_turn",
    [],
    "Or: organs of which the first partial case has the first, "
    "alone, the next one the next, and so on, over and over.",
  )
  flags.DEFINE_bool(
    "oracle", False, "Annotate every organ of the partial cases too: the same images, for an upper bound."
  )
  flags.DEFINE_list(
    "partial_fields",
    ["full"],
    "Fields of view of the partial cases, in turn: full, upper "
    "(the upper half of the slices) or <organ>_box (its box and 20 mm around it).",
  )


def cohort_from_flags(args: flags.FlagValues, organs: Sequence[str]) -> Cohort:
  """The flags as a Cohort of `organs`.

  Raises:
    flags.Error: On flags that do not go together, and on organs that are not among `organs`.
  """
  for name in ("annotated", "annotated_in_turn"):
    unknown = [organ for organ in getattr(args, name) if organ not in organs]
    if unknown:
      raise flags.Error(f"--{name}: received {unknown}; choose from {', '.join(organs)}")
  if args.annotated and args.annotated_in_turn:
    raise flags.Error("received --annotated and --annotated_in_turn; give one of them")
  if args.organs_per_partial_case > len(organs):
    count = args.organs_per_partial_case
    raise flags.Error(f"--organs_per_partial_case={count}: must be in [0, {len(organs)}]")
  if not args.labeled_cases + args.partial_cases + args.test_cases:
    raise flags.Error("received no cases; give --labeled_cases, --partial_cases or --test_cases above 0")
  for field in args.partial_fields:
    try:
      require_field(field, organs)
    except ValueError as error:
      raise flags.Error(f"--partial_fields: {error}") from None
  partial = PartialCases(
    args.organs_per_partial_case,
    tuple(args.annotated),
    tuple(args.annotated_in_turn),
    args.oracle,
    tuple(args.partial_fields),
  )
  return Cohort(args.labeled_cases, args.partial_cases, args.test_cases, args.seed, tuple(organs), partial)


def write_with_progress(
  output_dir: AnyPath, cohort: Cohort, draw: Draw, name: str, overwrite: bool = False
) -> None:
  """Calls `write_cohort` with a bar on a terminal, named `name`, and prints a line at the end."""
  bar = functools.partial(tqdm.tqdm, desc=name, unit="case", disable=not sys.stderr.isatty())
  write_cohort(output_dir, cohort, draw, progress=bar, overwrite=overwrite)
  print(f"wrote {len(cohort.cases())} cases to {output_dir}/dataset.json")
