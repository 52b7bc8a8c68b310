"""Two and four replicas learn what one learns; what one process tells the others."""

import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from data.batches.share import Share
from data.input_error import InputError
from deeplab_panns.distribution.team import Team, require_even
from deeplab_panns.runs.experiment import Experiment, Stage2
from tests.conftest import ROOT, own_lines

QUIET = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}


def test_one_device_reads_the_whole_batch_and_waits_for_nobody():
  team = Team()
  assert team.dealt(lambda share: share) == Share()
  assert team.chief_first(lambda: 7) == 7
  team.wait()
  with team.scope(), pytest.raises(ZeroDivisionError):
    team.chief_first(lambda: 1 // 0)


def process_of_two(is_chief, failures_of_both):
  """A Team of two processes that has ears: `failures_of_both` are what its exchanges add up to."""
  team = Team()
  team.workers, team.is_chief, told = 2, is_chief, []
  team._total = lambda failed: told.append(failed) or failures_of_both[len(told) - 1]
  return team, told


def test_the_chief_works_first_and_then_the_others():
  for is_chief in (True, False):
    team, told = process_of_two(is_chief, [0, 0])
    assert team.chief_first(lambda told=told: len(told)) == (0 if is_chief else 1)  # exchanges before
    assert told == [False, False]


def test_where_the_chief_fails_the_others_do_not_begin():
  team, told = process_of_two(False, [1, 0])
  with pytest.raises(InputError, match="another process of this training could not begin"):
    team.chief_first(lambda: pytest.fail("began"))
  assert told == [False]
  team, told = process_of_two(True, [1, 0])
  with pytest.raises(ZeroDivisionError):
    team.chief_first(lambda: 1 // 0)
  assert told == [True]


def test_a_process_that_is_lost_is_one_line_and_only_where_there_are_several():
  lost = tf.errors.UnavailableError(None, None, "Connection reset by peer")
  team, _ = process_of_two(True, [])
  said = r"\(Connection reset.*last good checkpoint is ckpt-9"
  with pytest.raises(InputError, match=said), team.lost_workers_named(lambda: "ckpt-9"):
    raise lost
  with pytest.raises(tf.errors.UnavailableError), Team().lost_workers_named(lambda: None):
    raise lost


@pytest.mark.parametrize("replicas, nearest", [(3, 12), (8, 32), (16, 64)])
def test_batches_that_cannot_be_dealt_are_refused(replicas, nearest):
  """16 images are 12 labelled and 4 partial ones."""
  require_even(Experiment(), 4)
  with pytest.raises(InputError, match=f"to {replicas} replicas; the next size that can is") as error:
    require_even(Experiment(), replicas)
  found = int(str(error.value).rstrip(".").rpartition(" ")[2])
  require_even(Experiment(batch_size=found), replicas)
  assert found in (nearest, 24)


def test_full_supervision_deals_labelled_examples_alone():
  require_even(Experiment(stage2=Stage2(supervision="full")), 16)


@pytest.mark.slow
@pytest.mark.parametrize("kind, counts", [("2d", "2"), ("3d", "4"), ("outliers,prototypes,co_training", "2")])
def test_replicas_learn_what_one_device_learns(kind, counts):
  """PaNN's prior, an averaged teacher, alignment, mixing, dropout, momentum, unequally many ignored pixels;
  and the rivals.

  After five steps of stage 2, the moving statistics and the teacher's included."""
  result = subprocess.run(
    [sys.executable, "-m", "tests.deeplab_panns.distribution.replica_run", kind, counts],
    cwd=ROOT,
    env=QUIET,
    capture_output=True,
    text=True,
    check=False,
  )
  assert result.returncode == 0, result.stderr[-3000:]
  lines = [line.split() for line in result.stdout.splitlines()]
  assert len(lines) == 9 * len(kind.split(",")) * len(counts.split(","))
  for *what, distance in lines:
    assert float(distance) < 1e-5, what


def free_ports(count):
  sockets = [socket.socket() for _ in range(count)]
  for one in sockets:
    one.bind(("127.0.0.1", 0))
  ports = [one.getsockname()[1] for one in sockets]
  for one in sockets:
    one.close()
  return ports


def worker_variables(count):
  """TF_CONFIG of each of so many workers on this host."""
  addresses = [f"127.0.0.1:{port}" for port in free_ports(count)]
  return [
    json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})
    for index in range(count)
  ]


def start(store, run_dir, strategy, **variables):
  return subprocess.Popen(
    [sys.executable, "-m", "tests.deeplab_panns.distribution.worker_run", store, run_dir, strategy],
    cwd=ROOT,
    env={**QUIET, **variables},
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


def saved(run_dir):
  """{key: array} of a run's last checkpoint."""
  reader = tf.train.load_checkpoint(str(run_dir / "checkpoints" / "last" / "ckpt-6"))
  return {key: reader.get_tensor(key) for key in reader.get_variable_to_shape_map() if "GRAPH" not in key}


@pytest.mark.slow
def test_two_processes_learn_what_one_learns_and_the_chief_alone_writes(tiny_store, tmp_path):
  """Both stages, by the command's own path: resampling, prior, validation, checkpoints."""
  one = start(tiny_store, tmp_path / "one", "one")
  two = [
    start(tiny_store, tmp_path / "two", "multi_worker", TF_CONFIG=variable)
    for variable in worker_variables(2)
  ]
  outputs = [process.communicate(timeout=300) for process in (one, *two)]
  assert [process.returncode for process in (one, *two)] == [0, 0, 0], outputs
  assert "2 replicas by 2 processes, CPU" in outputs[1][0]
  assert (outputs[2][0], own_lines(outputs[2][1])) == ("", "")
  alone, together = saved(tmp_path / "one"), saved(tmp_path / "two")
  assert set(alone) == set(together) and any("moving_variance" in key for key in alone)
  for key, value in together.items():
    np.testing.assert_allclose(value, alone[key], rtol=1e-5, atol=1e-5, err_msg=key)
  [started] = json.loads((tmp_path / "two" / "run.json").read_text())["starts"]
  assert started["devices"]["strategy"] == "multi_worker" and started["deterministic"]
