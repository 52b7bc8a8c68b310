"""python -m data.manifest: writes a first dataset.json for a folder of images and one of label maps.

Pairs them by name or number, reads the values of all label maps, and asks nothing; what it takes for granted
it says. Look the file over before data.prepare reads it.
"""

from __future__ import annotations

import json
import os
import pathlib

from absl import flags

from data import command
from data.dataset_json.manifest_file import read_manifest
from data.files.outputs import Outputs
from data.input_error import InputError
from data.manifest.draft import draft_manifest, parse_organs
from data.whole_file import whole


def define_flags() -> None:
  flags.DEFINE_string("images", None, "The folder of the images, or of DICOM folders.", required=True)
  flags.DEFINE_string("labels", None, "The folder of the label maps.", required=True)
  flags.DEFINE_list(
    "organs", [], "What the values stand for: liver,spleen for 1 and 2, or 6:liver,1:spleen,2:background."
  )
  flags.DEFINE_list(
    "annotated",
    [],
    "Organs that are annotated in every labelled case, or all; default: in each those in its label map.",
  )
  flags.DEFINE_string("manifest", None, "The file to write; default: dataset.json beside the two folders.")
  flags.DEFINE_bool("overwrite", False, "Replace a file there that this command did not write.")
  flags.DEFINE_integer("workers", os.cpu_count(), "Label maps read at a time.", lower_bound=1)


def main(_: list[str]) -> None:
  args = flags.FLAGS
  if args.manifest:
    path = pathlib.Path(args.manifest)
  else:
    folders = [os.path.realpath(os.path.dirname(os.path.abspath(one))) for one in (args.images, args.labels)]
    path = pathlib.Path(os.path.commonpath(folders)) / "dataset.json"
  outputs = Outputs(path.parent, [args.images, args.labels], args.overwrite)
  outputs.require_free([path.name])
  draft = draft_manifest(
    args.images, args.labels, path.parent, parse_organs(args.organs), args.annotated, args.workers
  )
  with whole(path) as unfinished:  # there is a manifest only if prepare can read it
    unfinished.write_text(json.dumps(draft.content, indent=1) + "\n", encoding="utf-8")
    try:
      cases = read_manifest(unfinished).cases
    except InputError as error:
      raise InputError(str(error).replace(str(unfinished), str(path))) from None
  outputs.wrote([path.name])
  labelled = sum(bool(case.label_files) for case in cases)
  print(f"{path}: {len(cases)} cases, {labelled} with a label map")
  for key, organ in draft.meanings.items():
    print(f"{path}: {key} is {organ}: annotated in {sum(organ in case.annotated for case in cases)} cases")
  for note in draft.notes:
    print(f"note: {note}")
  print(f"next: python -m data.prepare --manifest={path} --output_dir=STORE")


if __name__ == "__main__":
  define_flags()
  command.run(main)
