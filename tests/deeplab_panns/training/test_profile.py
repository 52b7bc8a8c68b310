"""Which steps are profiled."""

import pytest
import tensorflow as tf

from deeplab_panns.training.profile import Profile


@pytest.fixture
def recorded(monkeypatch):
  calls = []
  monkeypatch.setattr(tf.profiler.experimental, "start", lambda folder: calls.append("start"))
  monkeypatch.setattr(tf.profiler.experimental, "stop", lambda: calls.append("stop"))
  return calls


def fit(profile, first, last, recorded):
  profile.from_step(first)
  for batch in range(last - first):
    profile.on_train_batch_begin(batch)
    recorded.append(first + batch + 1)
    profile.on_train_batch_end(batch)
  profile.on_train_end()


def test_from_the_first_to_the_last_whatever_step_a_fit_begins_with(tmp_path, recorded):
  fit(Profile(tmp_path, (4, 5)), 2, 7, recorded)
  assert recorded == [3, "start", 4, 5, "stop", 6, 7]


def test_the_end_of_a_stage_ends_it(tmp_path, recorded):
  profile = Profile(tmp_path, (2, 5))
  fit(profile, 0, 3, recorded)
  fit(profile, 3, 6, recorded)
  assert recorded == [1, "start", 2, 3, "stop", 4, 5, 6]


def test_steps_that_are_done_are_not_profiled(tmp_path, recorded):
  fit(Profile(tmp_path, (2, 3)), 4, 6, recorded)
  assert recorded == [5, 6]


def test_tensorboard_finds_it(tmp_path):
  profile = Profile(tmp_path, (1, 1))
  profile.from_step(0)
  profile.on_train_batch_begin(0)
  tf.reduce_sum(tf.ones([100, 100]))
  profile.on_train_batch_end(0)
  (trace,) = (tmp_path / "plugins" / "profile").glob("*/*.xplane.pb")
  assert trace.stat().st_size > 100
