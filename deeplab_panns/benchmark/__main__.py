"""python -m deeplab_panns.benchmark: what a training step, PaNN's own part of it, sliding windows and the
metrics cost here."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import math
import os
import statistics
import time

import numpy as np
import tensorflow as tf
from absl import flags

from data import command
from data.formats.grid import spacing_of
from data.organs import BTCV_ORGANS
from data.synthetic.phantom_ct import draw_case
from deeplab_panns.method.dual import Duals
from deeplab_panns.method.objective import Objective
from deeplab_panns.method.panns import PaNN
from deeplab_panns.networks.deeplab_v3 import DeepLabConfig, deeplab_v3
from deeplab_panns.scores.metrics import score_organs
from deeplab_panns.segmentation.sliding_window import VolumeSegmenter, Windows, window_starts
from dltk_unet.unet import UNetConfig, unet_3d

CLASSES = 14
MEASURES = ("deeplab_step", "unet_step", "panns_overhead", "sliding_window", "metrics")


def define_flags():
  flags.DEFINE_list("what", ["deeplab_step"], f"Measures, of {', '.join(MEASURES)}.")
  flags.DEFINE_integer("batch", 4, "Examples of a step; 2 is usual for unet_step.", lower_bound=1)
  flags.DEFINE_integer(
    "size",
    0,
    "Side of an example; default 129 pixels for slices, 64 voxels for patches, 160 for sliding_window's "
    "volume, "
    "256 pixels for metrics.",
    lower_bound=0,
  )
  flags.DEFINE_enum("backbone", "resnet50", ["resnet50", "resnet101", "resnet_small"], "Trunk of DeepLab-v3.")
  flags.DEFINE_enum("stem", "beta", ["beta", "plain"], "Its first layers.")
  flags.DEFINE_integer(
    "repeats",
    9,
    "Timed repetitions, after two that are not; those of different measures take turns.",
    lower_bound=3,
  )
  flags.DEFINE_integer("threads", 0, "Threads within an operation; 0: one per core.", lower_bound=0)
  flags.DEFINE_bool("json", False, "Print the JSON lines alone.")


@dataclasses.dataclass(frozen=True)
class Setup:
  """What is measured on. `size` 0 stands for the measure's own default."""

  batch: int
  size: int
  backbone: str
  stem: str

  def deeplab(self):
    return deeplab_v3(DeepLabConfig(CLASSES, backbone=self.backbone, stem=self.stem))


@dataclasses.dataclass(frozen=True)
class Measure:
  """One thing to time.

  Attributes:
    name: of the line.
    run: does it once, to the end.
    facts: shapes, parameters, multiply-accumulates: what a reader needs to compare.
  """

  name: str
  run: object
  facts: dict


def multiply_accumulates(network, shape):
  """Of the convolutions in one forward pass of `network` on an input of `shape`, as the graph computes
  them."""
  graph = (
    tf.function(lambda image: network(image, training=False))
    .get_concrete_function(tf.TensorSpec(shape, tf.float32))
    .graph
  )
  graphs = [graph, *(function.graph for function in graph._functions.values() if hasattr(function, "graph"))]  # pylint: disable=protected-access
  total = 0
  for operation in (operation for one in graphs for operation in one.get_operations()):
    if operation.type in ("Conv2D", "Conv3D"):
      kernel = operation.inputs[1].shape.as_list()
      total += math.prod(operation.outputs[0].shape.as_list()) * math.prod(kernel[:-1])
  return total


def deeplab_step(setup):
  """A supervised step of DeepLab-v3 at output stride 16."""
  size = setup.size or 129
  return [
    _step(
      f"deeplab_v3 {setup.backbone} {setup.stem} step",
      setup.deeplab(),
      None,
      _examples(setup.batch, (size, size, 3)),
      None,
    )
  ]


def unet_step(setup):
  """A supervised step of the 3-D U-Net with 16, 32, 64, 128 filters and two units a scale."""
  size = setup.size or 64
  network = unet_3d(UNetConfig(CLASSES, units=2))
  return [_step("dltk_unet3d step", network, None, _examples(setup.batch, (size, size, size, 1)), None)]


