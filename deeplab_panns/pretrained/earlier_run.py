"""A network that starts as another run's ended, for other organs: all but the logits."""

from __future__ import annotations

import tensorflow as tf

from data.input_error import InputError
from data.listed import listed
from data.whole_file import AnyPath
from deeplab_panns.pretrained.imagenet import Loaded
from deeplab_panns.runs.trained import open_run

LOGITS = "logits"  # in both networks


def load_from_run(network: tf.keras.Model, run_dir: AnyPath) -> Loaded:
  """Sets all weights but those of the layer `logits`, moving statistics included, from a run's last
  checkpoint.

  The run may have other organs, another stage, other cases and another optimizer; the network's sizes must be
  the same.

  Raises:
    InputError: If there is no such run, or its network has other layers or sizes; nothing is changed then.
  """
  theirs = open_run(run_dir).segmenter.network
  layers = {layer.name: layer.weights for layer in theirs.layers if layer.weights and layer.name != LOGITS}
  ours = {layer.name: layer.weights for layer in network.layers if layer.weights and layer.name != LOGITS}
  unlike = [
    name
    for name in sorted(set(layers) | set(ours))
    if [tuple(weight.shape) for weight in layers.get(name, ())]
    != [tuple(weight.shape) for weight in ours.get(name, ())]
  ]
  if unlike:
    raise InputError(
      f"--init_from={run_dir}: its network has {len(unlike)} layers of other sizes, or that this one lacks "
      f"({listed(unlike)}); give the network's flags as that run has them (its experiment.json)."
    )
  for name, weights in ours.items():
    for weight, value in zip(weights, layers[name]):
      weight.assign(value)
  return Loaded(str(run_dir), sum(map(len, ours.values())), (LOGITS,), (LOGITS,))
