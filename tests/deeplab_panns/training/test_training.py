"""The loop over both stages, by a network of one convolution: resumed runs have the bits of whole ones."""

import dataclasses

import numpy as np
import pytest

from data.input_error import InputError
from data.stored.store import read_store
from deeplab_panns.runs.experiment import Stage1
from deeplab_panns.runs.run_directory import RunDirectory
from deeplab_panns.training import Intervals
from deeplab_panns.training.interruption import Interruption
from deeplab_panns.training.training import TeacherRefresh, Training


def begin(folder, experiment, store_dir, intervals=Intervals(1, 2, 100)):  # noqa: B008 - frozen
  import tensorflow as tf

  tf.keras.utils.set_random_seed(experiment.seed)
  directory = RunDirectory(folder)
  store = read_store(store_dir)
  directory.open_for_training(experiment, store)
  return Training(directory, experiment, store, intervals, Interruption())


def weights(training):
  return [variable.numpy() for variable in training.panns.network.variables]


def test_trains_both_stages_and_saves_the_end(tmp_path, tiny_store, tiny_experiment, small_network, capsys):
  training = begin(tmp_path, tiny_experiment, tiny_store)
  first = weights(training)
  training.run()
  assert training.step == 7
  assert any(np.any(ours != theirs) for ours, theirs in zip(first, weights(training)))
  checkpoints = {path.name for path in (tmp_path / "checkpoints").iterdir()}
  assert {"last", "stage1"} <= checkpoints
  lines = capsys.readouterr().out.splitlines()
  assert [line.split()[2] for line in lines] == [str(step) for step in range(1, 8)]
  assert "J_P" not in lines[2] and "J_P" in lines[3]


@pytest.mark.slow
@pytest.mark.parametrize(
  "objective",
  [
    {},
    {"teacher_decay": 0.5, "pseudo_labels": "aligned"},
    {"teacher_decay": 0.5, "pseudo_labels": "aligned", "anchored_prior": True, "atlas_weight": 0.5},
    {"feature_rule": "outliers"},
    {"feature_rule": "prototypes", "mix": True},
    {"co_training": True, "teacher_decay": 0.5},
  ],
  ids=["paper", "beyond", "placed", "outliers", "prototypes", "co_training"],
)
def test_a_resumed_run_has_the_bits_of_a_whole_one(
  tmp_path, tiny_store, with_stage2, tiny_experiment, small_network, objective
):
  co_training = objective.pop("co_training", False)
  experiment = with_stage2(objective=dataclasses.replace(tiny_experiment.stage2.objective, **objective))
  experiment = dataclasses.replace(experiment, co_training=co_training)
  whole = begin(tmp_path / "whole", experiment, tiny_store)
  whole.run()
  interrupted = begin(tmp_path / "parts", experiment, tiny_store)
  interrupted._progress._intervals = Intervals(1, 5, 100)
  with pytest.raises(KeyboardInterrupt):
    stop_after(interrupted, 6)
    interrupted.run()
  again = begin(tmp_path / "parts", experiment, tiny_store)
  assert again.resume() == 5
  again.run()
  for ours, theirs in zip(weights(whole), weights(again)):
    np.testing.assert_array_equal(ours, theirs)
  for ours, theirs in zip(whole.panns.duals.variables, again.panns.duals.variables):
    np.testing.assert_array_equal(ours, theirs)
  for ours, theirs in zip(whole.panns.alignment.variables, again.panns.alignment.variables):
    np.testing.assert_array_equal(ours, theirs)
  if whole.panns.feature_rule:
    for ours, theirs in zip(whole.panns.feature_rule.variables, again.panns.feature_rule.variables):
      np.testing.assert_array_equal(ours, theirs)
  if co_training:
    for ours, theirs in zip(whole.panns.peer.network.variables, again.panns.peer.network.variables):
      np.testing.assert_array_equal(ours, theirs)


def stop_after(training, last_step):
  """Has the run interrupted after a step, as Ctrl-C would."""
  progress, end_of_step = training._progress, training._progress.on_train_batch_end

  def interrupt(batch, logs=None):
    end_of_step(batch, logs)
    if progress._first + batch + 1 == last_step:
      raise KeyboardInterrupt

  progress.on_train_batch_end = interrupt


@pytest.mark.slow
def test_stage_1_of_another_run_is_where_it_starts(
  tmp_path, tiny_store, tiny_experiment, with_stage2, small_network
):
  first = begin(tmp_path / "full", with_stage2(supervision="full", steps=0), tiny_store)
  first.run()
  store = read_store(tiny_store)
  checkpoints = RunDirectory(tmp_path / "full").stage1_for(tiny_experiment, store)
  second = begin(tmp_path / "panns", tiny_experiment, tiny_store)
  assert second.resume(checkpoints) == 3
  for ours, theirs in zip(weights(first), weights(second)):
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_another_stage_1_is_refused(tmp_path, tiny_store, tiny_experiment, with_stage2, small_network):
  begin(tmp_path / "full", with_stage2(supervision="full", steps=0), tiny_store).run()
  other = dataclasses.replace(tiny_experiment, stage1=Stage1(steps=3, learning_rate=0.01))
  with pytest.raises(InputError, match=r"its stage 1 is another: --learning_rate_stage1=0.01 \(was 0.05\)"):
    RunDirectory(tmp_path / "full").stage1_for(other, read_store(tiny_store))


def test_describes_its_cases_and_warns_of_nothing_that_is_right(
  tmp_path, tiny_store, with_stage2, small_network
):
  training = begin(tmp_path, with_stage2(supervision="partial"), tiny_store)
  assert training.describe() == "3 labelled and 2 partial cases, 0 for validation, 1 held out as test"
  assert training.warnings() == []


def test_says_which_partial_cases_have_no_anchor(
  tmp_path, tiny_store, with_stage2, tiny_experiment, small_network, monkeypatch
):
  placed = dataclasses.replace(tiny_experiment.stage2.objective, anchored_prior=True)
  training = begin(tmp_path, with_stage2(objective=placed), tiny_store)
  assert training.warnings() == []
  lost = training._splits.partial[0].id
  del training._batches._atlas.anchors_mm[lost]
  assert training.warnings() == [
    f"1 of 2 partial cases ({lost}) show too little of what they annotate for an anchor; the prior does not "
    "count them."
  ]


def test_the_teacher_is_refreshed_every_interval_and_not_at_the_start():
  class Counted:
    refreshed = 0

    def refresh_teacher(self):
      self.refreshed += 1

  for steps_done, expected in ((0, [0, 0, 0, 1, 1, 1, 2]), (2, [0, 1, 1, 1, 2, 2, 2])):
    panns = Counted()
    callback = TeacherRefresh(panns, 3, steps_done)
    seen = []
    for batch in range(7):
      callback.on_train_batch_begin(batch)
      seen.append(panns.refreshed)
    assert seen == expected
