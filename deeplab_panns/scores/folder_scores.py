"""Scores of one folder of label maps against another, in several processes.

Imports no TensorFlow: every process would have to start it.
"""

from __future__ import annotations

import collections
import dataclasses
import os
import pathlib
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
import tqdm

from data.arrays import Labels, Mask
from data.files.file_hash import file_sha256
from data.formats.grid import farthest_apart, format_mm
from data.formats.label_values import to_labels, unnamed_values
from data.input_error import InputError
from data.listed import listed
from data.organs import IGNORE, NO_ORGANS, plain_name
from data.reading import volumes
from data.reading.value_names import ANNOTATED_BESIDE, ORGANS_BESIDE, contradiction, names_of
from data.value_counts import counts_by_value
from data.worker_pool import in_processes
from deeplab_panns.scores import label_map
from deeplab_panns.scores.label_folders import Pair, Pairs, pair_folders
from deeplab_panns.scores.result_files import Evaluation, result_outputs, save
from deeplab_panns.scores.scored_case import Reference, ScoredCase, score_case

_MOST_UNNAMED = 30  # more values without a name are grey values rather than organs


@dataclasses.dataclass(frozen=True)
class Folders:
  """Two folders of label maps, and what their values mean.

  Attributes:
    predictions, references: the folders; files of one id (name without ending) belong together.
    organs: the full list, for files without a map of their own.
    prediction_map, reference_map: {value: organ}; None: 1, 2, ... in the order of `organs`, and no other
      value. In references the organ IGNORE_NAME, without a map the value 255, counts nowhere.
    annotated: {id: organs that its reference tells about}; all, of a case that is not in it.
  """

  predictions: pathlib.Path
  references: pathlib.Path
  organs: tuple[str, ...]
  prediction_map: Mapping[int, str] | None = None
  reference_map: Mapping[int, str] | None = None
  annotated: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)

  @property
  def scored_organs(self) -> tuple[str, ...]:
    """Those that both maps name, in the order of `organs`. What a program does not segment does not count
    against it."""
    named = [
      set(values.values()) for values in (self.prediction_map, self.reference_map) if values is not None
    ]
    return tuple(organ for organ in self.organs if all(organ in names for names in named))


@dataclasses.dataclass(frozen=True, eq=False)
class ScoredPair:
  """The scores of a case, and what is odd about its files.

  Attributes:
    unnamed: values of the reference and of the prediction that a given map does not name.
    notes: of how the files were read.
  """

  scored: ScoredCase
  unnamed: tuple[tuple[int, ...], tuple[int, ...]]
  notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class FolderScores:
  """The scores of the pairs in two folders.

  Attributes:
    scored: the cases in the order of their ids.
    failures: {case: why it could not be scored}, for all others.
    notes: lines on what counted as background, and on how files were read.
  """

  scored: tuple[ScoredCase, ...]
  failures: Mapping[str, str]
  notes: tuple[str, ...]


def evaluate_folders(
  folders: Folders, output_dir: pathlib.Path, workers: int = 1, overwrite: bool = False
) -> Evaluation:
  """Scores a folder against another and writes the result files (see `save`).

  Args:
    workers: cases scored at a time.
    overwrite: files in `output_dir` may be replaced that no evaluation wrote.
  Raises:
    InputError: As `pair_folders` and `result_outputs`, and if no organ is in both maps.
  """
  pairs = pair_folders(folders.predictions, folders.references)
  if not folders.scored_organs:
    raise InputError(
      f"{folders.predictions}: no organ is named both by --label_map and --reference_label_map; nothing can "
      "be scored."
    )
  outputs = result_outputs(output_dir, pairs.files, overwrite)
  found = score_pairs(folders, pairs, workers)
  what = f"{folders.predictions} against {folders.references}, on the files' grid"
  summary = save(found.scored, folders.scored_organs, outputs, {"grid": "files"}, found.failures)
  return Evaluation(what, summary, output_dir, found.failures, (*pairs.notes, *found.notes))


