"""python -m deeplab_panns.evaluate: scores a run or an ensemble on a store, or a folder of label maps against
another."""

from __future__ import annotations

import io
import os
import pathlib

from absl import flags
from PIL import Image

from data import command
from data.input_error import InputError
from data.organs import BTCV_ORGANS
from data.stored.store import read_store
from data.whole_file import write_bytes
from deeplab_panns.scores import label_map
from deeplab_panns.scores.folder_scores import Folders, score_folders
from deeplab_panns.scores.scored_case import write_results


def define_flags():
  flags.DEFINE_string("run_dir", None, "The run to score.")
  flags.DEFINE_list(
    "run_dirs", None, "Or: runs whose mean probabilities are scored, on what all of them held out."
  )
  flags.DEFINE_enum("checkpoint", "last", ["last", "best"], "Which checkpoint of the run.")
  flags.DEFINE_string("data_dir", None, "The store to score on; default: the one the run was trained on.")
  flags.DEFINE_enum(
    "split",
    "test",
    ["val", "test", "all"],
    "Cases: held out for validation, the held-out fold, or "
    "every one of the store (each on its annotated organs).",
  )
  flags.DEFINE_string("predictions", None, "Or: a folder of label maps <id>.nii.gz to score ...")
  flags.DEFINE_string("references", None, "... against the folder of reference label maps of the same names.")
  flags.DEFINE_list(
    "organs",
    list(BTCV_ORGANS),
    "Organs to score; without a map below also what the label values 1, 2, ... are.",
  )
  flags.DEFINE_list(
    "label_map",
    None,
    'Organs of the values in --predictions, as a JSON file {"5": "liver", ...} or as '
    "5=liver,...; other values count as background, organs that are not named are not scored.",
  )
  flags.DEFINE_list("reference_label_map", None, "The same for --references.")
  flags.DEFINE_integer("workers", os.cpu_count(), "Cases scored at a time.", lower_bound=1)
  flags.DEFINE_string(
    "output_dir", None, "Where metrics.csv, metrics.json, volumes.csv and confusion.csv go; default: the run."
  )


def evaluate_runs(run_dirs, checkpoint, data_dir, scoring, output_dir):
  """Scores a run, or several as one ensemble; also writes overlay.png, and slices.npz for the report.

  Args:
    scoring: (split, workers).
  """
  # Here, not above: the processes that score folders import this module, and need no TensorFlow.
  from deeplab_panns.runs.trained import open_run, open_runs
  from deeplab_panns.scores.run_scores import score_cases, select_cases

  split, workers = scoring
  opened = open_run(run_dirs[0], checkpoint) if len(run_dirs) == 1 else open_runs(run_dirs, checkpoint)
  runs = [opened] if len(run_dirs) == 1 else opened.runs
  store = read_store(data_dir or opened.data_dir)
  scored, overlay = score_cases(opened.segmenter, store.organs, select_cases(store, runs, split), workers)
  header = {
    "split": split,
    "grid": "store",
    "checkpoint": checkpoint,
    "step": _one_or_all([run.step for run in runs]),
    "fold": _one_or_all([run.experiment.fold for run in runs]),
    "data_dir": str(store.path.resolve()),
    "run_dirs": [str(pathlib.Path(run_dir).resolve()) for run_dir in run_dirs],
  }
  summary = write_results(scored, store.organs, output_dir, header)
  picture = io.BytesIO()
  Image.fromarray(overlay).save(picture, "PNG")
  write_bytes(output_dir / "overlay.png", picture.getvalue())
  _print(
    summary, output_dir, f"{', '.join(run_dirs)} on the {split} cases of {store.path}, on the store's grid"
  )


def _one_or_all(values):
  """The value that all share, or else the list of them."""
  return values[0] if len(set(values)) == 1 else values


def evaluate_folders(folders: Folders, workers, output_dir):
  """Scores a folder against another; raises InputError at the end if a case failed."""
  scored, failures = score_folders(folders, workers)
  if scored:
    summary = write_results(scored, folders.scored_organs, output_dir, {"grid": "files"})
    _print(summary, output_dir, f"{folders.predictions} against {folders.references}, on the files' grid")
    unscored = [organ for organ in folders.organs if organ not in folders.scored_organs]
    if unscored:
      print(f"not scored, since a label map names no value for it: {', '.join(unscored)}")
  if failures:
    raise InputError(
      f"{len(failures)} of {len(failures) + len(scored)} cases could not be scored: {' '.join(failures)}"
    )


def read_maps(organs, *maps):
  """The {value: organ} of each (flag's name, its list); None where the flag is not given."""
  return [words and label_map.parse(words, organs, flag) for flag, words in maps]


def _print(summary, output_dir, scored):
  mean = summary["mean_dice"]
  print(
    f"{scored}: mean Dice {'undefined' if mean is None else f'{mean:.4f}'} over {len(summary['organs'])} "
    "organs, "
    f"{summary['cases']} cases; {summary['excluded']} pairs excluded (organ in neither map), "
    f"{summary['missed']} missed "
    f"(organ in one alone); {output_dir / 'metrics.csv'}"
  )


def main(_):
  args = flags.FLAGS
  _require_consistent(args.run_dir, args.run_dirs, args.predictions, args.references)
  if not args.output_dir and not args.run_dir:
    raise flags.ValidationError("evaluate: --run_dirs and --predictions need --output_dir")
  if not args.predictions and (args.label_map or args.reference_label_map):
    raise flags.ValidationError(
      "evaluate: --label_map and --reference_label_map are for --predictions and --references"
    )
  output_dir = pathlib.Path(args.output_dir or args.run_dir)
  if args.predictions:
    organs = tuple(args.organs)
    maps = read_maps(organs, ("label_map", args.label_map), ("reference_label_map", args.reference_label_map))
    folders = Folders(pathlib.Path(args.predictions), pathlib.Path(args.references), organs, *maps)
    evaluate_folders(folders, args.workers, output_dir)
  else:
    run_dirs = args.run_dirs or [args.run_dir]
    evaluate_runs(run_dirs, args.checkpoint, args.data_dir, (args.split, args.workers), output_dir)


def _require_consistent(run_dir, run_dirs, predictions, references):
  if sum(map(bool, (run_dir, run_dirs, predictions))) != 1 or bool(predictions) != bool(references):
    raise flags.ValidationError(
      "evaluate: needs either --run_dir, or --run_dirs, or --predictions and --references"
    )


if __name__ == "__main__":
  define_flags()
  command.run(main)
