"""What a run trains on, as its flags say it, and the replicas found there."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from data.allowed import require_choice, require_range
from data.input_error import InputError
from deeplab_panns.distribution.cluster import cluster_resolver, short
from deeplab_panns.distribution.team import Team

STRATEGIES = ("one", "mirrored", "multi_worker", "tpu")


@dataclasses.dataclass(frozen=True)
class Devices:
  """What a run trains on.

  Attributes:
    strategy: one of STRATEGIES: one device; all GPUs of this host; all GPUs of the hosts that TF_CONFIG or
      Slurm name, one process each; a TPU.
    cpu_replicas: for mirrored without a GPU, to try it out: so many replicas on the CPU; 0: one.
    tpu, tpu_zone, tpu_project: as TensorFlow's TPUClusterResolver takes them; "local" on a TPU VM.
  Raises:
    ValueError: Beginning with "<setting>=<value>: ", if a setting is not allowed.
  """

  strategy: str = "one"
  cpu_replicas: int = 0
  tpu: str = "local"
  tpu_zone: str | None = None
  tpu_project: str | None = None

  def __post_init__(self) -> None:
    require_choice("strategy", self.strategy, STRATEGIES)
    require_range("cpu_replicas", self.cpu_replicas, 0, 64)
    if self.cpu_replicas and self.strategy != "mirrored":
      raise ValueError(f"cpu_replicas={self.cpu_replicas}: is for --strategy=mirrored")


def make_team(devices: Devices) -> Team:
  """Finds the replicas. Must come before TensorFlow's first operation.

  Raises:
    InputError: If they cannot be found.
  """
  if devices.strategy == "one":
    return Team()
  if devices.strategy == "mirrored":
    return Team(tf.distribute.MirroredStrategy(_local_devices(devices.cpu_replicas)))
  if devices.strategy == "tpu":
    return Team(_tpu_strategy(devices))
  resolver = cluster_resolver()
  try:
    return Team(tf.distribute.MultiWorkerMirroredStrategy(resolver))
  except (RuntimeError, ValueError, tf.errors.OpError) as error:
    raise InputError(f"--strategy=multi_worker: the workers do not come together ({short(error)}).") from None


def _local_devices(cpu_replicas: int) -> list[str]:
  gpus = tf.config.list_physical_devices("GPU")
  if gpus and cpu_replicas:
    raise InputError(
      f"--cpu_replicas={cpu_replicas}: is for hosts without a GPU, and this one has {len(gpus)}; leave it "
      "out, or hide the GPUs by CUDA_VISIBLE_DEVICES=-1."
    )
  if gpus:
    return [device.name for device in tf.config.list_logical_devices("GPU")]
  count = cpu_replicas or 1
  try:
    tf.config.set_logical_device_configuration(
      tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * count
    )
  except RuntimeError:
    raise InputError(
      f"--cpu_replicas={count}: TensorFlow runs already in this process; train in a process of its own."
    ) from None
  return [f"CPU:{number}" for number in range(count)]


def _tpu_strategy(devices: Devices) -> tf.distribute.Strategy:
  try:
    resolver = tf.distribute.cluster_resolver.TPUClusterResolver(
      devices.tpu, zone=devices.tpu_zone, project=devices.tpu_project
    )
    if devices.tpu != "local":
      tf.config.experimental_connect_to_cluster(resolver)
    tf.tpu.experimental.initialize_tpu_system(resolver)
    return tf.distribute.TPUStrategy(resolver)
  except (ValueError, RuntimeError, ImportError, tf.errors.OpError) as error:
    raise InputError(
      f"--strategy=tpu: no TPU answers at --tpu={devices.tpu} ({short(error)}); run on a TPU VM, with the "
      "tensorflow-tpu package of setup.py's TensorFlow."
    ) from None