def score_pairs(folders: Folders, pairs: Pairs, workers: int = 1) -> FolderScores:
  """Scores every reference label map against its prediction, on the files' own grid.

  Args:
    workers: processes at a time.
  """
  results = in_processes(
    _score_pair,
    {pair.case: (folders, pair) for pair in pairs.pairs},
    workers,
    "a process that scored a case died (memory?); try again with --workers=1.",
  )
  found: dict[str, ScoredPair | InputError] = {}
  died = InputError("")
  try:
    for case, result in tqdm.tqdm(
      results, "evaluate", len(pairs.pairs), unit="case", disable=not sys.stderr.isatty()
    ):
      found[case] = result
  except InputError as error:  # what is scored is not lost
    died = error
  in_order = {pair.case: found.get(pair.case, died) for pair in pairs.pairs}
  scored = [result for result in in_order.values() if isinstance(result, ScoredPair)]
  return FolderScores(
    tuple(result.scored for result in scored),
    {case: str(result) for case, result in in_order.items() if isinstance(result, InputError)},
    tuple(_notes(folders, scored)),
  )


def _notes(folders: Folders, scored: Iterable[ScoredPair]) -> list[str]:
  lines = []
  flags = {folders.references: "--reference_label_map", folders.predictions: "--label_map"}
  for side, (folder, flag) in enumerate(flags.items()):
    values = {value: pair.scored.case for pair in scored for value in pair.unnamed[side]}
    if values:
      lines.append(
        f"{folder}: {flag} does not name the values {listed(sorted(values), 10)} (as in "
        f"{next(iter(values.values()))}); they count as background"
      )
  cases = collections.defaultdict(list)
  for pair in scored:
    for note in pair.notes:
      cases[note].append(pair.scored.case)
  return [*lines, *(f"{listed(names)}: {note}" for note, names in cases.items())]


def _score_pair(folders: Folders, pair: Pair) -> ScoredPair:
  _require_usable(folders, pair)
  assert pair.prediction is not None
  reference, prediction = (volumes.read_label(file) for file in (pair.reference, pair.prediction))
  prediction = _on_grid_of(reference, prediction)
  organs = folders.scored_organs
  ignored = _ignored(folders, reference)
  known = reference
  if ignored is not None:
    unknown = f"{np.count_nonzero(ignored)} voxels of ignore in the reference count nowhere"
    notes = (*reference.notes, unknown)
    known = dataclasses.replace(reference, array=np.where(ignored, 0, reference.array), notes=notes)
  labels, unnamed = _translated(folders, known, folders.reference_map)
  if ignored is not None:
    labels = np.where(ignored, np.uint8(IGNORE), labels)
  if ignored is not None and folders.prediction_map is None:  # a label map of the same origin ignores too
    prediction = dataclasses.replace(
      prediction, array=np.where(prediction.array == IGNORE, 0, prediction.array)
    )
  predicted, also_unnamed = _translated(folders, prediction, folders.prediction_map)
  annotated = _annotated(folders, pair.case, organs)
  sha256 = file_sha256(pair.reference)
  scored = score_case(
    pair.case, Reference(labels, organs, annotated, reference.spacing_mm, sha256), predicted
  )
  return ScoredPair(scored, (unnamed, also_unnamed), (*known.notes, *prediction.notes))


def _annotated(folders: Folders, case: str, organs: tuple[str, ...]) -> tuple[str, ...]:
  """Those of the scored organs that the reference tells about, under whatever name."""
  if case not in folders.annotated:
    return organs
  known = {plain_name(organ): organ for organ in folders.organs}
  lost = [organ for organ in folders.annotated[case] if plain_name(organ) not in known]
  if lost:
    raise InputError(
      f"{folders.references / ANNOTATED_BESIDE}: says that {case} annotates {listed(lost)}, which --organs "
      "does not name; correct one of them."
    )
  told = {known[plain_name(organ)] for organ in folders.annotated[case]}
  if not told & set(organs):
    raise InputError(f"{case}: annotates none of the scored organs; take it out of the references.")
  return tuple(organ for organ in organs if organ in told)


