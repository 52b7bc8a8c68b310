"""Which processes train together, and which of them this one is."""

from __future__ import annotations

import os

import tensorflow as tf

from data.input_error import InputError

_SLURM_PORTS = 10_000, 20_000  # of which a job takes one by its number, so that two on a node do not meet


def cluster_resolver() -> tf.distribute.cluster_resolver.ClusterResolver:
  """Which workers there are, and which of them this process is: TF_CONFIG, else Slurm's variables.

  Raises:
    InputError: If neither says so, or it cannot be read.
  """
  try:
    if "TF_CONFIG" in os.environ:
      return _by_tf_config()
    if "SLURM_PROCID" in os.environ:
      return _by_slurm()
  except (ValueError, RuntimeError, TypeError, AttributeError, KeyError) as error:
    raise InputError(
      f"--strategy=multi_worker: TF_CONFIG or Slurm's variables cannot be read ({short(error)}); see "
      "experiments/cluster/."
    ) from None
  raise InputError(
    "--strategy=multi_worker: neither TF_CONFIG nor Slurm's variables name the workers; start one process a "
    "host, as in experiments/cluster/, or use --strategy=mirrored for the GPUs of one."
  )


def _by_tf_config() -> tf.distribute.cluster_resolver.ClusterResolver:
  resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
  jobs = resolver.cluster_spec().as_dict()
  mine = jobs.get(resolver.task_type)
  if not set(jobs) <= {"chief", "worker"} or mine is None or not 0 <= resolver.task_id < len(mine):
    raise ValueError(
      f"task {resolver.task_type}:{resolver.task_id} of {sorted(jobs)}; there are chief and worker"
    )
  return resolver


def _by_slurm() -> tf.distribute.cluster_resolver.ClusterResolver:
  low, high = _SLURM_PORTS
  # GPUs are left to Slurm, which shows each task its own: TensorFlow's resolver would count those of the node
  # by nvidia-smi and deal them once more, and it cannot have none.
  slurm = tf.distribute.cluster_resolver.SlurmClusterResolver(
    port_base=low + int(os.environ.get("SLURM_JOB_ID", 0)) % (high - low),
    gpus_per_node=1024,
    gpus_per_task=1,
    auto_set_gpu=False,
  )
  cluster = slurm.cluster_spec()
  task_type, task_id = slurm.get_task_info()
  return tf.distribute.cluster_resolver.SimpleClusterResolver(
    cluster,
    task_type=task_type,
    task_id=task_id,
    num_accelerators={"GPU": len(tf.config.list_physical_devices("GPU"))},
    rpc_layer="grpc",
  )


def short(error: Exception) -> str:
  """The first line of an error, for a line of ours."""
  return str(getattr(error, "message", None) or error).strip().partition("\n")[0][:90]
