"""What breaks a training from outside is one line, and costs no checkpoint."""

import dataclasses
import os
import resource
import shutil

import numpy as np
import pytest
import tensorflow as tf

from data.batches.patches import PatchSampling
from data.input_error import InputError
from data.stored.store import read_store
from data.stored.unchanged import Unchanged
from deeplab_panns.runs.experiment import Experiment
from deeplab_panns.training import Intervals, assembly, train
from deeplab_panns.training.faults import Faults
from deeplab_panns.training.training import Training
from dltk_unet.unet import UNetConfig

STEP = Intervals(log=1, checkpoint=1, validation=100)


class Checkpoints:
  def latest(self):
    return "RUN/checkpoints/last/ckpt-4"


def out_of_memory():
  tf.zeros([2**46])  # 256 TiB: more than any process may address


@pytest.fixture
def own_store(tiny_store, tmp_path):
  return read_store(shutil.copytree(tiny_store, tmp_path / "store"))


@pytest.mark.slow
def test_too_little_memory_names_batch_and_crop(tiny_store):
  unchanged = Unchanged(read_store(tiny_store).cases)
  slices = Experiment(batch_size=12)
  with (
    pytest.raises(InputError, match=r"host's memory ran out at --batch_size=12 --crop_size=\d+; .*ckpt-4"),
    Faults(slices, unchanged, Checkpoints()).named(),
  ):
    out_of_memory()
  patches = Experiment(network=UNetConfig(), sampling=PatchSampling(patch_size=(64, 64, 32)), batch_size=8)
  with (
    pytest.raises(InputError, match="--batch_size=8 --patch_size=64,64,32;"),
    Faults(patches, unchanged, Checkpoints()).named(),
  ):
    out_of_memory()


def test_an_error_of_our_own_stays_an_error(tiny_store):
  faults = Faults(Experiment(), Unchanged(read_store(tiny_store).cases), Checkpoints())
  with pytest.raises(tf.errors.InvalidArgumentError), faults.named():
    tf.debugging.assert_equal(1, 2)


@pytest.mark.slow
def test_memory_that_runs_out_within_a_step_is_one_line(tmp_path, tiny_store, tiny_experiment, monkeypatch):
  def greedy(experiment, class_count):
    image = tf.keras.Input([None, None, 3])
    logits = tf.keras.layers.Conv2D(class_count, 1)(image)
    # a size that the graph cannot know before it runs
    size = tf.cast(tf.reduce_min(image) >= 0, tf.int64) * 2**46
    return tf.keras.Model(image, logits + tf.reduce_sum(tf.fill([size], 0.0)))

  monkeypatch.setattr(assembly, "build_network", greedy)
  with pytest.raises(InputError, match=r"memory ran out at --batch_size=4 --crop_size=33; .*none yet"):
    train(tiny_experiment, read_store(tiny_store), tmp_path / "run")


def after_step(monkeypatch, step, act):
  """Has something happen to the files of a run when a step is done."""
  begin = Training.__init__

  def with_act(self, *args, **settings):
    begin(self, *args, **settings)
    advance = self._display.advance

    def advance_and_act(done):
      advance(done)
      if done == step:
        act()

    self._display.advance = advance_and_act

  monkeypatch.setattr(Training, "__init__", with_act)


@pytest.mark.parametrize("change", ["vanishes", "is prepared anew"])
def test_a_store_that_changes_under_training_ends_it(
  tmp_path, own_store, tiny_experiment, small_network, monkeypatch, change
):
  def act():
    label = own_store.cases[0].folder / "label.npy"
    if change == "vanishes":
      shutil.rmtree(own_store.path)
    else:
      np.save(tmp_path / "other.npy", np.zeros(own_store.cases[0].shape, np.uint8))
      os.replace(tmp_path / "other.npy", label)

  after_step(monkeypatch, 2, act)
  said = "npy: is gone" if change == "vanishes" else "label.npy: was written to"
  with pytest.raises(InputError, match=f"{said} while it was trained on; .*ckpt-1"):
    train(tiny_experiment, own_store, tmp_path / "run", STEP)
  assert sorted(path.stem for path in (tmp_path / "run/checkpoints/last").glob("*.index")) == ["ckpt-1"]


@pytest.mark.slow
@pytest.mark.parametrize("limit, what", [(1500, "checkpoint of step 2"), (8000, "TensorBoard's events")])
def test_a_full_disk_ends_training_in_one_line_and_the_same_command_goes_on(
  tmp_path, tiny_store, tiny_experiment, small_network, monkeypatch, limit, what
):
  soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
  store, folder = read_store(tiny_store), tmp_path / "run"
  short = dataclasses.replace(tiny_experiment, stage1=dataclasses.replace(tiny_experiment.stage1, steps=20))
  intervals = dataclasses.replace(STEP, log=1 if "events" in what else 100)
  after_step(monkeypatch, 2, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard)))
  try:
    with pytest.raises(InputError, match=rf"{what}.* cannot be written .File too large") as error:
      train(short, store, folder, intervals)
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
  assert len(str(error.value)) < 300 + 2 * len(str(tmp_path))
  monkeypatch.undo()
  monkeypatch.setattr(assembly, "build_network", assembly_network())
  assert train(short, store, folder, intervals).checkpoints.exists()


def assembly_network():
  from tests.deeplab_panns.training.conftest import one_convolution

  return one_convolution


@pytest.mark.parametrize("where", ["file/run", "file"])
def test_a_run_dir_that_cannot_be_written_to_is_told(tmp_path, tiny_store, tiny_experiment, where):
  (tmp_path / "file").write_text("no folder")
  with pytest.raises((OSError, InputError), match="file"):  # data.command makes a line of either
    train(tiny_experiment, read_store(tiny_store), tmp_path / where)
  assert (tmp_path / "file").read_text() == "no folder"
