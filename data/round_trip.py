"""python -m data.round_trip: what a spacing leaves of the labels, on the cases' own grids.

Whatever is trained at --spacing_mm cannot come closer to the labels than they do themselves when resampled
there and back. Writes OUT/round_trip/<id>.nii.gz and, with the same values, OUT/references/<id>.nii.gz;
deeplab_panns.evaluate scores one against the other, and any prediction against the references.
"""

from __future__ import annotations

from absl import flags

from data import command
from data.spacing import describe_spacing, parse_spacing
from data.stored.label_round_trip import write_round_trip


def define_flags() -> None:
  flags.DEFINE_string("manifest", None, "The dataset.json that lists the cases.", required=True)
  flags.DEFINE_list("spacing_mm", None, "S, or Sy,Sx (in-plane), or Sz,Sy,Sx.", required=True)
  flags.DEFINE_string("output_dir", None, "Where the two folders go.", required=True)
  flags.DEFINE_list("cases", [], "Ids of the cases; default: the fully labelled ones.")
  flags.DEFINE_bool("overwrite", False, "Replace files there that this command did not write.")
  flags.DEFINE_integer("max_voxels", 1_000_000_000, "Refuse a case that would become larger.", lower_bound=1)


def main(_: list[str]) -> None:
  args = flags.FLAGS
  spacing_mm = parse_spacing(args.spacing_mm)
  written = write_round_trip(
    args.manifest, args.output_dir, spacing_mm, args.cases, args.max_voxels, args.overwrite
  )
  print(
    f"{args.output_dir}: {len(written.cases)} label maps as they are and by way of "
    f"{describe_spacing(spacing_mm)}. Compare them by\n"
    f"  python -m deeplab_panns.evaluate --predictions={written.results} --references={written.references} "
    f"--output_dir={args.output_dir} --organs='{','.join(written.organs)}'"
  )


if __name__ == "__main__":
  define_flags()
  command.run(main)
