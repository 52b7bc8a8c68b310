"""Scores of trained networks on the cases of a store, on the store's grid."""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import io
import pathlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tqdm
from PIL import Image

from data.arrays import Labels, Picture
from data.input_error import InputError
from data.listed import listed
from data.stored.splits import patient_of, split
from data.stored.store import Store, StoredCase, read_store, verify
from data.whole_file import AnyPath
from deeplab_panns.evidence import slice_pictures
from deeplab_panns.postprocessing.mending import MendedSegmenter, Mending
from deeplab_panns.runs import hparams
from deeplab_panns.runs.event_files import EventsNotWritten
from deeplab_panns.runs.trained import TrainedRun, open_run, open_runs
from deeplab_panns.scores import compared_slices, how_scored
from deeplab_panns.scores.result_files import Evaluation, result_outputs, save
from deeplab_panns.scores.scored_case import Reference, ScoredCase, score_case
from deeplab_panns.scores.seen_cases import seen_by_any
from deeplab_panns.segmentation.application import Application, applied
from deeplab_panns.segmentation.segment_arrays import LabelsStoredImages, segment_stored

# What one case may fail by while the others go on.
_FAILURES = (InputError, OSError, MemoryError, tf.errors.ResourceExhaustedError)


@dataclasses.dataclass(frozen=True, eq=False)
class ScoredCases:
  """What came out of scoring several cases.

  Attributes:
    scored: each on its annotated organs, in the order of the cases.
    failures: {case: why it could not be scored}, for all others.
    overlay: of the first scored case a slice as image, reference and prediction side by side,
      [height, width, 3]; None if there is none.
  """

  scored: tuple[ScoredCase, ...]
  failures: dict[str, str]
  overlay: Picture | None


def evaluate_runs(
  run_dirs: Sequence[AnyPath],
  output_dir: pathlib.Path,
  checkpoint: str = "last",
  data_dir: AnyPath | None = None,
  which: str = "test",
  workers: int = 1,
  overwrite: bool = False,
  how: Application | None = None,
  mending: Mending | None = None,
) -> Evaluation:
  """Scores a run, or several as one ensemble, and writes the result files (see `save`).

  Args:
    run_dirs: at least one.
    output_dir: is made where it is missing.
    checkpoint: "last" or "best".
    data_dir: the store to score on; None: the one that the first run was trained on.
    which: as in `select_cases`.
    workers: as in `score_cases`.
    overwrite: files in `output_dir` may be replaced that no evaluation wrote.
    how: the networks are applied; None: as in training.
    mending: of the labels before they are scored; None: nothing.
  Raises:
    InputError: If there is no run, checkpoint or store, or as `select_cases` and `result_outputs`.
  """
  how, mending = how or Application(), mending or Mending()
  segmenter, runs = _open(run_dirs, checkpoint)
  if how != Application():
    segmenter = applied([run.segmenter for run in runs], how)
  if mending != Mending():
    segmenter = MendedSegmenter(segmenter, runs[0].organs, mending)
  store = read_store(data_dir or runs[0].data_dir)
  cases = select_cases(store, runs, which)
  outputs = result_outputs(output_dir, (), overwrite)
  found = score_cases(segmenter, store.organs, cases, workers)
  scored_cases = [case for case in cases if case.id not in found.failures]
  header = {
    "split": which,
    "grid": "store",
    "checkpoint": checkpoint,
    "step": _one_or_all([run.step for run in runs]),
    "fold": _one_or_all([run.experiment.held_out.fold for run in runs]),
    "data_dir": str(store.path.resolve()),
    "run_dirs": [str(pathlib.Path(run_dir).resolve()) for run_dir in run_dirs],
    how_scored.KEY: how_scored.record(how, mending),
    "seen_in_training": seen_by_any(runs, store, scored_cases),
    "first_of_patient": _first_of_patient(scored_cases),
  }
  overlay = b"" if found.overlay is None else _png(found.overlay)
  summary = save(found.scored, store.organs, outputs, header, found.failures, overlay)
  what = f"{listed(run_dirs)} on the {which} cases of {store.path}, on the store's grid"
  if not how_scored.is_plain(header):
    what += f", {how_scored.words(header)}"
  compared = data_dir is None and not found.failures and how_scored.is_plain(header)
  notes = _to_tensorboard(runs, which, summary) if compared else ()
  return Evaluation(what, summary, output_dir, found.failures, (*_unfinished(runs, checkpoint), *notes))


def _unfinished(runs: Sequence[TrainedRun], checkpoint: str) -> tuple[str, ...]:
  """A line for each run whose last checkpoint is not that of its end."""
  return tuple(
    f"{run.directory.path}: training has not reached its end: step {run.step} of {run.experiment.steps}"
    for run in runs
    if checkpoint == "last" and run.step < run.experiment.steps
  )


def _first_of_patient(cases: Sequence[StoredCase]) -> dict[str, str]:
  """{id: id of the patient's first case} of further cases: they are no patients more. Names stay at home."""
  first: dict[tuple[str, str], str] = {}
  of_cases = {case.id: first.setdefault(patient_of(case), case.id) for case in cases}
  return {case: one for case, one in of_cases.items() if case != one}


