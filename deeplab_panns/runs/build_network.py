"""An experiment's network."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from deeplab_panns.networks.deeplab_v3 import deeplab_v3
from deeplab_panns.runs.experiment import Experiment
from dltk_unet.unet import UNetConfig, unet_3d


def build_network(experiment: Experiment, class_count: int) -> tf.keras.Model:
  """Builds the network of an experiment: images in [0, 255] → logits.

  Args:
    class_count: K + 1, background included.
  """
  network = dataclasses.replace(experiment.network, classes=class_count)
  return unet_3d(network) if isinstance(network, UNetConfig) else deeplab_v3(network)
