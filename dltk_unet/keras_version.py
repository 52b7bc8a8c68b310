"""Both networks are written for Keras 2, which TensorFlow 2.16 and later have as tf_keras."""

from __future__ import annotations

import importlib.util
import os

# TensorFlow heeds it when tf.keras is first used.
if importlib.util.find_spec("tf_keras"):
  os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")


def require_keras_2() -> None:
  """Imports TensorFlow.

  Raises:
    ImportError: In one line, if tf.keras is Keras 3, or TensorFlow finds no Keras.
  """
  import tensorflow as tf

  try:
    version = getattr(tf.keras, "__version__", "2.")  # that of TensorFlow 2.15 does not say
  except ImportError as error:
    raise ImportError(
      f"TensorFlow {tf.__version__} finds no Keras 2: install tf_keras of the same version, as setup.py does."
    ) from error
  if not version.startswith("2."):
    raise ImportError(
      f"tf.keras is Keras {version}, and Keras 2 is needed: import dltk_unet or deeplab_panns before "
      "tf.keras is used, or set TF_USE_LEGACY_KERAS=1."
    )
