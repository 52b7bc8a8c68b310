"""A training that is killed again and again ends with the bits of one that was left alone.

A process imports TensorFlow once and forks for every start; each start is killed by SIGKILL, at a moment of
chance or at one that it is waited for. What only takes time is left out: the scores of validations are made
up from the weights, and AutoGraph, which has nothing to convert in a training step, is off.
"""

import contextlib
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from data.command import EXIT_TERMINATED
from tests.conftest import ROOT

STEPS = (12, 14)
SERVER = f"""
import os, signal, sys
import numpy as np
import tensorflow as tf
from data import command
from tensorflow.python.autograph.core import ag_ctx
from data.stored.store import read_store
from deeplab_panns.training import Intervals, Resources, assembly, train, training
from deeplab_panns.training.validation import Validation
from deeplab_panns.runs.flat_settings import from_flat
from tests.deeplab_panns.training.conftest import one_convolution

class Validator:
  held_out = True
  def __init__(self, network):
    self.network = network
  def validate(self):
    score = abs(float(tf.reduce_sum(self.network.trainable_variables[0]))) % 1
    return Validation({{"liver": score}}, np.zeros([1, 2, 2, 3], np.uint8))

assembly.build_network = one_convolution
training.Validator = lambda segmenter, *_, **__: Validator(segmenter)
training.segmenter_of = lambda network, *_: network
experiment = from_flat({{
  "crop_size": 33, "scales": (1.0,), "batch_size": 4, "optimizer": "sgd", "momentum": 0.9, "mix": True,
  "stage1_steps": {STEPS[0]}, "stage2_steps": {STEPS[1]},
  "learning_rate_stage1": 0.05, "learning_rate_stage2": 0.05,
  "pseudo_label_interval": 4, "prior_examples": 16, "fold": 0, "validation_fraction": 0.4,
}})
store = read_store(sys.argv[1])
for line in sys.stdin:
  pid = os.fork()
  if not pid:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    signal.signal(signal.SIGTERM, command.interrupt)  # as data.command.run does
    try:
      with ag_ctx.ControlStatusCtx(status=ag_ctx.Status.DISABLED):
        train(experiment, store, line.strip(), Intervals(1, 1, 5), Resources(threads=1, inter_op_threads=1))
    except command.Terminated:
      os._exit(command.EXIT_TERMINATED)
    os._exit(0)
  print(pid, flush=True)
  print(os.waitpid(pid, 0)[1], flush=True)
"""


@pytest.fixture
def server(tiny_store):
  with subprocess.Popen(
    [sys.executable, "-c", SERVER, tiny_store],
    cwd=ROOT,
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  ) as process:
    yield process
    process.stdin.close()


def start(server, folder):
  """Starts a training, or goes on with it; returns its process's number."""
  server.stdin.write(f"{folder}\n")
  server.stdin.flush()
  return int(server.stdout.readline() or server.stderr.read())


def ended(server):
  """How the training that was started last has ended: its exit code, or minus the signal's number."""
  return os.waitstatus_to_exitcode(int(server.stdout.readline()))


def wait_for(pid, there):
  """Waits until something is there, or the process has ended."""
  while not there() and not pathlib.Path(f"/proc/{pid}/stat").read_text().split(") ")[1].startswith("Z"):
    time.sleep(0.0005)


def entries(folder):
  with contextlib.suppress(OSError):
    return set(os.listdir(folder))
  return set()


def variables(prefix):
  reader = tf.train.load_checkpoint(str(prefix))
  return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


@pytest.mark.slow
def test_ten_kills_at_any_moment_leave_no_trace(server, tmp_path):
  rng = random.Random(0)
  whole, killed = tmp_path / "whole", tmp_path / "killed"
  start(server, whole)
  assert ended(server) == 0, server.stderr.read()

  def writing(kind):
    return lambda: any(name.endswith(".tmp") for name in entries(killed / "checkpoints" / kind))

  def next_step():
    before = entries(killed / "checkpoints" / "last")
    return lambda: entries(killed / "checkpoints" / "last") - before

  for there in ((killed / "run.json").exists, next_step()):
    pid = start(server, killed)
    wait_for(pid, there)
    os.kill(pid, signal.SIGTERM)
    asked = time.monotonic()
    assert ended(server) == EXIT_TERMINATED and time.monotonic() - asked < 30
  # what is waited for, and the longest time from then to the kill
  begun = killed.exists
  moments = [
    (begun, 0.5),
    (writing("last"), 0.0),
    (writing("last"), 0.01),
    (writing("best"), 0.002),
  ]
  moments += [(None, 0.1)] * 2  # some steps later
  moments += [
    (writing("stage1"), 0.0),
    (writing("stage1"), 0.004),
    (lambda: entries(killed / "checkpoints/stage1"), 0.05),
  ]
  moments += [(None, 0.1)] * 2 + [(writing("last"), 0.005), (writing("best"), 0.0)]
  kills, seen = 0, []
  for there, delay in moments:
    pid = start(server, killed)
    wait_for(pid, there or next_step())
    time.sleep(rng.uniform(0, delay))
    with contextlib.suppress(ProcessLookupError):
      os.kill(pid, signal.SIGKILL)
    kills += ended(server) == -signal.SIGKILL
    seen.append(sorted(entries(killed / "checkpoints" / "last")))

  start(server, killed)
  assert ended(server) == 0, server.stderr.read()
  assert kills >= 10, seen
  for kind, step in (("last", sum(STEPS)), ("stage1", STEPS[0]), ("best", None)):
    found = {
      run: {path.stem for path in (run / "checkpoints" / kind).glob("*.index")} for run in (whole, killed)
    }
    assert found[whole] == found[killed], kind
    name = f"ckpt-{step}" if step else found[whole].pop()
    ours, theirs = (variables(run / "checkpoints" / kind / name) for run in (whole, killed))
    assert ours.keys() == theirs.keys() and len(ours) > 10
    for variable, value in ours.items():
      np.testing.assert_array_equal(value, theirs[variable], err_msg=variable)
  print(f"{kills} kills")
  assert not list(killed.rglob("*.tmp"))
