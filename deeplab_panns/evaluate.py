"""python -m deeplab_panns.evaluate: scores a run or an ensemble on a store, or a folder of label maps against
another."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from typing import Any

from absl import flags

from data import command
from data.dataset_json.organ_list import checked_organs
from data.input_error import InputError
from data.listed import listed
from data.organs import BTCV_ORGANS
from data.reading.value_names import annotated_beside
from deeplab_panns import inference_flags
from deeplab_panns.postprocessing.mending import Mending
from deeplab_panns.scores import label_map
from deeplab_panns.scores.folder_scores import Folders, evaluate_folders
from deeplab_panns.scores.result_files import Evaluation
from deeplab_panns.segmentation.application import Application


def define_flags() -> None:
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
  flags.DEFINE_bool("overwrite", False, "Replace result files that no evaluation wrote.")
  flags.DEFINE_string(
    "output_dir", None, "Where metrics.csv, metrics.json, volumes.csv and confusion.csv go; default: the run."
  )
  inference_flags.define_flags()


def main(_: list[str]) -> None:
  args = flags.FLAGS
  _require_consistent(args.run_dir, args.run_dirs, args.predictions, args.references)
  if not args.output_dir and not args.run_dir:
    raise flags.ValidationError("evaluate: --run_dirs and --predictions need --output_dir")
  if not args.predictions and (args.label_map or args.reference_label_map):
    raise flags.ValidationError(
      "evaluate: --label_map and --reference_label_map are for --predictions and --references"
    )
  how, mending = inference_flags.application(args), inference_flags.mending(args)
  if args.predictions and (how, mending) != (Application(), Mending()):
    names = ", ".join(f"--{name}" for name in (*inference_flags.LABELS, "memory_gb"))
    raise flags.ValidationError(f"evaluate: {names} are for runs, not for --predictions")
  output_dir = pathlib.Path(args.output_dir or args.run_dir)
  if args.predictions:
    _tell(_evaluate_folders(args, output_dir))
  else:
    # Here, not above: the processes that score folders import this module, and need no TensorFlow.
    from deeplab_panns.scores.run_scores import evaluate_runs

    run_dirs = args.run_dirs or [args.run_dir]
    settings = args.checkpoint, args.data_dir, args.split, args.workers, args.overwrite
    _tell(evaluate_runs(run_dirs, output_dir, *settings, how, mending))


def _evaluate_folders(args: Any, output_dir: pathlib.Path) -> Evaluation:
  organs = tuple(args.organs)
  if not organs or len(set(organs)) < len(organs):
    raise flags.ValidationError(f"--organs={','.join(organs)}: names each organ once, and one at least")
  checked_organs("--organs", list(organs))
  ours, theirs = (
    words and label_map.parse(words, organs, flag)
    for flag, words in (("label_map", args.label_map), ("reference_label_map", args.reference_label_map))
  )
  predictions, references = pathlib.Path(args.predictions), pathlib.Path(args.references)
  folders = Folders(predictions, references, organs, ours, theirs, annotated_beside(references))
  evaluation = evaluate_folders(folders, output_dir, args.workers, args.overwrite)
  if args["organs"].using_default_value and None in (ours, theirs):
    assumed = ", ".join(f"{value} {organ}" for value, organ in enumerate(organs, 1))
    note = f"without --organs the label values are taken as {assumed}"
    evaluation = dataclasses.replace(evaluation, notes=(*evaluation.notes, note))
  unscored = [organ for organ in organs if organ not in folders.scored_organs]
  if unscored:
    note = f"not scored, since a label map names no value for it: {listed(unscored, 13)}"
    evaluation = dataclasses.replace(evaluation, notes=(*evaluation.notes, note))
  return evaluation


def _tell(evaluation: Evaluation) -> None:
  """Prints the result, and what could not be scored; raises InputError at the end if there is such."""
  failures = evaluation.failures
  lines = [f"note: {note}" for note in evaluation.notes]
  if len(failures) > 1:
    lines += [f"failed: {case}: {reason}" for case, reason in failures.items()]
  for line in lines:
    print(command.one_line(line))
  if evaluation.summary:
    print("\n".join(filter(None, (evaluation.line, evaluation.seen_line))))
  if failures:
    cases = len(failures) + evaluation.summary.get("cases", 0)
    of_them = "" if len(failures) == 1 else f" ({listed(failures)}); the first"
    raise InputError(
      f"{len(failures)} of {cases} cases could not be scored{of_them}: {next(iter(failures.values()))}"
    )


def _require_consistent(
  run_dir: str | None, run_dirs: list[str] | None, predictions: str | None, references: str | None
) -> None:
  if sum(map(bool, (run_dir, run_dirs, predictions))) != 1 or bool(predictions) != bool(references):
    raise flags.ValidationError(
      "evaluate: needs either --run_dir, or --run_dirs, or --predictions and --references"
    )


if __name__ == "__main__":
  define_flags()
  command.run(main)
