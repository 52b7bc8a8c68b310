"""Trained networks as SavedModels, which need TensorFlow alone: written, and opened again."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import tempfile
from collections.abc import Sequence

import tensorflow as tf

from data.input_error import InputError
from data.whole_file import AnyPath, whole
from deeplab_panns.segmentation.slabs import SlabSegmenter

_ORGANS = "organs.json"


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
  """

  segmenter: SavedSegmenter
  organs: tuple[str, ...]


def write_saved_model(segmenter: SlabSegmenter, organs: Sequence[str], output_dir: AnyPath) -> None:
  """Writes a SavedModel.

  Its signature `serving_default` takes volume, float32 [D, H, W] (HU; axes z, y, x in LPS order), and
  spacing_mm, float32 [3] (z, y, x), and returns labels, uint8 [D, H, W]. The signature `probabilities` takes
  the same and returns probabilities, float16 [D, H, W, K + 1]. The organs' names, that of label 1 first, are
  in assets/organs.json.

  Args:
    segmenter: of a single network; an Ensemble cannot be written.
    organs: in the order of the labels 1…K.
    output_dir: appears once it is whole; an earlier folder of the name is replaced.
  """
  output_dir = pathlib.Path(output_dir)
  output_dir.parent.mkdir(parents=True, exist_ok=True)
  with tempfile.TemporaryDirectory() as temporary, whole(output_dir) as unfinished:
    asset = pathlib.Path(temporary) / _ORGANS
    asset.write_text(json.dumps(list(organs)), encoding="utf-8")
    # Only the weights and the signatures: in a saved Keras model, every layer would be traced once more.
    module = tf.Module()
    module.weights = segmenter.network.variables
    module.organs = tf.saved_model.Asset(str(asset))
    signatures = {"serving_default": segmenter.labels, "probabilities": segmenter.probabilities}
    tf.saved_model.save(module, str(unfinished), signatures=signatures)


def open_saved_model(folder: AnyPath) -> SavedModel:
  """Loads what `write_saved_model` wrote.

  Raises:
    InputError: If the folder holds no such SavedModel.
  """
  folder = pathlib.Path(folder)
  asset = folder / "assets" / _ORGANS
  if not asset.is_file() or not (folder / "saved_model.pb").is_file():
    raise InputError(
      f"{folder}: holds no SavedModel of this project (saved_model.pb, assets/{_ORGANS}); write one by "
      "`python -m deeplab_panns.export`."
    )
  organs = tuple(json.loads(asset.read_text(encoding="utf-8")))
  return SavedModel(SavedSegmenter(tf.saved_model.load(str(folder))), organs)
