"""experiments/cluster/: shell that parses, flags that exist, batches that can be dealt to the replicas."""

import json
import re
import shlex
import subprocess

import pytest
import yaml
from absl import flags

from deeplab_panns.config import define_flags, devices_from_flags, experiment_from_flags
from deeplab_panns.distribution.cluster import cluster_resolver
from deeplab_panns.distribution.team import require_even
from tests.conftest import ROOT

FOLDER = ROOT / "experiments" / "cluster"
REPLICAS = {"eight_gpus.sh": 8, "slurm.sbatch": 32, "kubernetes.yaml": 32, "tpu_vm.sh": 8}


def script(name):
  """The shell of an example."""
  text = (FOLDER / name).read_text(encoding="utf-8")
  return job()["spec"]["template"]["spec"]["containers"][0]["args"][0] if name == "kubernetes.yaml" else text


def job():
  service, found = yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text(encoding="utf-8"))
  assert service["metadata"]["name"] == found["spec"]["template"]["spec"]["subdomain"]
  return found


def test_all_examples_are_looked_at():
  assert {path.name for path in FOLDER.iterdir()} == set(REPLICAS)


@pytest.mark.parametrize("name", REPLICAS)
def test_the_shell_parses(name):
  subprocess.run(["bash", "-n"], input=script(name), text=True, check=True, capture_output=True)


@pytest.mark.parametrize("name, replicas", REPLICAS.items())
def test_the_flags_are_those_of_train_and_the_batch_can_be_dealt(name, replicas, monkeypatch):
  monkeypatch.chdir(ROOT)
  command = script(name).replace("\\\n", " ")
  [given] = re.findall(r"-m deeplab_panns\.train(.*)$", command.split("||")[0], re.MULTILINE)
  values = flags.FlagValues()
  define_flags(values)
  assert values(["train", *shlex.split(given)]) == ["train"]
  assert devices_from_flags(values).strategy != "one"
  require_even(experiment_from_flags(values, (None, None, None)), replicas)


def test_slurm_names_as_many_gpus_as_the_batch_is_for():
  settings = dict(re.findall(r"^#SBATCH --([a-z-]+)=(\S+)$", script("slurm.sbatch"), re.MULTILINE))
  assert int(settings["nodes"]) * int(settings["gpus-per-node"]) == REPLICAS["slurm.sbatch"]
  assert settings["ntasks-per-node"] == "1"


@pytest.mark.parametrize("index", [0, 3])
def test_each_pod_finds_itself_among_the_workers(monkeypatch, index):
  spec = job()["spec"]
  assert spec["completions"] == spec["parallelism"] == 4
  lines = script("kubernetes.yaml").partition("exec ")[0] + 'printf %s "$TF_CONFIG"'
  made = subprocess.run(
    ["bash", "-c", lines],
    env={"JOB_COMPLETION_INDEX": str(index)},
    capture_output=True,
    text=True,
    check=True,
  ).stdout
  assert len(json.loads(made)["cluster"]["worker"]) == spec["completions"]
  monkeypatch.setenv("TF_CONFIG", made)
  found = cluster_resolver()
  assert found.cluster_spec().task_address("worker", index) == f"panns-{index}.panns:8888"
  assert (found.task_type, found.task_id) == ("worker", index)
