"""python -m deeplab_panns.benchmark: what a training step, PaNN's own part of it, sliding windows and the
metrics cost here."""

from __future__ import annotations

import json
import os
import time

import tensorflow as tf
from absl import flags

from data import command
from deeplab_panns.benchmark.measures import MEASURES as OF_NETWORKS
from deeplab_panns.benchmark.measures import Setup
from deeplab_panns.benchmark.pipeline import pipeline2d, pipeline3d
from deeplab_panns.benchmark.timing import as_text, result, time_in_turns

MEASURES = {**OF_NETWORKS, "pipeline2d": pipeline2d, "pipeline3d": pipeline3d}


def define_flags() -> None:
  """Defines the command's flags."""
  flags.DEFINE_list("what", ["deeplab_step"], f"Measures, of {', '.join(MEASURES)}.")
  flags.DEFINE_integer("batch", 4, "Examples of a step; 2 is usual for unet_step.", lower_bound=1)
  flags.DEFINE_integer(
    "size",
    0,
    "Side of an example; default 129 pixels for slices, 64 voxels for patches, 160 for sliding_window's "
    "volume, 256 pixels for metrics and pipeline3d's slices, 512 for pipeline2d's.",
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
  flags.DEFINE_list("cases", ["4"], "Cases that the pipelines read from; several numbers are measured each.")
  flags.DEFINE_bool(
    "processor_time",
    False,
    "Seconds of the processor, all threads together, instead of the clock's: where other programs run.",
  )
  flags.DEFINE_bool("json", False, "Print the JSON lines alone.")


def main(_: list[str]) -> None:
  """Times what --what names, and prints a table and a JSON line for each measure."""
  args = flags.FLAGS
  unknown = [name for name in args.what if name not in MEASURES]
  if unknown or not args.what:
    raise flags.ValidationError(f"--what={','.join(args.what)}: must name measures of {', '.join(MEASURES)}")
  if not args.cases or not all(number.isdecimal() and int(number) for number in args.cases):
    raise flags.ValidationError(f"--cases={','.join(args.cases)}: must be whole numbers above 0, as 4,8,16")
  threads = args.threads or os.cpu_count() or 1
  tf.config.threading.set_intra_op_parallelism_threads(threads)
  tf.config.threading.set_inter_op_parallelism_threads(threads)
  setup = Setup(args.batch, args.size, args.backbone, args.stem, tuple(map(int, args.cases)))
  name_of_clock = "processor" if args.processor_time else "wall"
  clock = time.process_time if args.processor_time else time.perf_counter
  results = []
  for name in args.what:
    measures = MEASURES[name](setup)
    seconds = time_in_turns(measures, args.repeats, clock)
    results += [result(measure, kept, threads, name_of_clock) for measure, kept in zip(measures, seconds)]
  if not args.json:
    print(as_text(results))
  for line in results:
    print(json.dumps(line))


if __name__ == "__main__":
  define_flags()
  command.run(main)
