"""Writes patients made from one real, fully labelled CT scan by strong random deformations, and dataset.json.

  python -m data.deformed --manifest=DATA/dataset.json --case=ID --output_dir=RAW --test_cases=10

Image and label map are deformed together; body size, contrast medium, shading and noise differ between
patients. Roles, annotations and folds are those of data.phantom. All patients come from one scan: results say
how a method copes with real tissue and anatomy, not how it copes with patients of another hospital.
"""

from __future__ import annotations

import functools
import os

from absl import flags

from data.command import run
from data.synthetic.cohort_flags import cohort_from_flags, define_cohort_flags, write_with_progress
from data.synthetic.deformed_case import draw_case
from data.synthetic.deformed_source import read_source


def define_flags() -> None:
  define_cohort_flags()
  folder = os.environ.get("PANN_REAL_CT") or None
  manifest = folder and os.path.join(folder, "dataset.json")
  flags.DEFINE_string(
    "manifest",
    manifest,
    "The dataset.json that lists the scan; default: in the folder that the variable PANN_REAL_CT names.",
  )
  flags.register_validator(
    "manifest",
    bool,
    "patients are made from a real, fully labelled scan: name its dataset.json, or the folder that "
    "holds one by the variable PANN_REAL_CT",
  )
  flags.DEFINE_string("case", "ts_ct", "Its fully labelled case.")
  flags.DEFINE_list(
    "sha256",
    [],
    "The first digits of the sha256 of the scan's image and of its label map, as 1a2b3c4d,5e6f7a8b; other "
    "files are refused.",
  )
  flags.DEFINE_float("pixel_mm", 4.0, "Pixel size.", lower_bound=0.5, upper_bound=10)
  flags.DEFINE_float("slice_mm", 5.0, "Slice spacing.", lower_bound=0.5, upper_bound=10)


def main(_: list[str]) -> None:
  args = flags.FLAGS
  source = read_source(args.manifest, args.case, args.sha256)
  cohort = cohort_from_flags(args, source.organs)
  draw = functools.partial(draw_case, source=source, voxel_mm=(args.pixel_mm, args.slice_mm))
  write_with_progress(args.output_dir, cohort, draw, "deformed", args.overwrite)


if __name__ == "__main__":
  define_flags()
  run(main)
