"""Scores of one folder of label maps against another, in several processes.

Imports no TensorFlow: every process would have to start it.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import multiprocessing
import pathlib
import signal
import sys

import tqdm

from data.formats import volumes
from data.input_error import InputError
from data.stored import store
from deeplab_panns.scores import label_map
from deeplab_panns.scores.scored_case import Reference, score_case


@dataclasses.dataclass(frozen=True)
class Folders:
  """
  Attributes:
    predictions, references: the folders; files of one id (name without ending) belong together.
    organs: the full list, for files without a map of their own.
    prediction_map, reference_map: {value: organ}; None: 1, 2, ... in the order of `organs`, and no other
      value.
  """

  predictions: pathlib.Path
  references: pathlib.Path
  organs: tuple[str, ...]
  prediction_map: dict[int, str] | None = None
  reference_map: dict[int, str] | None = None

  @property
  def scored_organs(self):
    """Those that both maps name, in the order of `organs`: a program is not blamed for what it does not
    draw."""
    named = [
      set(values.values()) for values in (self.prediction_map, self.reference_map) if values is not None
    ]
    return tuple(organ for organ in self.organs if all(organ in names for names in named))


def score_folders(folders: Folders, workers=1):
  """Scores every reference label map against the prediction of the same id, on the files' own grid.

  Returns:
    (scored, failures): ScoredCases in the order of their ids, and an error line for each case that has none.
  Raises:
    InputError: If a folder is missing or empty, or no organ is in both maps.
  """
  pairs = _pairs(folders)
  if not folders.scored_organs:
    raise InputError(
      f"{folders.predictions}: no organ is named both by --label_map and --reference_label_map; "
      "nothing can be scored."
    )
  found, failures = {}, {}
  for case, result in _in_processes(folders, pairs, min(workers, len(pairs))):
    if isinstance(result, InputError):
      failures[case] = str(result)
    else:
      found[case] = result
  return [found[case] for case in pairs if case in found], [
    failures[case] for case in pairs if case in failures
  ]


def _in_processes(folders, pairs, workers):
  """Yields (case, ScoredCase or InputError) as they are ready."""
  bar = tqdm.tqdm(total=len(pairs), desc="evaluate", unit="case", disable=not sys.stderr.isatty())
  if workers == 1:
    for case, files in pairs.items():
      yield case, _score_or_error(folders, case, *files)
      bar.update()
    return
  # spawn: TensorFlow's threads do not survive a fork. Ctrl-C is the parent's to answer, in one line.
  pool = concurrent.futures.ProcessPoolExecutor(
    workers,
    mp_context=multiprocessing.get_context("spawn"),
    initializer=signal.signal,
    initargs=(signal.SIGINT, signal.SIG_IGN),
  )
  try:
    running = {pool.submit(_score_or_error, folders, case, *files): case for case, files in pairs.items()}
    for future in concurrent.futures.as_completed(running):
      yield running[future], future.result()
      bar.update()
  except concurrent.futures.process.BrokenProcessPool:
    raise InputError(
      f"{folders.references}: a process that scored a case died (memory?); try again with --workers=1."
    ) from None
  finally:
    pool.shutdown(cancel_futures=True)


def _pairs(folders):
  """{case id: (reference file, prediction file or None)}, sorted by id."""
  references = _label_files(folders.references)
  predictions = _label_files(folders.predictions)
  if not references:
    raise InputError(f"{folders.references}: holds no label maps {list(volumes.SUFFIXES)}.")
  return {case: (reference, predictions.get(case)) for case, reference in sorted(references.items())}


def _label_files(folder):
  if not folder.is_dir():
    raise InputError(f"{folder}: no such folder; --predictions and --references name folders of label maps.")
  files: dict = {}
  for file in sorted(folder.iterdir()):
    # the .hdr half opens the pair
    if (
      file.is_file()
      and file.name.lower().endswith(volumes.SUFFIXES)
      and not file.name.startswith(".")
      and not file.name.lower().endswith((".img", ".img.gz"))
    ):
      other = files.setdefault(volumes.case_id(file), file)
      if other != file:
        raise InputError(
          f"{folder}: {other.name} and {file.name} are both the case {volumes.case_id(file)}; take one out."
        )
  return files


def _score_or_error(folders, case, reference, prediction):
  try:
    return _score_pair(folders, case, reference, prediction)
  except InputError as error:
    return error


def _score_pair(folders, case, reference_file, prediction_file):
  if prediction_file is None:
    raise InputError(
      f"{folders.predictions / reference_file.name}: is missing; {reference_file} has no prediction."
    )
  reference, prediction = (volumes.read_label(file) for file in (reference_file, prediction_file))
  volumes.require_same_grid(reference, prediction)
  organs = folders.scored_organs
  labels, predicted = (
    _translated(folders, volume, values, organs)
    for volume, values in ((reference, folders.reference_map), (prediction, folders.prediction_map))
  )
  sha256 = store.file_sha256(reference_file)
  return score_case(case, Reference(labels, organs, organs, reference.spacing_mm, sha256), predicted)


def _translated(folders, volume, values, organs):
  if values is None:
    values = label_map.default_map(folders.organs)
    if volume.array.max() > len(values):
      raise InputError(
        f"{volume.path}: holds the value {volume.array.max()}, but --organs names {len(values)} "
        "organs "
        f"(values 1 to {len(values)}); name them all, in the order of the values, or say by "
        "--label_map (--reference_label_map for the references) which values are which organs."
      )
  return label_map.translate(volume.array, values, organs)