def _to_tensorboard(runs: Sequence[TrainedRun], which: str, summary: Mapping[str, Any]) -> tuple[str, ...]:
  """Adds the mean Dice of a run on its own held-out cases to its events, where runs are compared; a line if
  that cannot be."""
  events = runs[0].directory.events
  if len(runs) > 1 or which == "all" or not events.is_dir():
    return ()
  try:
    hparams.write_score(events, which, summary["mean_dice"], runs[0].step)
  except EventsNotWritten as error:
    return (str(error),)
  return ()


def _open(run_dirs: Sequence[AnyPath], checkpoint: str) -> tuple[LabelsStoredImages, Sequence[TrainedRun]]:
  """The network to score and the runs it is of."""
  if len(run_dirs) == 1:
    run = open_run(run_dirs[0], checkpoint)
    return run.segmenter, [run]
  several = open_runs(run_dirs, checkpoint)
  return several.segmenter, several.runs


def _one_or_all(values: Sequence[Any]) -> Any:
  """The value that all share, or else the list of them."""
  return values[0] if len(set(values)) == 1 else values


def _png(picture: Picture) -> bytes:
  content = io.BytesIO()
  Image.fromarray(picture).save(content, "PNG")
  return content.getvalue()


def select_cases(store: Store, runs: Sequence[TrainedRun], which: str) -> list[StoredCase]:
  """The cases to score.

  Args:
    store: its organs must be the runs'.
    runs: at least one; of several, the cases that each of them held out, so that none has seen a case in
      training.
    which: "test" for the held-out fold, "val" for the validation cases, or "all" cases with an annotated
      organ.
  Raises:
    InputError: If the store has other organs than the runs, or there is no such case.
  """
  run_dirs = listed(run.directory.path for run in runs)
  if store.organs != runs[0].organs:
    raise InputError(
      f"{store.path}: has the organs {listed(store.organs, 13)}; {run_dirs} was trained for "
      f"{listed(runs[0].organs, 13)}; score on a store of the same list."
    )
  if which == "all":
    cases = [case for case in store.cases if case.annotated]
  else:
    of_runs = [_held_out(run, store, which) for run in runs]
    cases = [case for case in of_runs[0] if all(case.id in {other.id for other in held} for held in of_runs)]
  if not cases:
    settings = "; ".join(
      dict.fromkeys(
        f"--fold={held_out.fold}, --validation_fraction={held_out.validation_fraction:g}"
        for held_out in (run.experiment.held_out for run in runs)
      )
    )
    raise InputError(
      f"{store.path}: --split={which} is empty for {run_dirs} ({settings}); use --split=all on a store of "
      "other cases (--data_dir), or train with these set."
    )
  for run in runs:
    run.require_fit(cases)
  return cases


def _held_out(run: TrainedRun, store: Store, which: str) -> tuple[StoredCase, ...]:
  held_out = run.experiment.held_out
  splits = split(store, held_out.fold, held_out.validation_fraction, run.experiment.seed)
  return splits.test if which == "test" else splits.validation


def score_cases(
  segmenter: LabelsStoredImages, organs: tuple[str, ...], cases: Iterable[StoredCase], workers: int = 1
) -> ScoredCases:
  """Verifies and segments stored cases, and scores each while the network segments the next ones.

  Args:
    organs: of the network and of the store, in the order of the label values.
    workers: cases scored at a time, and kept in memory.
  """
  scored: list[ScoredCase] = []
  failures: dict[str, str] = {}
  overlay: Picture | None = None
  waiting: collections.deque[concurrent.futures.Future[ScoredCase]] = collections.deque()
  with concurrent.futures.ThreadPoolExecutor(workers) as pool:
    for index, case in enumerate(tqdm.tqdm(cases, "evaluate", unit="case", disable=not sys.stderr.isatty())):
      try:
        verify([case])
        predicted = segment_stored(segmenter, case)
        if overlay is None:
          images = np.asarray(case.image()), np.asarray(case.label())
          overlay = slice_pictures.compare_slice(*images, predicted)
      except _FAILURES as error:
        failures[case.id] = _reason(error, case)
        continue
      waiting.append(pool.submit(_score, case, organs, predicted, index < compared_slices.MAX_CASES))
      while len(waiting) > workers:
        scored.append(waiting.popleft().result())
    scored += [future.result() for future in waiting]
  return ScoredCases(tuple(scored), failures, overlay)


def _reason(error: Exception, case: StoredCase) -> str:
  if isinstance(error, InputError):
    return str(error)
  if isinstance(error, OSError):
    return f"{case.folder}: cannot be read ({error.strerror or error}); permit it, or run data.prepare again."
  return f"{case.folder}: there is not enough memory for it; close other programs."


def _score(case: StoredCase, organs: tuple[str, ...], predicted: Labels, with_slices: bool) -> ScoredCase:
  reference = Reference(
    np.asarray(case.label()), organs, case.annotated, case.spacing_mm, case.sha256["label"]
  )
  scored = score_case(case.id, reference, predicted)
  if not with_slices:
    return scored
  slices = compared_slices.cut(
    case, np.asarray(case.image()), reference.labels, predicted, organs, scored.scores
  )
  return dataclasses.replace(scored, slices=tuple(slices))
