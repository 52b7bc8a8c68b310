"""Organs, manifests, volumes, the store, and the batches that training reads.

Imports neither `deeplab_panns` nor `dltk_unet`.
"""
import os
import warnings

# Before anything imports TensorFlow: a command that fails prints its own line and nothing else.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# tensorflow-addons announces its end of life at every import; setup.py pins the version that works.
warnings.filterwarnings("ignore", message=r"(?s).*TensorFlow Addons.*")
