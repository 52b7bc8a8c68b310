"""Writes a seeded abdominal CT phantom: NIfTI volumes in HU, label maps and dataset.json.

  python -m data.phantom --output_dir=RAW --labeled_cases=3 --partial_cases=18 --test_cases=10

Thirteen organs whose size, place, shape and contrast differ from patient to patient. Labelled and test cases
have all of them annotated, partial cases some. With test cases, `fold` 0 is the test set and 1 the rest.
"""
import functools
import sys

import tqdm
from absl import flags

from data.command import run
from data.organs import BTCV_ORGANS
from data.phantom_cases import PhantomSet, write_phantom_set


def define_flags():
  flags.DEFINE_string("output_dir", None, "Folder for images/, labels/ and dataset.json.", required=True)
  flags.DEFINE_integer("labeled_cases", 3, "Training cases with every organ annotated.", lower_bound=0)
  flags.DEFINE_integer("partial_cases", 18, "Training cases with some organs annotated.", lower_bound=0)
  flags.DEFINE_integer("test_cases", 0, "Fully annotated cases held out as fold 0; 0: no folds.", lower_bound=0)
  flags.DEFINE_integer("size", 96, "Pixels per row and column over 384 mm; slices are 1.25 pixels apart.",
                       lower_bound=48, upper_bound=512)
  flags.DEFINE_integer("seed", 0, "Draws the patients and the choice of annotated organs.", lower_bound=0)
  flags.DEFINE_integer("organs_per_partial_case", 5, "Annotated organs per partial case, all equally often.",
                       lower_bound=0, upper_bound=len(BTCV_ORGANS))
  flags.DEFINE_list("annotated", [], "Organs annotated in every partial case, in place of a choice per case.")


def _check(args):
  organs = args.annotated
  unknown = [organ for organ in organs if organ not in BTCV_ORGANS]
  if unknown:
    raise flags.Error(f"--annotated: received {unknown}; choose from {', '.join(BTCV_ORGANS)}")
  if not args.labeled_cases + args.partial_cases + args.test_cases:
    raise flags.Error("received no cases; give --labeled_cases, --partial_cases or --test_cases above 0")


def main(_):
  args = flags.FLAGS
  _check(args)
  request = PhantomSet(
      labeled_cases=args.labeled_cases, partial_cases=args.partial_cases, test_cases=args.test_cases,
      size=args.size, seed=args.seed, organs_per_partial_case=args.organs_per_partial_case,
      fixed_annotated=tuple(organ for organ in BTCV_ORGANS if organ in args.annotated))
  bar = functools.partial(tqdm.tqdm, desc="phantom", unit="case", disable=not sys.stderr.isatty())
  write_phantom_set(args.output_dir, request, progress=bar)
  print(f"wrote {len(request.cases())} cases to {args.output_dir}/dataset.json")


if __name__ == "__main__":
  define_flags()
  run(main)
