"""The memory of a training does not grow with its steps."""

import resource

import pytest
import tensorflow as tf

from data.stored.store import read_store
from deeplab_panns.training import Intervals, train
from deeplab_panns.training.training import Training

PAGE = resource.getpagesize()
WARM, STEPS, MOST_MB = 200, 2000, 50


def resident_mb():
  with open("/proc/self/statm", encoding="utf-8") as file:
    return int(file.read().split()[1]) * PAGE / 1e6


@pytest.mark.slow
def test_2000_steps_take_less_than_50_mb(tmp_path, tiny_store, with_stage2, small_network, monkeypatch):
  """Scalars every 20 steps, checkpoints every 200; both stages, and a teacher that is refreshed."""
  seen = {}
  fit = Training._fit

  def fit_and_look(self, *args, **settings):
    advance = self._display.advance

    def look(step):
      advance(step)
      if step in (WARM, WARM + STEPS):
        seen[step] = resident_mb()

    self._display.advance = look
    fit(self, *args, **settings)

  monkeypatch.setattr(Training, "_fit", fit_and_look)
  experiment = with_stage2(steps=WARM + STEPS - 3, pseudo_label_interval=100, learning_rate=0.001)
  assert experiment.stage1.steps == 3
  train(experiment, read_store(tiny_store), tmp_path, Intervals(20, 200, 10**6))
  grown = seen[WARM + STEPS] - seen[WARM]
  print(f"{grown:.1f} MB in {STEPS} steps, of {seen[WARM]:.0f} MB; TensorFlow {tf.__version__}")
  assert grown < MOST_MB
