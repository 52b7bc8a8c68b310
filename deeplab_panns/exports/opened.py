"""An exported model of either format, opened for prediction; TensorFlow is imported only where needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.whole_file import AnyPath
from deeplab_panns.portable.onnx_model import OnnxModel, is_onnx, open_onnx

if TYPE_CHECKING:
  from deeplab_panns.exports.saved_model import SavedModel


def open_exported(path: AnyPath) -> SavedModel | OnnxModel:
  """Opens an ONNX file, its folder, or a SavedModel.

  Raises:
    InputError: If there is none, or it is damaged.
  """
  if is_onnx(path):
    return open_onnx(path)
  from deeplab_panns.exports.saved_model import open_saved_model  # imports TensorFlow

  return open_saved_model(path)
