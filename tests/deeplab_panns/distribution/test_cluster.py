"""Which workers there are by TF_CONFIG and by Slurm's variables; what cannot be read is one line."""

import json

import pytest

from data.input_error import InputError
from deeplab_panns.distribution.cluster import cluster_resolver

WORKERS = {"worker": ["a:8888", "b:8888"]}
# Of `srun` on two nodes with two tasks each, seen from the fourth task.
SLURM = {
  "SLURM_PROCID": "3",
  "SLURM_STEP_NUM_TASKS": "4",
  "SLURM_STEP_NODELIST": "node[07-08]",
  "SLURM_STEP_TASKS_PER_NODE": "2(x2)",
  "SLURM_JOB_ID": "1234567",
}


@pytest.fixture
def variables(monkeypatch):
  """Sets these, and unsets all others that name workers."""

  def change(**values):
    for name in ("TF_CONFIG", *SLURM):
      monkeypatch.delenv(name, raising=False)
    for name, value in values.items():
      monkeypatch.setenv(name, value)

  return change


def test_tf_config(variables):
  variables(TF_CONFIG=json.dumps({"cluster": WORKERS, "task": {"type": "worker", "index": 1}}))
  found = cluster_resolver()
  assert found.cluster_spec().as_dict() == WORKERS and (found.task_type, found.task_id) == ("worker", 1)


def test_slurm(variables):
  variables(**SLURM)
  found = cluster_resolver()
  # 10000 + 1234567 % 10000; the second task of a node has the next port
  assert found.cluster_spec().as_dict() == {
    "worker": ["node07:14567", "node07:14568", "node08:14567", "node08:14568"]
  }
  assert (found.task_type, found.task_id) == ("worker", 3)
  assert found.num_accelerators() == {"GPU": 0}


def test_tf_config_comes_before_slurm(variables):
  variables(TF_CONFIG=json.dumps({"cluster": WORKERS, "task": {"type": "worker", "index": 0}}), **SLURM)
  assert len(cluster_resolver().cluster_spec().as_dict()["worker"]) == 2


@pytest.mark.parametrize(
  "values",
  [
    {"TF_CONFIG": "{"},
    {"TF_CONFIG": "{}"},
    {"TF_CONFIG": json.dumps({"cluster": WORKERS, "task": {"type": "worker", "index": 2}})},
    {"TF_CONFIG": json.dumps({"cluster": {**WORKERS, "ps": ["c:1"]}, "task": {"type": "ps", "index": 0}})},
    {"SLURM_PROCID": "0"},
    {**SLURM, "SLURM_STEP_NODELIST": ""},
  ],
)
def test_what_cannot_be_read_is_one_line(variables, values):
  variables(**values)
  with pytest.raises(InputError, match="cannot be read") as error:
    cluster_resolver()
  assert "\n" not in str(error.value) and len(str(error.value)) <= 300


def test_nothing_named_is_refused(variables):
  variables()
  with pytest.raises(InputError, match="neither TF_CONFIG nor Slurm's variables"):
    cluster_resolver()
