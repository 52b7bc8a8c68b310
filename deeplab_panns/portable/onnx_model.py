"""ONNX files that `export --format=onnx` wrote, opened with ONNX Runtime."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from data.arrays import Floats, WantedSpacingMM
from data.input_error import InputError
from data.whole_file import AnyPath
from deeplab_panns.portable.slices import AXES, SliceGrid, SliceLabeller
from deeplab_panns.portable.windows import WindowGrid, WindowLabeller
from deeplab_panns.segmentation.familiar_scans import ScanRanges, require_ranges

MODEL = "model.onnx"  # in a folder of the export
FACTS = "panns"  # the key of the file's metadata: what the model is, as JSON
FORMAT = 1
_WRITE_AGAIN = "copy it again, or write it by `python -m deeplab_panns.export --format=onnx`"
_LFS_POINTER = b"version https://git-lfs"


@dataclasses.dataclass(frozen=True)
class OnnxModel:
  """An opened ONNX file.

  Attributes:
    organs: in the order of the labels 1…K.
    scans: the ranges of the scans in training; {} where they are not known.
  """

  segmenter: SliceLabeller | WindowLabeller
  organs: tuple[str, ...]
  scans: ScanRanges


def is_onnx(path: AnyPath) -> bool:
  """Whether a path is meant for an ONNX file: by its ending, or a folder of the export's `model.onnx`."""
  path = pathlib.Path(path)
  return path.suffix == ".onnx" or (path / MODEL).is_file()


def open_onnx(path: AnyPath) -> OnnxModel:
  """Opens what `export --format=onnx` wrote: the file, or its folder.

  Raises:
    InputError: If onnxruntime is missing, there is no such file, or it is damaged or of other origin.
  """
  path = pathlib.Path(path)
  if path.is_dir():
    path = path / MODEL
  session = _session(path)
  facts = _facts(path, session.get_modelmeta().custom_metadata_map.get(FACTS, ""))
  name = session.get_inputs()[0].name

  def network(images: Floats) -> Floats:
    try:
      probabilities: Floats = session.run(None, {name: images})[0]
    except Exception as error:  # the runtime's own classes, of which memory is one reason among others
      raise InputError(f"{path}: ONNX Runtime cannot run it on {images.shape} ({_reason(error)}).") from None
    return probabilities

  try:
    organs = tuple(map(str, facts["organs"]))
    segmenter = _labeller(network, facts, len(organs) + 1)
  except (KeyError, TypeError, ValueError) as error:
    raise InputError(f"{path}: what it says of its model is damaged ({error!r}); {_WRITE_AGAIN}.") from None
  return OnnxModel(segmenter, organs, require_ranges(path, facts.get("scans", {})))


def _session(path: pathlib.Path) -> Any:
  try:
    import onnxruntime
  except ImportError:
    raise InputError(
      f"{path}: needs onnxruntime, which is not installed: pip install onnxruntime (from Python 3.10 on)."
    ) from None
  try:
    with open(path, "rb") as file:
      if file.read(len(_LFS_POINTER)) == _LFS_POINTER:
        raise InputError(
          f"{path}: is a pointer of Git LFS and not the file itself; `git lfs pull` fetches it."
        )
  except OSError as error:
    raise InputError(f"{path}: cannot be read ({error.strerror}); name a file that export wrote.") from None
  options = onnxruntime.SessionOptions()
  options.log_severity_level = 4  # what goes wrong is raised too
  # Threads that wait by spinning take the cores from others; without it twice as fast beside other work.
  options.add_session_config_entry("session.intra_op.allow_spinning", "0")
  try:
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
  except Exception as error:  # the runtime has a class of its own for each
    raise InputError(f"{path}: is cut, damaged or no ONNX file ({_reason(error)}); {_WRITE_AGAIN}.") from None


def _facts(path: pathlib.Path, text: str) -> Mapping[str, Any]:
  try:
    facts = json.loads(text)
    given = facts["format"]
  except (ValueError, KeyError, TypeError):
    raise InputError(
      f"{path}: is no model of this project (no metadata {FACTS!r}); {_WRITE_AGAIN}."
    ) from None
  if not isinstance(given, int) or given > FORMAT:
    raise InputError(
      f"{path}: has format {given}, and this version reads {FORMAT} at most; use the version that wrote it "
      f"({facts.get('version', 'unknown')}), or a later one."
    )
  found: Mapping[str, Any] = facts
  return found


def _labeller(network: Any, facts: Mapping[str, Any], class_count: int) -> SliceLabeller | WindowLabeller:
  low, high = map(float, facts["window_hu"])
  z, y, x = (None if value is None else float(value) for value in facts["spacing_mm"])
  spacing_mm: WantedSpacingMM = (z, y, x)
  if "view" in facts:
    if facts["view"] not in AXES:
      raise ValueError(f"view={facts['view']}")
    return SliceLabeller(
      network, SliceGrid((low, high), spacing_mm, facts["view"], int(facts["slices_per_input"]))
    )
  depth, height, width = map(int, facts["patch_size"])
  grid = WindowGrid((low, high), spacing_mm, (depth, height, width), float(facts["overlap"]))
  return WindowLabeller(network, grid, class_count)


def _reason(error: Exception) -> str:
  return " ".join(str(error).split())[:100]
