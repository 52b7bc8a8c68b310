"""The things that the benchmark can time: training steps, sliding windows, metrics."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from data.formats.grid import spacing_of
from data.organs import BTCV_ORGANS
from data.synthetic.phantom_ct import draw_case
from deeplab_panns.benchmark.convolution_cost import multiply_accumulates
from deeplab_panns.method.dual import Duals
from deeplab_panns.method.objective import Objective
from deeplab_panns.method.panns import PaNN
from deeplab_panns.networks.deeplab_v3 import DeepLabConfig, deeplab_v3
from deeplab_panns.scores.metrics import score_organs
from deeplab_panns.segmentation.sliding_window import VolumeSegmenter, Windows, window_starts
from dltk_unet.unet import UNetConfig, unet_3d

CLASSES = 14
_PATCH = (64, 64, 64)

Examples = dict[str, tf.Tensor]
"""A part of a training batch: "image", "label", and of partial examples "annotated"."""


@dataclasses.dataclass(frozen=True)
class Setup:
  """What is measured.

  Attributes:
    batch: examples of a training step.
    size: side of an example in pixels or voxels; 0 stands for each measure's own default.
    backbone, stem: as in DeepLabConfig.
    cases: how many the input pipelines read from, each number a measure of its own.
  """

  batch: int
  size: int
  backbone: str
  stem: str
  cases: tuple[int, ...] = (4,)

  def deeplab(self) -> tf.keras.Model:
    """A new DeepLab-v3 of CLASSES classes."""
    return deeplab_v3(DeepLabConfig(CLASSES, backbone=self.backbone, stem=self.stem))


@dataclasses.dataclass(frozen=True)
class Measure:
  """One thing to time.

  Attributes:
    name: of its line in the results.
    run: does it once, to the end.
    facts: what a reader needs for a comparison: shapes, parameters, multiply-accumulates.
  """

  name: str
  run: Callable[[], object]
  facts: Mapping[str, Any]


def deeplab_step(setup: Setup) -> list[Measure]:
  """A supervised step of DeepLab-v3 at output stride 16."""
  size = setup.size or 129
  name = f"deeplab_v3 {setup.backbone} {setup.stem} step"
  return [_supervised_step(name, setup.deeplab(), _examples(setup.batch, (size, size, 3)))]


def unet_step(setup: Setup) -> list[Measure]:
  """A supervised step of the 3-D U-Net with 16, 32, 64, 128 filters and two units a scale."""
  size = setup.size or 64
  return [_supervised_step("dltk_unet3d step", _unet(), _examples(setup.batch, (size, size, size, 1)))]


def panns_overhead(setup: Setup) -> list[Measure]:
  """A step of PaNN, a quarter of the batch partial, and the supervised step of the same batch."""
  size = setup.size or 129
  network, partial_count = setup.deeplab(), max(1, setup.batch // 4)
  examples = _examples(setup.batch, (size, size, 3))
  labeled = {name: value[partial_count:] for name, value in examples.items()}
  partial = {name: value[:partial_count] for name, value in examples.items()}
  first_organ_alone = [[0.0, 1.0] + [0.0] * (CLASSES - 2)]
  partial["annotated"] = tf.constant(np.tile(first_organ_alone, (partial_count, 1)), tf.float32)
  return [
    _step("panns step", network, setup.deeplab(), {"labeled": labeled, "partial": partial}),
    _supervised_step("supervised step", network, examples),
  ]


def sliding_window(setup: Setup) -> list[Measure]:
  """A volume through the 3-D U-Net by overlapping windows, and one window alone."""
  size, network = setup.size or 160, _unet()
  segmenter = VolumeSegmenter(network, Windows(patch_size=_PATCH, spacing_mm=(None, None, None)), CLASSES)
  volume = tf.random.stateless_uniform([size] * 3, (0, 0), -125, 275)
  window = tf.random.stateless_uniform([1, *_PATCH, 1], (0, 1), 0, 255)
  forward = tf.function(lambda image: network(image, training=False))
  count = len(window_starts(size, _PATCH[0], 0.5)) ** 3
  facts = {**_facts(network, (1, *_PATCH, 1)), "volume": [size] * 3, "windows": count}
  return [
    Measure("sliding_window volume", lambda: segmenter.labels(volume, tf.ones([3]))["labels"].numpy(), facts),
    Measure("one window", lambda: forward(window).numpy(), facts),
  ]


def metrics(setup: Setup) -> list[Measure]:
  """All scores of 13 organs: a phantom patient against itself, moved by two voxels along each axis."""
  case = draw_case(0, "test", 0, setup.size or 256)
  predicted = np.roll(case.label, (2, 2, 2), (0, 1, 2))
  spacing_mm = spacing_of(case.affine)
  return [
    Measure(
      "metrics of 13 organs",
      lambda: score_organs(case.label, predicted, BTCV_ORGANS, spacing_mm),
      {"volume": list(case.label.shape)},
    )
  ]


MEASURES: Mapping[str, Callable[[Setup], list[Measure]]] = {
  "deeplab_step": deeplab_step,
  "unet_step": unet_step,
  "panns_overhead": panns_overhead,
  "sliding_window": sliding_window,
  "metrics": metrics,
}
"""By the names that --what takes; each makes one Measure, or two that are to be compared."""


def _unet() -> tf.keras.Model:
  return unet_3d(UNetConfig(CLASSES, units=2))


def _examples(batch: int, shape: tuple[int, ...]) -> Examples:
  """Random images [batch, *shape] in [0, 255] and labels [batch, *shape[:-1]] below CLASSES."""
  labels = tf.random.stateless_uniform([batch, *shape[:-1]], (0, 1), 0, CLASSES, tf.int32)
  return {
    "image": tf.random.stateless_uniform([batch, *shape], (0, 0), 0, 255),
    "label": tf.cast(labels, tf.uint8),
  }


def _supervised_step(name: str, network: tf.keras.Model, examples: Examples) -> Measure:
  return _step(name, network, tf.keras.Sequential(), {"labeled": examples})  # it never calls its teacher


def _step(
  name: str, network: tf.keras.Model, teacher: tf.keras.Model, batch: Mapping[str, Examples]
) -> Measure:
  panns = PaNN(network, teacher, Duals(np.full(CLASSES, 1 / CLASSES)), Objective(), seed=0)
  optimizer = tf.keras.optimizers.SGD(1e-4, momentum=0.9)
  optimizer.build(network.trainable_variables)
  panns.compile(optimizer=optimizer)
  step = tf.function(panns.train_step)
  count = sum(len(part["image"]) for part in batch.values())
  facts = _facts(network, (count, *batch["labeled"]["image"].shape[1:]))
  return Measure(name, lambda: step(batch)["loss"].numpy(), facts)


def _facts(network: tf.keras.Model, shape: tuple[int, ...]) -> dict[str, Any]:
  return {
    "input": list(shape),
    "parameters": int(sum(np.prod(weight.shape) for weight in network.trainable_variables)),
    "multiply_accumulates": multiply_accumulates(network, shape),
  }