def panns_overhead(setup):
  """A step of PaNN, a quarter of the batch partial, and the supervised step of the same batch."""
  size = setup.size or 129
  network, partial = setup.deeplab(), max(1, setup.batch // 4)
  examples = _examples(setup.batch, (size, size, 3))
  labeled = {name: value[partial:] for name, value in examples.items()}
  rest = {name: value[:partial] for name, value in examples.items()}
  rest["annotated"] = tf.constant(np.tile([[0.0, 1.0] + [0.0] * (CLASSES - 2)], (partial, 1)), tf.float32)
  return [
    _step("panns step", network, setup.deeplab(), labeled, rest),
    _step("supervised step", network, None, examples, None),
  ]


def sliding_window(setup):
  """A volume through the 3-D U-Net by windows, and one window alone."""
  size, patch = setup.size or 160, (64, 64, 64)
  network = unet_3d(UNetConfig(CLASSES, units=2))
  segmenter = VolumeSegmenter(network, Windows(patch_size=patch, spacing_mm=(None, None, None)), CLASSES)
  volume = tf.random.stateless_uniform([size] * 3, (0, 0), -125, 275)
  window = tf.random.stateless_uniform([1, *patch, 1], (0, 1), 0, 255)
  forward = tf.function(lambda image: network(image, training=False))
  count = len(window_starts(size, patch[0], 0.5)) ** 3
  facts = {**_facts(network, (1, *patch, 1)), "volume": [size] * 3, "windows": count}
  return [
    Measure("sliding_window volume", lambda: segmenter.labels(volume, tf.ones([3]))["labels"].numpy(), facts),
    Measure("one window", lambda: forward(window).numpy(), facts),
  ]


def metrics(setup):
  """All scores of 13 organs: a phantom patient against itself, moved by two voxels along each axis."""
  size = setup.size or 256
  _, reference, affine = draw_case(0, "test", 0, size)
  predicted = np.roll(reference, (2, 2, 2), (0, 1, 2))
  spacing_mm = spacing_of(affine)
  return [
    Measure(
      "metrics of 13 organs",
      lambda: score_organs(reference, predicted, BTCV_ORGANS, spacing_mm),
      {"volume": list(reference.shape)},
    )
  ]


def _examples(batch, shape):
  return {
    "image": tf.random.stateless_uniform([batch, *shape], (0, 0), 0, 255),
    "label": tf.cast(
      tf.random.stateless_uniform([batch, *shape[:-1]], (0, 1), 0, CLASSES, tf.int32), tf.uint8
    ),
  }


def _step(name, network, teacher, labeled, partial):
  panns = PaNN(
    network,
    teacher or tf.keras.Sequential(),
    Duals(np.full(CLASSES, 1 / CLASSES)),
    Objective(),
    seed=0,
  )
  optimizer = tf.keras.optimizers.SGD(1e-4, momentum=0.9)
  optimizer.build(network.trainable_variables)
  panns.compile(optimizer=optimizer)
  batch = {"labeled": labeled} if partial is None else {"labeled": labeled, "partial": partial}
  step = tf.function(panns.train_step)
  count = sum(len(part["image"]) for part in batch.values())
  return Measure(
    name, lambda: step(batch)["loss"].numpy(), _facts(network, (count, *labeled["image"].shape[1:]))
  )


def _facts(network, shape):
  return {
    "input": list(shape),
    "parameters": int(sum(np.prod(weight.shape) for weight in network.trainable_variables)),
    "multiply_accumulates": multiply_accumulates(network, shape),
  }


def time_in_turns(measures, repeats):
  """Seconds of each measure, `repeats` of them, in turns so that the machine's moods strike all alike."""
  seconds: list[list[float]] = [[] for _ in measures]
  for turn in range(repeats + 2):
    for measure, kept in zip(measures, seconds):
      begun = time.perf_counter()
      measure.run()
      if turn >= 2:
        kept.append(time.perf_counter() - begun)
  return seconds


def result(measure, seconds, threads):
  """The JSON line of a measure: minimum, median and spread in seconds, and what they are of."""
  versions = {name: importlib.metadata.version(name) for name in ("tensorflow", "numpy")}
  macs = measure.facts.get("multiply_accumulates")
  return {
    "measure": measure.name,
    "minimum_s": min(seconds),
    "median_s": statistics.median(seconds),
    "spread_s": max(seconds) - min(seconds),
    "repeats": len(seconds),
    **measure.facts,
    **({"seconds_per_forward_gmac": min(seconds) / macs * 1e9} if macs else {}),
    "threads": threads,
    **versions,
  }


def ratios(results):
  """What two measures together say, as lines of text."""
  by_name = {line["measure"]: line for line in results}
  lines = []
  if "panns step" in by_name:
    lines.append(
      "panns step / supervised step: "
      f"{by_name['panns step']['minimum_s'] / by_name['supervised step']['minimum_s']:.3f} (minima)"
    )
  if "one window" in by_name:
    total, alone = by_name["sliding_window volume"], by_name["one window"]
    own = 1 - total["windows"] * alone["minimum_s"] / total["minimum_s"]
    lines.append(f"windowing: {100 * own:.1f} % of the time of {total['windows']} windows (minima)")
  return lines


def measures_of(name, setup):
  """The Measures that --what=`name` asks for."""
  if name == "deeplab_step":
    return deeplab_step(setup)
  if name == "unet_step":
    return unet_step(setup)
  if name == "metrics":
    return metrics(setup)
  return panns_overhead(setup) if name == "panns_overhead" else sliding_window(setup)


def print_table(results):
  print(f"{'measure':<34} {'minimum s':>10} {'median s':>10} {'spread s':>10} {'parameters':>12} {'GMAC':>8}")
  for line in results:
    of_network = (
      f"{line['parameters']:>12,} {line['multiply_accumulates'] / 1e9:>8.2f}"
      if "parameters" in line
      else f"{'-':>12} {'-':>8}"
    )
    print(
      f"{line['measure']:<34} {line['minimum_s']:>10.4f} {line['median_s']:>10.4f} {line['spread_s']:>10.4f} "
      f"{of_network}"
    )
  for text in ratios(results):
    print(text)


def main(_):
  args = flags.FLAGS
  unknown = [name for name in args.what if name not in MEASURES]
  if unknown or not args.what:
    raise flags.ValidationError(f"--what={','.join(args.what)}: must name measures of {', '.join(MEASURES)}")
  threads = args.threads or os.cpu_count()
  tf.config.threading.set_intra_op_parallelism_threads(threads)
  tf.config.threading.set_inter_op_parallelism_threads(threads)
  setup = Setup(args.batch, args.size, args.backbone, args.stem)
  results = []
  for name in args.what:
    measures = measures_of(name, setup)
    results += [
      result(measure, seconds, threads)
      for measure, seconds in zip(measures, time_in_turns(measures, args.repeats))
    ]
  if not args.json:
    print_table(results)
  for line in results:
    print(json.dumps(line))


if __name__ == "__main__":
  define_flags()
  command.run(main)
