"""python -m deeplab_panns.evaluate: scores a run on its store, or a folder of label maps against another."""
from __future__ import annotations

import json
import pathlib
import sys

import numpy as np
import tqdm
from absl import flags
from PIL import Image

from data import command, volumes
from data.input_error import InputError
from data.organs import BTCV_ORGANS
from data.splits import split
from data.store import read_store, verify
from data.whole_file import write_text
from deeplab_panns import figures, metrics, score_table
from deeplab_panns.inference import segment_stored
from deeplab_panns.trained import open_run


def define_flags():
  flags.DEFINE_string("run_dir", None, "The run to score.")
  flags.DEFINE_enum("checkpoint", "last", ["last", "best"], "Which checkpoint of the run.")
  flags.DEFINE_string("data_dir", None, "The store to score on; default: the one the run was trained on.")
  flags.DEFINE_enum("split", "test", ["val", "test", "all"], "Cases: held out for validation, the held-out fold, or every one "
                    "of the store (each on its annotated organs).")
  flags.DEFINE_string("predictions", None, "Or: a folder of label maps <id>.nii.gz to score ...")
  flags.DEFINE_string("references", None, "... against the folder of reference label maps of the same names.")
  flags.DEFINE_list("organs", list(BTCV_ORGANS), "Organs of the label values 1, 2, ... in --predictions and --references.")
  flags.DEFINE_string("output_dir", None, "Where metrics.csv and metrics.json go; default: the run.")


def score_run(run, store, which):
  """Segments the cases of a split and scores them on the store's grid.

  Returns:
    (rows, overlay): rows (case id, OrganScore), the annotated organs of each case; and of the first case a slice as
    image, reference and prediction, uint8 [height, width, 3].
  Raises:
    InputError: If the store has other organs than the run, or the split is empty.
  """
  if store.organs != run.organs:
    raise InputError(f"{store.path}: has the organs {list(store.organs)}, {run.directory.path} was trained for {list(run.organs)}; "
                     "score on a store of the same list.")
  cases = _cases(run, store, which)
  verify(cases)
  rows, overlay = [], None
  for case in tqdm.tqdm(cases, "evaluate", unit="case", disable=not sys.stderr.isatty()):
    predicted, label = segment_stored(run.segmenter, case), np.asarray(case.label())
    scores = metrics.score_organs(label, predicted, store.organs, case.spacing_mm, annotated=case.annotated)
    rows += [(case.id, score) for score in scores]
    if overlay is None:
      overlay = figures.compare_slice(np.asarray(case.image()), label, predicted)
  return rows, overlay


def _cases(run, store, which):
  if which == "all":
    cases = tuple(case for case in store.cases if case.annotated)
  else:
    experiment = run.experiment
    splits = split(store, experiment.fold, experiment.validation_fraction, experiment.seed)
    cases = splits.test if which == "test" else splits.validation
  if not cases:
    raise InputError(f"{store.path}: the run's --split={which} is empty (--fold={run.experiment.fold}, "
                     f"--validation_fraction={run.experiment.validation_fraction:g}); use --split=all, or train with these set.")
  return cases


def score_folders(predictions, references, organs):
  """Scores every reference label map against the prediction of the same name, on the files' own grid.

  Returns:
    (rows, failures): rows as `score_run`, and an error line for each case that has none.
  """
  for folder in (predictions, references):
    if not folder.is_dir():
      raise InputError(f"{folder}: no such folder; --predictions and --references name folders of label maps.")
  files = {volumes.case_id(file): file for file in sorted(references.iterdir())
           if file.is_file() and file.name.lower().endswith(volumes.SUFFIXES) and not file.name.startswith(".")}
  if not files:
    raise InputError(f"{references}: holds no label maps {list(volumes.SUFFIXES)}.")
  rows, failures = [], []
  for case, reference in tqdm.tqdm(files.items(), "evaluate", unit="case", disable=not sys.stderr.isatty()):
    try:
      rows += [(case, score) for score in _score_pair(predictions, reference, organs)]
    except InputError as error:
      failures.append(str(error))
  return rows, failures


def _score_pair(predictions, reference, organs):
  prediction = predictions / reference.name
  if not prediction.exists():
    raise InputError(f"{prediction}: is missing; {reference} has no prediction.")
  pair = [volumes.read_label(file) for file in (reference, prediction)]
  volumes.require_same_grid(*pair)
  for volume in pair:
    if volume.array.max() > len(organs):
      raise InputError(f"{volume.path}: holds the value {volume.array.max()}, but --organs names {len(organs)} organs "
                       f"(values 1 to {len(organs)}); name them all, in the order of the values.")
  return metrics.score_organs(pair[0].array, pair[1].array, organs, pair[0].spacing_mm)


def write_results(rows, output_dir, header):
  """metrics.csv and metrics.json; `header` says in the latter what was scored."""
  output_dir.mkdir(parents=True, exist_ok=True)
  score_table.write_csv(output_dir / "metrics.csv", rows)
  summary = {**header, **score_table.summary(rows)}
  write_text(output_dir / "metrics.json", json.dumps(summary, indent=1, allow_nan=False))
  return summary


def _print(summary, output_dir, scored):
  mean = summary["mean_dice"]
  print(f"{scored}: mean Dice {'undefined' if mean is None else f'{mean:.4f}'} over {len(summary['organs'])} organs, "
        f"{summary['cases']} cases; {summary['excluded']} pairs excluded (organ in neither map), {summary['missed']} missed "
        f"(organ in one alone); {output_dir / 'metrics.csv'}")


def main(_):
  args = flags.FLAGS
  if bool(args.run_dir) == bool(args.predictions) or bool(args.predictions) != bool(args.references):
    raise flags.ValidationError("evaluate: needs either --run_dir, or --predictions and --references")
  if args.predictions and not args.output_dir:
    raise flags.ValidationError("evaluate: --predictions needs --output_dir")
  output_dir = pathlib.Path(args.output_dir or args.run_dir)
  if args.run_dir:
    run = open_run(args.run_dir, args.checkpoint)
    store = read_store(args.data_dir or run.data_dir)
    rows, overlay = score_run(run, store, args.split)
    failures: list[str] = []
    output_dir.mkdir(parents=True, exist_ok=True)
    Image.fromarray(overlay).save(output_dir / "overlay.png")
    header = {"split": args.split, "grid": "store", "step": run.step, "checkpoint": args.checkpoint, "fold": run.experiment.fold}
    scored = f"{args.run_dir} on the {args.split} cases of {store.path}, on the store's grid"
  else:
    rows, failures = score_folders(pathlib.Path(args.predictions), pathlib.Path(args.references), tuple(args.organs))
    header, scored = {"grid": "files"}, f"{args.predictions} against {args.references}, on the files' grid"
  if rows:
    _print(write_results(rows, output_dir, header), output_dir, scored)
  if failures:
    raise InputError(f"{len(failures)} cases could not be scored: {'; '.join(failures)}")


if __name__ == "__main__":
  define_flags()
  command.run(main)