def _ignored(folders: Folders, reference: volumes.Volume) -> Mask | None:
  """Where a reference says that nothing is known; None where it knows all.

  Without a map 255 does so beside other values: alone it is a mask, of what the user has to say.
  """
  given = folders.reference_map
  values = {IGNORE: label_map.IGNORE_NAME} if given is None else given
  ignored = np.isin(
    reference.array, [value for value, name in values.items() if name == label_map.IGNORE_NAME]
  )
  if not ignored.any() or (given is None and not ((reference.array != 0) & ~ignored).any()):
    return None
  return ignored


def _require_usable(folders: Folders, pair: Pair) -> None:
  if pair.prediction is None:
    raise InputError(f"{pair.reference}: has no prediction in {folders.predictions}.")
  try:
    pair.case.encode("utf-8")
  except UnicodeEncodeError:
    raise InputError(f"{pair.reference}: the name is not in UTF-8; rename it.") from None
  if os.path.exists(pair.prediction) and os.path.samefile(pair.prediction, pair.reference):
    raise InputError(f"{pair.prediction}: is a link to its reference, or the same file; name a prediction.")


def _on_grid_of(reference: volumes.Volume, prediction: volumes.Volume) -> volumes.Volume:
  """The prediction with the axes of the reference. Raises InputError if its grid is another."""
  try:
    return volumes.require_same_grid(reference, prediction)
  except InputError:
    apart = ""
    if reference.array.shape == prediction.array.shape:
      off_mm = farthest_apart(reference.affine, prediction.affine, reference.array.shape[::-1])
      apart = f"; corners lie up to {off_mm:.3g} mm apart, half a voxel is allowed"
    raise InputError(
      f"{prediction.path}: the prediction has another grid than its reference: {_grid(prediction)} against "
      f"{_grid(reference)} (z, y, x){apart}. Predict on the scan that was annotated, or resample with "
      "nearest neighbours."
    ) from None


def _grid(volume: volumes.Volume) -> str:
  return f"{' x '.join(map(str, volume.array.shape))} voxels of {format_mm(volume.spacing_mm)} mm"


def _require_as_stated(
  folders: Folders, volume: volumes.Volume, held: Collection[int], values: Mapping[int, str]
) -> None:
  """Raises InputError if the file, or organs.json beside it, calls a value by another organ's name."""
  stated = names_of(volume.path, set(held) - {0})
  found = contradiction(stated, values, folders.organs)
  if found:
    value, name, organ = found
    named = sorted(item for item in stated.items() if item[0] and item[1].casefold() not in NO_ORGANS)
    names = ",".join(f"{number}={word}" for number, word in named)
    raise InputError(
      f"{volume.path}: its value {value} is {name!r} by its header or {ORGANS_BESIDE} beside it, and would "
      f"be scored as {organ!r}; give --organs in the order of the values, or --label_map "
      f"(--reference_label_map) {names:.200}."
    )


def _translated(
  folders: Folders, volume: volumes.Volume, values: Mapping[int, str] | None
) -> tuple[Labels, tuple[int, ...]]:
  """The volume's label values as indices of the scored organs, from 1, and those that a given map does not
  name. Raises InputError if there are any without a map."""
  is_given = values is not None
  values = label_map.default_map(folders.organs) if values is None else values
  held = counts_by_value(volume.array)
  _require_as_stated(folders, volume, held, values)
  unnamed = unnamed_values(held, values)
  if unnamed and not is_given:
    found = f"{'value' if len(unnamed) == 1 else 'values'} {listed(unnamed)}"
    if len(unnamed) > _MOST_UNNAMED:
      raise InputError(
        f"{volume.path}: holds the {found}, and --organs names values 1 to {len(values)}: this looks like "
        "an image, not a label map; name the label map."
      )
    raise InputError(
      f"{volume.path}: holds the {found}, and --organs names values 1 to {len(values)}; name all organs in "
      "the order of the values, or say by --label_map (--reference_label_map) which is which."
    )
  return to_labels(volume.array, values, folders.scored_organs), tuple(unnamed)
