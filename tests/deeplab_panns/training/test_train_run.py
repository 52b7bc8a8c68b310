"""What `train` does around the training: the folder, refusals, the spacing, a finished run."""

import dataclasses
import shutil

import numpy as np
import pytest
import tensorflow as tf

from data.input_error import InputError
from data.stored.store import read_store
from deeplab_panns.pretrained.start import Start
from deeplab_panns.runs import trained
from deeplab_panns.runs.experiment import Stage1
from deeplab_panns.runs.run_directory import RunDirectory
from deeplab_panns.training import Intervals, assembly, train


@pytest.mark.slow
def test_a_refused_start_leaves_nothing_behind(
  tmp_path, tiny_store, tiny_experiment, with_stage2, small_network
):
  store = read_store(tiny_store)
  folder = tmp_path / "run"
  with pytest.raises(InputError, match="partial_organs"):
    train(with_stage2(partial_organs=("spleen",)), store, folder)
  assert not folder.exists()
  train(dataclasses.replace(tiny_experiment, stage1=Stage1(steps=1)), store, folder, Intervals(10, 10, 10))
  with pytest.raises(InputError, match="holds a run of other flags"):
    train(tiny_experiment, store, folder)
  assert RunDirectory(folder).settings().experiment.stage1.steps == 1


@pytest.mark.slow
def test_a_finished_run_says_so_and_stays(tmp_path, tiny_store, tiny_experiment, small_network, capsys):
  store = read_store(tiny_store)
  train(tiny_experiment, store, tmp_path, Intervals(10, 10, 10))
  before = {path: path.stat().st_mtime_ns for path in (tmp_path / "checkpoints").rglob("*")}
  capsys.readouterr()
  train(tiny_experiment, store, tmp_path, Intervals(10, 10, 10))
  assert capsys.readouterr().out.endswith("finished at step 7; nothing to do.\n")
  assert {path: path.stat().st_mtime_ns for path in (tmp_path / "checkpoints").rglob("*")} == before


@pytest.mark.slow
def test_stage_1_alone_killed_before_its_own_checkpoint_makes_it_when_it_goes_on(
  tmp_path, tiny_store, with_stage2, small_network
):
  store, alone = read_store(tiny_store), with_stage2(steps=0)
  train(alone, store, tmp_path, Intervals(10, 10, 10))
  made = {path.name for path in (tmp_path / "checkpoints" / "stage1").iterdir()}
  shutil.rmtree(tmp_path / "checkpoints" / "stage1")
  train(alone, store, tmp_path, Intervals(10, 10, 10))
  assert {path.name for path in (tmp_path / "checkpoints" / "stage1").iterdir()} == made
  assert RunDirectory(tmp_path).stage1_for(alone, store)


@pytest.mark.slow
def test_a_run_knows_the_spacing_of_a_store_that_was_resampled(
  tmp_path, tiny_store, tiny_experiment, small_network
):
  store = dataclasses.replace(read_store(tiny_store), spacing_mm=(3.0, 2.0, 2.0))
  native = dataclasses.replace(tiny_experiment, spacing_mm=(None, None, None))
  directory = train(native, store, tmp_path, Intervals(10, 10, 10))
  assert directory.settings().experiment.spacing_mm == (3.0, 2.0, 2.0)


def two_layers(experiment, class_count):
  image = tf.keras.Input([None, None, experiment.sampling.slices_per_input])
  features = tf.keras.layers.Conv2D(4, 1, name="features")(tf.keras.layers.Rescaling(1 / 255)(image))
  return tf.keras.Model(image, tf.keras.layers.Conv2D(class_count, 1, name="logits")(features))


@pytest.mark.slow
def test_a_run_starts_where_another_ended_but_for_its_logits(
  tmp_path, tiny_store, tiny_experiment, monkeypatch, capsys
):
  monkeypatch.setattr(assembly, "build_network", two_layers)
  monkeypatch.setattr(trained, "build_network", two_layers)
  store, every = read_store(tiny_store), Intervals(10, 10, 10)
  first = dataclasses.replace(tiny_experiment, stage1=Stage1(steps=1, learning_rate=0.05))
  train(first, store, tmp_path / "first", every)
  start = Start(init_from=str(tmp_path / "first"))
  at_rest = dataclasses.replace(
    tiny_experiment,
    stage1=Stage1(steps=1, learning_rate=0.0),
    stage2=dataclasses.replace(first.stage2, learning_rate=0.0),
  )
  train(at_rest, store, tmp_path / "second", every, start=start)
  said = capsys.readouterr().out
  assert f"{tmp_path / 'first'}: 2 tensors taken\n  start at random (1): logits\n" in said
  ours, theirs = (trained.open_run(tmp_path / name).segmenter.network for name in ("second", "first"))
  for ours_are, theirs_are in zip(ours.get_layer("features").weights, theirs.get_layer("features").weights):
    np.testing.assert_array_equal(ours_are, theirs_are)
  assert not np.array_equal(ours.get_layer("logits").kernel, theirs.get_layer("logits").kernel)
  assert RunDirectory(tmp_path / "second").settings().experiment.init_from.startswith("first sha256:")
  with pytest.raises(InputError, match=r"holds a run of other flags: --init_from= \(was first sha256"):
    train(at_rest, store, tmp_path / "second", every)
