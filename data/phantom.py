"""Writes a cohort of seeded abdominal CT phantoms: NIfTI volumes in HU, label maps and dataset.json.

  python -m data.phantom --output_dir=RAW --labeled_cases=3 --partial_cases=18 --test_cases=10

Thirteen organs whose size, position, shape and contrast differ from patient to patient. Labelled and test
cases have all of them annotated, partial cases some. With test cases, fold 0 is the test set and 1 the rest.
"""

from __future__ import annotations

import functools

from absl import flags

from data.command import run
from data.organs import BTCV_ORGANS
from data.synthetic.cohort_flags import cohort_from_flags, define_cohort_flags, write_with_progress
from data.synthetic.phantom_ct import draw_case
from data.synthetic.phantom_patient import REMOVABLE


def define_flags() -> None:
  define_cohort_flags()
  flags.DEFINE_integer(
    "size",
    96,
    "Pixels per row and column over 384 mm; slices are 1.25 pixels apart.",
    lower_bound=48,
    upper_bound=512,
  )
  flags.DEFINE_float(
    "displacement",
    1.0,
    "Factor on how far bodies and organs lie from their mean place: 2 for patients who differ twice as much.",
    lower_bound=0,
    upper_bound=3,
  )
  flags.DEFINE_float(
    "absence",
    0.0,
    f"Chance that a patient lacks the {', the '.join(REMOVABLE)}, each by itself.",
    lower_bound=0,
    upper_bound=1,
  )


def main(_: list[str]) -> None:
  args = flags.FLAGS
  cohort = cohort_from_flags(args, BTCV_ORGANS)
  draw = functools.partial(draw_case, size=args.size, displacement=args.displacement, absence=args.absence)
  write_with_progress(args.output_dir, cohort, draw, "phantom", args.overwrite)


if __name__ == "__main__":
  define_flags()
  run(main)
