"""Trained networks as SavedModels, which need TensorFlow alone: written, and opened again."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from data.files.outputs import RECORD, Outputs, make_folder
from data.files.plain_path import plain_path
from data.input_error import InputError
from data.listed import listed
from data.whole_file import AnyPath, whole
from deeplab_panns.exports.model_card import CARD, SAVED_MODEL_EXAMPLE, model_card
from deeplab_panns.portable.onnx_model import FORMAT
from deeplab_panns.segmentation.familiar_scans import ScanRanges, require_ranges
from deeplab_panns.segmentation.slabs import SlabSegmenter

_ORGANS, _SCANS, _FACTS = "organs.json", "scans.json", "facts.json"
_NEEDED = ("saved_model.pb", f"assets/{_ORGANS}")
# What TensorFlow may put at the top of a SavedModel, and we: the record, the model card.
_ENTRIES = {"saved_model.pb", "variables", "assets", "assets.extra", "debug"}
_ENTRIES |= {"fingerprint.pb", "keras_metadata.pb", RECORD, CARD}
_LFS_POINTER = b"version https://git-lfs"
_COPY_AGAIN = "copy the folder again, or write it by `python -m deeplab_panns.export`"


class SavedSegmenter:
  """Labels volumes by the graph of a SavedModel."""

  def __init__(self, loaded: tf.Module) -> None:
    """
    Args:
      loaded: what tf.saved_model.load returned.
    """
    self._loaded = loaded

  def labels(self, volume: tf.Tensor, spacing_mm: tf.Tensor) -> dict[str, tf.Tensor]:
    """{"labels": uint8 [z, y, x]} of a volume in HU, as SlabSegmenter.labels."""
    return self._loaded.signatures["serving_default"](volume=volume, spacing_mm=spacing_mm)


@dataclasses.dataclass(frozen=True)
class SavedModel:
  """An opened SavedModel.

  Attributes:
    organs: in the order of the labels 1…K.
    scans: the ranges of the scans in training; {} in models of versions that did not write them.
  """

  segmenter: SavedSegmenter
  organs: tuple[str, ...]
  scans: ScanRanges = dataclasses.field(default_factory=dict)


def require_replaceable(output_dir: AnyPath, overwrite: bool = False) -> None:
  """Refuses a folder that `write_saved_model` must not replace; call it before a network is opened.

  Args:
    overwrite: a SavedModel may be replaced that `write_saved_model` did not write, or that was changed since;
      never a folder with other files.
  Raises:
    InputError: If it must not, or its parent cannot be written to.
  """
  folder = pathlib.Path(output_dir)
  if not os.fspath(output_dir):
    raise InputError("--output_dir=: is empty; name the folder of the SavedModel.")
  if os.path.realpath(folder) == os.path.realpath("."):
    raise InputError(
      f"--output_dir={output_dir}: is the working folder, which would be replaced as a whole; name one in it."
    )
  make_folder(folder.absolute().parent)
  if not os.path.lexists(folder):
    return
  if not folder.is_dir():
    raise InputError(f"{folder}: is not a folder; choose another --output_dir.")
  entries = {entry.name for entry in folder.iterdir()}
  others = sorted(entries - _ENTRIES)
  if others or (entries and "saved_model.pb" not in entries):
    raise InputError(
      f"{folder}: holds what is no part of a SavedModel ({listed(others or sorted(entries))}), and would be "
      "replaced as a whole; choose another --output_dir."
    )
  Outputs(folder, overwrite=overwrite).require_free(_files_in(folder))


def write_saved_model(
  segmenter: SlabSegmenter,
  organs: Sequence[str],
  output_dir: AnyPath,
  scans: ScanRanges | None = None,
  facts: Mapping[str, Any] | None = None,
) -> None:
  """Writes a SavedModel.

  Its signature `serving_default` takes volume, float32 [D, H, W] (HU; axes z, y, x in LPS order), and
  spacing_mm, float32 [3] (z, y, x), and returns labels, uint8 [D, H, W]. The signature `probabilities` takes
  the same and returns probabilities, float16 [D, H, W, K + 1]. The organs' names, that of label 1 first, are
  in assets/organs.json. Neither has a batch's axis: TensorFlow Serving's REST interface takes them in its
  columnar form, {"inputs": {"volume": ..., "spacing_mm": ...}}.

  Args:
    segmenter: of a single network; an Ensemble cannot be written.
    organs: in the order of the labels 1…K.
    output_dir: appears once it is whole; an earlier folder of the name is replaced.
    scans: the ranges of the scans in training, for assets/scans.json.
    facts: as from `facts_of`, for assets/facts.json and MODEL_CARD.md.
  Raises:
    InputError: If it cannot be written.
  """
  output_dir = pathlib.Path(output_dir)
  try:
    output_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, whole(output_dir) as unfinished:
      # Only the weights and the signatures: in a saved Keras model, every layer would be traced once more.
      module = tf.Module()
      module.weights = segmenter.network.variables
      module.organs = _asset(pathlib.Path(temporary) / _ORGANS, list(organs))
      if scans:
        module.scans = _asset(pathlib.Path(temporary) / _SCANS, scans)
      if facts:
        module.facts = _asset(pathlib.Path(temporary) / _FACTS, facts)
      signatures = {"serving_default": segmenter.labels, "probabilities": segmenter.probabilities}
      unfinished.mkdir()
      with plain_path(unfinished) as plain:
        tf.saved_model.save(module, str(plain), signatures=signatures)
      if facts:
        (unfinished / CARD).write_text(model_card(facts, SAVED_MODEL_EXAMPLE), encoding="utf-8")
      Outputs(unfinished).wrote(_files_in(unfinished))
  except (OSError, tf.errors.OpError) as error:
    raise InputError(
      f"{output_dir}: the SavedModel cannot be written ({reason(error)}); give an --output_dir on a disk "
      "with room."
    ) from None


def reason(error: Exception) -> str:
  """What the system or TensorFlow says of an error, without the names of graph nodes and unfinished files."""
  said = getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0]
  return re.sub(r"\{\{.*?\}\} ?| ?\[Op:\w+\]", "", said).split("; ")[-1][:120]


def _asset(path: pathlib.Path, content: Any) -> tf.saved_model.Asset:
  path.write_text(json.dumps(content), encoding="utf-8")
  return tf.saved_model.Asset(str(path))


def _files_in(folder: pathlib.Path) -> list[str]:
  """Relative names of all files at any depth but the record."""
  files = (file for file in folder.rglob("*") if file.is_symlink() or not file.is_dir())
  return sorted(str(file.relative_to(folder)) for file in files if file != folder / RECORD)


def open_saved_model(folder: AnyPath) -> SavedModel:
  """Loads what `write_saved_model` wrote.

  Raises:
    InputError: If the folder holds no such SavedModel, or one that is damaged or of a later version.
  """
  folder = pathlib.Path(folder)
  if not all((folder / name).is_file() for name in _NEEDED):
    raise InputError(
      f"{folder}: holds no SavedModel of this project ({', '.join(_NEEDED)}); write one by "
      "`python -m deeplab_panns.export`."
    )
  _require_whole(folder)
  _require_known_format(folder / "assets" / _FACTS)
  organs = _read_organs(folder / "assets" / _ORGANS)
  scans: ScanRanges = {}
  if (folder / "assets" / _SCANS).is_file():
    scans = require_ranges(folder / "assets" / _SCANS, _read_json(folder / "assets" / _SCANS))
  return SavedModel(SavedSegmenter(_load(folder)), organs, scans)


def _require_whole(folder: pathlib.Path) -> None:
  if not any(folder.glob("variables/*.index")) or not any(folder.glob("variables/*.data-*")):
    raise InputError(f"{folder / 'variables'}: the files of the weights are missing; {_COPY_AGAIN}.")
  for name in _files_in(folder):
    with open(folder / name, "rb") as file:
      if file.read(len(_LFS_POINTER)) == _LFS_POINTER:
        raise InputError(
          f"{folder / name}: is a pointer of Git LFS and not the file itself; fetch it by `git lfs pull`."
        )


def _require_known_format(asset: pathlib.Path) -> None:
  """Models of versions that wrote no facts have the signatures of today."""
  if not asset.is_file():
    return
  facts = _read_json(asset)
  given = facts.get("format") if isinstance(facts, dict) else None
  if not isinstance(given, int) or given > FORMAT:
    version = facts.get("version", "unknown") if isinstance(facts, dict) else "unknown"
    raise InputError(
      f"{asset}: has format {given}, and this version reads 1 to {FORMAT}; use the version that exported the "
      f"model ({version}), or export it again."
    )


def _read_organs(asset: pathlib.Path) -> tuple[str, ...]:
  organs = _read_json(asset)
  if not isinstance(organs, list) or not organs or not all(isinstance(organ, str) for organ in organs):
    raise InputError(f"{asset}: is no list of organs' names; {_COPY_AGAIN}.")
  return tuple(organs)


def _read_json(asset: pathlib.Path) -> Any:
  try:
    return json.loads(asset.read_text(encoding="utf-8"))
  except ValueError as error:
    raise InputError(f"{asset}: is damaged ({error}); {_COPY_AGAIN}.") from None


def _load(folder: pathlib.Path) -> tf.Module:
  try:
    with plain_path(folder) as plain:
      loaded = tf.saved_model.load(str(plain))
    outputs = loaded.signatures["serving_default"].structured_outputs
  except MemoryError:
    raise
  except Exception as error:  # TensorFlow checks nothing: damaged bytes raise nearly anything
    raise InputError(
      f"{folder}: the SavedModel is cut or damaged ({reason(error)}); {_COPY_AGAIN}."
    ) from None
  if "labels" not in outputs:
    raise InputError(f"{folder}: gives {listed(outputs)}, not labels; {_COPY_AGAIN}.")
  return loaded
