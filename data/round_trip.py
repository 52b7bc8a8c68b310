"""python -m data.round_trip: what a spacing leaves of the labels, on the cases' own grids.

Whatever is trained at --spacing_mm cannot come closer to the labels than they do themselves when resampled
there and back. Writes OUT/round_trip/<id>.nii.gz and, with the same values, OUT/references/<id>.nii.gz;
deeplab_panns.evaluate scores one against the other, and any prediction against the references.
"""

from __future__ import annotations

import pathlib

from absl import flags

from data import command
from data.formats import volumes
from data.input_error import InputError
from data.manifest import read_manifest
from data.spacing import describe_spacing, fill_spacing, parse_spacing
from data.stored import preprocess
from data.stored.stored_case import read_case_label, require_size


def define_flags():
  flags.DEFINE_string("manifest", None, "The dataset.json that lists the cases.", required=True)
  flags.DEFINE_list("spacing_mm", None, "S, or Sy,Sx (in-plane), or Sz,Sy,Sx.", required=True)
  flags.DEFINE_string("output_dir", None, "Where the two folders go.", required=True)
  flags.DEFINE_list("cases", [], "Ids of the cases; default: the fully labelled ones.")
  flags.DEFINE_integer("max_voxels", 1_000_000_000, "Refuse a case that would become larger.", lower_bound=1)


def chosen_cases(manifest, ids):
  """The manifest's cases of these ids, or the fully labelled ones if there are none. Raises InputError."""
  unknown = sorted(set(ids) - {case.id for case in manifest.cases})
  if unknown:
    raise InputError(f"--cases={','.join(ids)}: {manifest.path} has no case {', '.join(unknown)}.")
  cases = [
    case
    for case in manifest.cases
    if case.label and (case.id in ids if ids else len(case.annotated) == len(manifest.organs))
  ]
  if not cases:
    raise InputError(
      f"{manifest.path}: of the cases asked for, none has a label map; name others by --cases."
    )
  return cases


def round_trip(label, spacing_mm, target_mm):
  """A label map, uint8 [z, y, x], resampled to another spacing and back, by the votes that make the store."""
  return preprocess.store_label(
    preprocess.store_label(label, spacing_mm, target_mm), target_mm, spacing_mm, label.shape
  ).numpy()


def main(_):
  args = flags.FLAGS
  manifest = read_manifest(args.manifest)
  wanted_mm = parse_spacing(args.spacing_mm)
  cases = chosen_cases(manifest, args.cases)
  folders = [pathlib.Path(args.output_dir) / name for name in ("references", "round_trip")]
  for folder in folders:
    folder.mkdir(parents=True, exist_ok=True)
  for case in cases:
    image = volumes.read_image(case.image)
    target_mm = fill_spacing(wanted_mm, image.spacing_mm)
    require_size(case, image, target_mm, args.max_voxels)
    label = read_case_label(case, image, manifest.organs)
    for folder, result in zip(folders, (label, round_trip(label, image.spacing_mm, target_mm))):
      volumes.write_label(str(folder / f"{case.id}.nii.gz"), result, image)
  print(
    f"{args.output_dir}: {len(cases)} label maps as they are and by way of {describe_spacing(wanted_mm)}. "
    "Compare them by\n"
    f"  python -m deeplab_panns.evaluate --predictions={folders[1]} --references={folders[0]} "
    f"--output_dir={args.output_dir} "
    f"--organs='{','.join(manifest.organs)}'"
  )


if __name__ == "__main__":
  define_flags()
  command.run(main)
