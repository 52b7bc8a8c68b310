"""Scores of one folder of label maps against another, in several processes.

Imports no TensorFlow: every process would have to start it.
"""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from collections.abc import Mapping

import tqdm

from data.arrays import Labels
from data.files.file_hash import file_sha256
from data.formats import volumes
from data.formats.label_values import to_labels, unnamed_values
from data.input_error import InputError
from data.listed import listed
from data.worker_pool import in_processes
from deeplab_panns.scores import label_map
from deeplab_panns.scores.result_files import Evaluation, write_results
from deeplab_panns.scores.scored_case import Reference, ScoredCase, score_case


@dataclasses.dataclass(frozen=True)
class Folders:
  """Two folders of label maps, and what their values mean.

  Attributes:
    predictions, references: the folders; files of one id (name without ending) belong together.
    organs: the full list, for files without a map of their own.
    prediction_map, reference_map: {value: organ}; None: 1, 2, ... in the order of `organs`, and no other
      value.
  """

  predictions: pathlib.Path
  references: pathlib.Path
  organs: tuple[str, ...]
  prediction_map: Mapping[int, str] | None = None
  reference_map: Mapping[int, str] | None = None

  @property
  def scored_organs(self) -> tuple[str, ...]:
    """Those that both maps name, in the order of `organs`. What a program does not segment does not count
    against it."""
    named = [
      set(values.values()) for values in (self.prediction_map, self.reference_map) if values is not None
    ]
    return tuple(organ for organ in self.organs if all(organ in names for names in named))


def evaluate_folders(
  folders: Folders, output_dir: pathlib.Path, workers: int = 1
) -> tuple[Evaluation | None, list[str]]:
  """Scores a folder against another and writes the result files (see `write_results`).

  Args:
    workers: cases scored at a time.
  Returns:
    The evaluation of the cases that could be scored, None where there is none; and an error line for each of
    the others.
  Raises:
    InputError: As `score_folders`.
  """
  scored, failures = score_folders(folders, workers)
  if not scored:
    return None, failures
  summary = write_results(scored, folders.scored_organs, output_dir, {"grid": "files"})
  what = f"{folders.predictions} against {folders.references}, on the files' grid"
  return Evaluation(what, summary, output_dir), failures


def score_folders(folders: Folders, workers: int = 1) -> tuple[list[ScoredCase], list[str]]:
  """Scores every reference label map against the prediction of the same id, on the files' own grid.

  Args:
    workers: processes at a time.
  Returns:
    The cases in the order of their ids, and an error line for each one that could not be scored.
  Raises:
    InputError: If a folder is missing or empty, or no organ is in both maps.
  """
  pairs = _pairs(folders)
  if not folders.scored_organs:
    raise InputError(
      f"{folders.predictions}: no organ is named both by --label_map and --reference_label_map; nothing can "
      "be scored."
    )
  results = in_processes(
    _score_pair,
    {case: (folders, case, *files) for case, files in pairs.items()},
    workers,
    f"{folders.references}: a process that scored a case died (memory?); try again with --workers=1.",
  )
  bar = tqdm.tqdm(results, "evaluate", len(pairs), unit="case", disable=not sys.stderr.isatty())
  found = dict(bar)
  in_order = [found[case] for case in pairs]
  return (
    [result for result in in_order if isinstance(result, ScoredCase)],
    [str(result) for result in in_order if isinstance(result, InputError)],
  )


def _pairs(folders: Folders) -> dict[str, tuple[pathlib.Path, pathlib.Path | None]]:
  """{case id: (reference file, prediction file or None)}, sorted by id."""
  if folders.references.resolve() == folders.predictions.resolve():
    raise InputError(
      f"{folders.references}: is given both as --predictions and as --references; name two folders."
    )
  references = _label_files(folders.references)
  predictions = _label_files(folders.predictions)
  if not references:
    raise InputError(f"{folders.references}: holds no label maps {list(volumes.SUFFIXES)}.")
  return {case: (reference, predictions.get(case)) for case, reference in sorted(references.items())}


def not_scored(folders: Folders) -> list[str]:
  """One line each on what lies in the folders and is not scored."""
  references, predictions = (_label_files(folder) for folder in (folders.references, folders.predictions))
  lines = []
  without = [file.name for case, file in predictions.items() if case not in references]
  if without:
    lines.append(f"{folders.predictions}: {len(without)} predictions have no reference: {listed(without)}")
  for folder, found in ((folders.references, references), (folders.predictions, predictions)):
    others = [
      entry.name
      for entry in sorted(folder.iterdir())
      if entry not in found.values() and not entry.name.startswith(".") and not _is_other_half(entry)
    ]
    if others:
      lines.append(f"{folder}: {len(others)} entries are no label maps: {listed(others)}")
  return lines


def _is_other_half(entry: pathlib.Path) -> bool:
  """Whether a file is the .img of a pair, or organs.json, which predict leaves beside its label maps."""
  return entry.name.lower().endswith((".img", ".img.gz")) or entry.name == "organs.json"


def _label_files(folder: pathlib.Path) -> dict[str, pathlib.Path]:
  """{case id: file}, of the folder's files that may hold a label map."""
  if not folder.is_dir():
    raise InputError(f"{folder}: no such folder; --predictions and --references name folders of label maps.")
  files: dict[str, pathlib.Path] = {}
  for file in sorted(folder.iterdir()):
    name = file.name.lower()
    # Of an Analyze pair (.hdr, .img) the header stands for both.
    if not file.is_file() or name.startswith(".") or name.endswith((".img", ".img.gz")):
      continue
    if name.endswith(volumes.SUFFIXES):
      other = files.setdefault(volumes.case_id(file), file)
      if other != file:
        raise InputError(
          f"{folder}: {other.name} and {file.name} are both the case {volumes.case_id(file)}; take one out."
        )
  return files


def _score_pair(
  folders: Folders, case: str, reference_file: pathlib.Path, prediction_file: pathlib.Path | None
) -> ScoredCase:
  if prediction_file is None:
    raise InputError(
      f"{folders.predictions / reference_file.name}: is missing; {reference_file} has no prediction."
    )
  reference, prediction = (volumes.read_label(file) for file in (reference_file, prediction_file))
  prediction = volumes.require_same_grid(reference, prediction)
  organs = folders.scored_organs
  labels, predicted = (
    _translated(folders, volume, values)
    for volume, values in ((reference, folders.reference_map), (prediction, folders.prediction_map))
  )
  sha256 = file_sha256(reference_file)
  return score_case(case, Reference(labels, organs, organs, reference.spacing_mm, sha256), predicted)


def _translated(folders: Folders, volume: volumes.Volume, values: Mapping[int, str] | None) -> Labels:
  """The volume's label values as indices of the scored organs, from 1."""
  if values is None:
    values = label_map.default_map(folders.organs)
    unnamed = unnamed_values(volume.array, values)
    if unnamed:
      raise InputError(
        f"{volume.path}: holds the values {listed(unnamed)}, and --organs names values 1 to {len(values)}; "
        "name all "
        "organs in the order of the values, or say by --label_map (--reference_label_map) which is which."
      )
  return to_labels(volume.array, values, folders.scored_organs)
