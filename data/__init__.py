"""Organs, manifests, volumes, the store, and the batches that training reads.

Imports neither `deeplab_panns` nor `dltk_unet`.
"""

import importlib.util
import os

# Before anything imports TensorFlow: a command that fails prints its own line and nothing else.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# The networks are written for Keras 2 (dltk_unet/keras_version.py): from TensorFlow 2.16 on it is tf_keras.
if importlib.util.find_spec("tf_keras"):
  os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
# TensorFlow turns oneDNN on by itself only on CPUs with neural-network instructions; on any other x86 a step
# is still some 1.4 times as fast, and dilated convolutions have their fast gradient with it alone.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
