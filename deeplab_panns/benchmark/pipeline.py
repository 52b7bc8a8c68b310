"""Training batches from cases on disk: what the input pipeline makes a second, without a network."""

from __future__ import annotations

import pathlib
import tempfile
import time

import numpy as np

from data.batches.patches import PatchSampling
from data.batches.pipeline import Batches, BatchPlan
from data.batches.slices import SliceSampling
from data.organs import BTCV_ORGANS
from data.stored.splits import Splits
from data.stored.store import Store, StoredCase
from deeplab_panns.benchmark.measures import Measure, Setup

DEPTH = 64  # slices of a case, at least as many as a patch is deep
STEPS = 40  # batches of one repetition
_CROP = 321


def pipeline2d(setup: Setup) -> list[Measure]:
  """Crops of 321 pixels with 3 neighbouring slices as channels, from slices of `size` pixels (512)."""
  size = setup.size or 512
  plan = BatchPlan(SliceSampling(crop_size=min(_CROP, size)), setup.batch)
  return [_measure("pipeline2d", size, cases, plan) for cases in setup.cases]


def pipeline3d(setup: Setup) -> list[Measure]:
  """Patches of 64 voxels a side, half of them around organs, from slices of `size` pixels (256)."""
  size = setup.size or 256
  return [
    _measure("pipeline3d", size, cases, BatchPlan(PatchSampling(), setup.batch)) for cases in setup.cases
  ]


def _measure(name: str, size: int, count: int, plan: BatchPlan) -> Measure:
  folder = tempfile.TemporaryDirectory(prefix="panns-benchmark-")  # removed when the measure is
  cases = tuple(_noise_case(pathlib.Path(folder.name) / str(seed), size, seed) for seed in range(count))
  store = Store(pathlib.Path(folder.name), BTCV_ORGANS, cases, (None, None, None))
  begun = time.process_time()
  batches = iter(Batches(store, Splits(cases, (), (), ()), plan).labeled(0, 2**40))
  next(batches)
  start = time.process_time() - begun  # looks into every case

  def run() -> int:
    assert folder.name
    return sum(len(next(batches)["labeled"]["label"]) for _ in range(STEPS))

  facts = {"examples": STEPS * plan.batch_size, "slice": [size, size], "cases": count}
  return Measure(f"{name} {count} cases", run, {**facts, "start_processor_s": start})


def _noise_case(folder: pathlib.Path, size: int, seed: int) -> StoredCase:
  """A case of noise, with labels in blocks of 8 x 8 pixels. Times do not depend on what is seen."""
  rng = np.random.default_rng(seed)
  shape = (DEPTH, size, size)
  blocks = rng.integers(0, 1 + len(BTCV_ORGANS), (DEPTH, -(-size // 8), -(-size // 8)), np.uint8)
  folder.mkdir()
  np.save(folder / "image.npy", rng.integers(0, 256, shape, np.uint8))
  np.save(folder / "label.npy", blocks.repeat(8, 1).repeat(8, 2)[:, :size, :size])
  return StoredCase(folder, folder.name, BTCV_ORGANS, None, (1.0, 1.0, 1.0), np.eye(4), shape, {}, {})
