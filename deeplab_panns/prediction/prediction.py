"""CT files in, label maps and what else is wanted on the same grids out. Runs where TensorFlow is not."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import tempfile
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from data.arrays import Labels
from data.files.outputs import Outputs
from data.guards.measures import measure
from data.guards.posture import check_posture
from data.input_error import InputError
from data.listed import listed
from data.reading.value_names import ORGANS_BESIDE
from data.reading.volumes import Volume, system_errors
from data.whole_file import AnyPath, write_text
from deeplab_panns.outputs.color_table import color_table
from deeplab_panns.outputs.made_by import MadeBy, installed_version
from deeplab_panns.outputs.organ_looks import not_coded, organ_looks
from deeplab_panns.outputs.segmented_case import SegmentedCase
from deeplab_panns.outputs.statistics import as_json, volumes_csv
from deeplab_panns.prediction.case_outputs import ENDINGS, WantedOutputs, write_case
from deeplab_panns.prediction.case_queue import CaseQueue
from deeplab_panns.prediction.checked_scan import opened_scan, say
from deeplab_panns.prediction.failures import reason
from deeplab_panns.prediction.finished import (
  PREDICTIONS,
  Finished,
  FinishedCases,
  organs_of_cases,
  scan_sha256,
)
from deeplab_panns.prediction.input_names import require_usable
from deeplab_panns.prediction.input_search import FoundInputs
from deeplab_panns.prediction.quantised import quantised_probabilities, require_probabilities
from deeplab_panns.prediction.scan import Scan
from deeplab_panns.prediction.unfinished_cases import UnfinishedCases
from deeplab_panns.segmentation.familiar_scans import ScanRanges

COLORS, VOLUMES, STATISTICS = "organ_colors.csv", "volumes.csv", "statistics.json"
TABLES = (ORGANS_BESIDE, COLORS, VOLUMES, STATISTICS, PREDICTIONS)
_SHORT = 40  # characters of an id in a message
_TRACED_BYTES = 8192  # more than the source of any of TensorFlow's traced functions
_IDENTITY_SHOWN = 12  # of a model's identity, in DICOM objects


class Segmenter(Protocol):
  """Labels volumes: [z, y, x] in HU (LPS) and its spacing (z, y, x) in mm to {"labels": uint8 [z, y, x]}.

  It may have `hold` as OnTensorFlow has, and `probabilities`.
  """

  def labels(self, volume: Any, spacing_mm: Any) -> Mapping[str, Any]: ...


class Predictor(Protocol):
  """A run, several runs or an exported model, opened.

  Attributes:
    organs: in the order of the labels 1…K.
    scans: the ranges of the scans in training; {} where they are not known.
  """

  @property
  def segmenter(self) -> Segmenter: ...
  @property
  def organs(self) -> Sequence[str]: ...
  @property
  def scans(self) -> ScanRanges: ...


@dataclasses.dataclass(frozen=True)
class Request:
  """What is asked of a prediction.

  Attributes:
    wanted: which files.
    assume_hu: segment also what is certainly no CT in HU.
    nifti_header: "sform" or "qform", where the two of a NIfTI file disagree; "" refuses such a file.
    model: the identity of the model, "" if it is not known: then no case counts as finished.
    settings: all else that labels depend on, these two among them, for the record.
    jobs: cases in hand at a time; the network takes one after the other.
    again: predict also what is finished.
  """

  wanted: WantedOutputs = dataclasses.field(default_factory=WantedOutputs)
  assume_hu: bool = False
  nifti_header: str = ""
  model: str = ""
  settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  jobs: int = 1
  again: bool = False

  @property
  def made_by(self) -> MadeBy:
    """For DICOM objects."""
    return MadeBy(self.model[:_IDENTITY_SHOWN] or "unknown")


@dataclasses.dataclass
class Summary:
  """How a prediction went.

  Attributes:
    predicted: cases.
    kept: cases that were finished before.
    slices: of the scans that were predicted.
    network_seconds: what the network took for them.
  """

  predicted: int = 0
  kept: int = 0
  slices: int = 0
  network_seconds: float = 0.0


@dataclasses.dataclass(frozen=True)
class Predicted:
  """One case: its measurements as `as_json` gives them, its slices, the seconds of all and of the network."""

  organs: Mapping[str, Mapping[str, Any]]
  slices: int
  seconds: float
  network_seconds: float


def prediction_outputs(
  found: FoundInputs,
  ids: Collection[str],
  output_dir: AnyPath,
  overwrite: bool = False,
  wanted: WantedOutputs | None = None,
  shared: bool = False,
) -> Outputs:
  """The output folder of a prediction, which is made; call it before anything is computed.

  Args:
    ids: of the scans.
    overwrite: files may be replaced that no prediction before has written; never an input.
    shared: other processes predict other scans of the input into the same folder.
  Raises:
    InputError: If an input or a file of others would be replaced, the folder is one of those that are
      searched for inputs, or it or the folder of temporary files cannot be written to.
  """
  if not os.fspath(output_dir):
    raise InputError("--output_dir=: is empty; name the folder of the label maps.")
  names = [file for name in ids for file in (wanted or WantedOutputs()).names(name)]
  if found.root.is_dir():
    scans = [scan.path for scan in found.scans]
    folders = {found.root, *(scan if scan.is_dir() else scan.parent for scan in scans)}
    if os.path.realpath(output_dir) in map(os.path.realpath, folders):
      replaced = [name for name in names if os.path.lexists(os.path.join(output_dir, name))]
      what = f"{listed(replaced)} would be replaced" if replaced else "label maps would lie among the scans"
      raise InputError(f"--output_dir={output_dir}: is a folder of the input; {what}. Choose another folder.")
  if (
    shared
    and pathlib.Path(os.path.realpath(found.root)) in pathlib.Path(os.path.realpath(output_dir)).parents
  ):
    raise InputError(
      f"--output_dir={output_dir}: lies in the input, where shards would find each other's label maps; "
      "choose another folder."
    )
  _require_temporary_files()
  outputs = Outputs(output_dir, found.files(), overwrite, shared)
  outputs.require_free([*names, *TABLES])
  return outputs


def predict_files(
  predictor: Predictor, ids: Mapping[str, Scan], outputs: Outputs, request: Request | None = None
) -> Summary:
  """Segments several inputs, and writes what is wanted of each, and tables of all.

  A case that is finished, by the same model and settings from the same scan, is kept. What is odd about an
  input is printed; so is what failed, in the end.

  Args:
    ids: {id: scan} as from `case_ids`.
    outputs: as from `prediction_outputs`.
  Raises:
    InputError: If some inputs cannot be segmented; the others are segmented nevertheless.
  """
  request = request or Request()
  organs = tuple(predictor.organs)
  _require_possible(predictor, organs, outputs, ids, request)
  if not_coded(organ_looks(organs)):
    say(f"note: {not_coded(organ_looks(organs))}")
  with outputs.alone():
    write_text(outputs.folder / ORGANS_BESIDE, json.dumps(list(organs), indent=1))
    write_text(outputs.folder / COLORS, color_table(organ_looks(organs)))
    outputs.wrote([ORGANS_BESIDE, COLORS])
  return _Prediction(predictor, outputs, FinishedCases(outputs, organs), request).run(ids)


class _Prediction:
  """Cases predicted one after the other or side by side, and recorded."""

  def __init__(
    self, predictor: Predictor, outputs: Outputs, finished: FinishedCases, request: Request
  ) -> None:
    self._predictor = predictor
    self._outputs = outputs
    self._finished = finished
    self._request = request
    self._turn = threading.Lock()
    self._recording = threading.Lock()
    self._ended = False
    self._unfinished = UnfinishedCases(outputs.folder)

  def run(self, ids: Mapping[str, Scan]) -> Summary:
    summary, failures = Summary(), dict[str, str]()
    queue = CaseQueue(self._work, ids, self._request.jobs)
    try:
      for name, result in queue:
        if isinstance(result, Exception):
          failures[name] = reason(result, ids[name])
          said = "failed"
        elif result is None:
          summary.kept += 1
          continue
        else:
          summary.predicted += 1
          summary.slices += result.slices
          summary.network_seconds += result.network_seconds
          said = f"{result.seconds:.1f} s, {result.network_seconds / result.slices:.2g} s a slice"
        if len(ids) > 1:
          say(f"{queue.done} of {len(ids)}: {_short(name)}: {said}{queue.time_left()}")
    finally:
      self._write_tables()
      self._unfinished.close()
      if len(ids) > 1:
        for name, why in failures.items():
          say(f"failed: {_short(name)}: {why}")
    if failures:
      first = next(iter(failures.values()))
      if len(ids) == 1:
        raise InputError(first)
      raise InputError(
        f"{len(failures)} of {len(ids)} inputs failed ({listed(map(_short, failures))}); the first: {first}"
      )
    return summary

  def _work(self, name: str, scan: Scan) -> Predicted | None:
    """Predicts a case; None if it is finished. What was there of it stays until all of the new is written."""
    require_usable(name, scan)
    one = self._to_be(name, scan)
    if self._request.model and not self._request.again and self._finished.is_current(name, one):
      return None
    with self._unfinished.folder_of(name) as unfinished:
      predicted = predict_file(self._predictor, name, scan, unfinished, self._request, self._turn)
      one = dataclasses.replace(one, seconds=round(predicted.seconds, 2), organs=predicted.organs)
      with self._recording:
        if not self._ended:  # after Ctrl-C nobody waits for what another thread has in hand
          # the record first: what is in it are whole cases, never files of two models
          self._finished.forget(name)
          self._outputs.take_over(unfinished, one.files)
          self._finished.add(name, one)
    return predicted

  @property
  def _settings(self) -> dict[str, Any]:
    wanted = self._request.wanted
    of_seg = {"seg_type": wanted.seg_type} if "dicom_seg" in wanted.formats else {}
    return {**self._request.settings, **of_seg}

  def _to_be(self, name: str, scan: Scan) -> Finished:
    request, wanted = self._request, self._request.wanted
    if scan.path.is_symlink() and not scan.path.exists():
      raise InputError(f"{scan}: is a link that leads nowhere ({os.readlink(scan.path)}); fetch the file.")
    with system_errors(scan.path):
      scanned = scan_sha256(scan)
    files = (*wanted.names(name), *wanted.names_by_organ(name, self._predictor.organs))
    return Finished(
      input=str(scan),
      input_sha256=scanned,
      model=request.model,
      version=installed_version(),
      settings=self._settings,
      files=files,
      seconds=0.0,
      organs={},
      series=scan.series.code if scan.series is not None else "",
    )

  def _write_tables(self) -> None:
    folder = self._outputs.folder
    with self._recording, self._outputs.alone():
      self._ended = True
      self._finished.refresh()
      organs = {name: one.organs for name, one in sorted(self._finished.items())}
      self._tell_of_others()
      write_text(folder / VOLUMES, volumes_csv(organs, self._predictor.organs))
      write_text(folder / STATISTICS, json.dumps(organs, indent=1))
      self._outputs.wrote([VOLUMES, STATISTICS])

  def _tell_of_others(self) -> None:
    """One folder may hold what several models made: its tables list all of it."""
    ours = (self._request.model, installed_version(), self._settings)
    others = sorted(name for name, one in self._finished.items() if one.maker != ours)
    if self._request.model and others:
      say(
        f"{self._outputs.folder / VOLUMES} also lists {len(others)} case(s) of another model, version or "
        f"settings ({listed(others)}); {PREDICTIONS} says of which"
      )


def predict_file(
  predictor: Predictor,
  name: str,
  scan: Scan,
  output_dir: pathlib.Path,
  request: Request | None = None,
  turn: contextlib.AbstractContextManager[Any] | None = None,
) -> Predicted:
  """Segments one input and writes what is wanted of it to `output_dir`, on the input's own grid.

  Args:
    turn: held while the network works.
  Raises:
    InputError: As `opened_scan`, and if a wanted file cannot be made of this scan.
  """
  request, turn = request or Request(), turn or contextlib.nullcontext()
  begun, segmenter, organs = time.monotonic(), predictor.segmenter, tuple(predictor.organs)
  with contextlib.ExitStack() as stack:
    volume = stack.enter_context(
      opened_scan(scan, name, predictor.scans, request.assume_hu, request.nifti_header)
    )
    request.wanted.require_possible(volume)
    given, array = segmenter.hold(volume.array) if hasattr(segmenter, "hold") else [volume.array] * 2
    volume = dataclasses.replace(volume, array=array)  # lets go of what was read
    probabilities = None
    with turn:
      started = time.monotonic()
      labels = np.asarray(segmenter.labels(volume=given, spacing_mm=volume.spacing_mm)["labels"])
      if request.wanted.probabilities:
        probabilities = stack.enter_context(
          quantised_probabilities(segmenter, given, volume.spacing_mm, len(organs))
        )
      network_seconds = time.monotonic() - started
    _tell_of_posture(name, volume, labels, organs)
    case = SegmentedCase(name, volume, labels, organs)
    measured = write_case(case, output_dir, request.wanted, request.made_by, probabilities)
  return Predicted(as_json(measured), len(labels), time.monotonic() - begun, network_seconds)


def _tell_of_posture(name: str, volume: Volume, labels: Labels, organs: tuple[str, ...]) -> None:
  """Warns of a scan that lies back to front by its bones, or upside down by its lungs and what was found."""
  measured = measure(volume.array, labels, volume.affine, volume.spacing_mm, organs, organs)
  for finding in check_posture(measured):
    say(f"warning: {name}: {finding.line}, or its header is wrong; the labels may be too")


def _require_possible(
  predictor: Predictor,
  organs: tuple[str, ...],
  outputs: Outputs,
  ids: Collection[str],
  request: Request,
) -> None:
  """Refuses what no case can have, before the first is read."""
  request.wanted.require_distinct(organs)
  if request.wanted.probabilities:
    require_probabilities(predictor.segmenter)
  names = {file for name in ids for file in request.wanted.names(name)}
  _require_same_organs(outputs.folder, organs, names, request.again)
  outputs.require_free(file for name in ids for file in request.wanted.names_by_organ(name, organs))


def _require_temporary_files() -> None:
  """TensorFlow writes the functions that it traces there, and where it cannot, fails in odd ways."""
  try:
    with tempfile.TemporaryFile() as file:
      file.write(bytes(_TRACED_BYTES))
  except OSError as error:
    raise InputError(
      f"{tempfile.gettempdir()}: temporary files cannot be written ({error.strerror or error}); make room, "
      "or name another folder by the variable TMPDIR."
    ) from None


def _require_same_organs(
  folder: pathlib.Path, organs: Sequence[str], names: Collection[str], again: bool
) -> None:
  """One organs.json serves all label maps of a folder."""
  try:
    theirs = [json.loads((folder / ORGANS_BESIDE).read_text(encoding="utf-8"))]
  except (OSError, ValueError):
    theirs = []
  recorded = organs_of_cases(folder)
  theirs += recorded.values()
  maps = sorted(file.name for ending in ENDINGS.values() for file in folder.glob(f"*{ending}"))
  if all(one == list(organs) for one in theirs) or not (maps or recorded):
    return
  kept = [name for name in maps if name not in names]
  if kept or not again:
    replace = "" if kept else ", or give --overwrite to have them all replaced"
    raise InputError(
      f"{folder / ORGANS_BESIDE}: names the organs of label maps that are there already "
      f"({listed(kept or maps or recorded)}), and these are of others; choose another --output_dir{replace}."
    )


def _short(name: str) -> str:
  return name if len(name) <= _SHORT else f"{name[:_SHORT]}..."
