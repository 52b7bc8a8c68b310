"""Scores of a trained network on the cases of a store, on the store's grid."""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import sys

import numpy as np
import tqdm

from data.input_error import InputError
from data.stored.splits import split
from data.stored.store import verify
from deeplab_panns.evidence import slice_pictures
from deeplab_panns.scores import compared_slices
from deeplab_panns.scores.scored_case import Reference, score_case
from deeplab_panns.segmentation.slabs import segment_stored


def select_cases(store, runs, which):
  """The cases of a split, verified.

  Args:
    store: its organs must be the runs'.
    runs: TrainedRuns, at least one; of several, what each of them held out, so that none has seen a case in
      training.
    which: "test", "val", or "all" cases with an annotated organ.
  Raises:
    InputError: If the store has other organs than the runs, or the split is empty.
  """
  run_dirs = ", ".join(str(run.directory.path) for run in runs)
  if store.organs != runs[0].organs:
    raise InputError(
      f"{store.path}: has the organs {list(store.organs)}, {run_dirs} was trained for "
      f"{list(runs[0].organs)}; "
      "score on a store of the same list."
    )
  if which == "all":
    cases = [case for case in store.cases if case.annotated]
  else:
    held_out = [_held_out(run.experiment, store, which) for run in runs]
    cases = [
      case for case in held_out[0] if all(case.id in {other.id for other in others} for others in held_out)
    ]
  if not cases:
    settings = "; ".join(
      dict.fromkeys(
        f"--fold={run.experiment.fold}, --validation_fraction={run.experiment.validation_fraction:g}"
        for run in runs
      )
    )
    raise InputError(
      f"{store.path}: --split={which} is empty for {run_dirs} ({settings}); use --split=all on "
      "a store of other cases (--data_dir), or train with these set."
    )
  verify(cases)
  return cases


def _held_out(experiment, store, which):
  splits = split(store, experiment.fold, experiment.validation_fraction, experiment.seed)
  return splits.test if which == "test" else splits.validation


def score_cases(segmenter, organs, cases, workers=1):
  """Segments stored cases, and scores each while the network is at the next ones.

  Args:
    segmenter: what `inference.segment_stored` takes.
    workers: cases scored at a time, and kept in memory.
  Returns:
    (scored, overlay): ScoredCases, each on its annotated organs; and of the first case a slice as image,
    reference and prediction, uint8 [height, width, 3].
  """
  scored, overlay = [], None
  waiting: collections.deque = collections.deque()
  with concurrent.futures.ThreadPoolExecutor(workers) as pool:
    for place, case in enumerate(tqdm.tqdm(cases, "evaluate", unit="case", disable=not sys.stderr.isatty())):
      predicted = segment_stored(segmenter, case)
      if overlay is None:
        overlay = slice_pictures.compare_slice(np.asarray(case.image()), np.asarray(case.label()), predicted)
      waiting.append(pool.submit(_score, case, organs, predicted, place < compared_slices.MAX_CASES))
      while len(waiting) > workers:
        scored.append(waiting.popleft().result())
    scored += [future.result() for future in waiting]
  return scored, overlay


def _score(case, organs, predicted, with_slices):
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
