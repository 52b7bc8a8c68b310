"""The replicas of a run, seen from one of the processes that hold them.

All replicas take every step together on equal parts of the global batch (TensorFlow's synchronous
strategies). Only the chief, the first of the processes, writes and shows anything.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import tensorflow as tf

from data.batches.share import Share
from data.input_error import InputError
from deeplab_panns.runs.experiment import Experiment

_LOST = (
  tf.errors.UnavailableError,
  tf.errors.AbortedError,
  tf.errors.CancelledError,
  tf.errors.InternalError,
  tf.errors.DeadlineExceededError,
)

Result = TypeVar("Result")


class Team:
  """The replicas of a run, seen from one of the processes that hold them.

  Attributes:
    replicas: of all processes.
    workers: how many processes there are.
    is_chief: whether this one writes.
  """

  def __init__(self, strategy: tf.distribute.Strategy | None = None):
    """Args:
    strategy: None is one device, without any strategy.
    """
    self._strategy = strategy
    self.replicas = strategy.num_replicas_in_sync if strategy else 1
    self.workers, self.is_chief = 1, True
    resolver = strategy.cluster_resolver if strategy else None
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy) and resolver:
      jobs = resolver.cluster_spec().as_dict()
      self.workers = sum(len(addresses) for addresses in jobs.values())
      self.is_chief = (resolver.task_type, resolver.task_id) == ("chief" if "chief" in jobs else "worker", 0)

  def scope(self) -> contextlib.AbstractContextManager[Any]:
    """Variables made inside have a copy on each replica."""
    return self._strategy.scope() if self._strategy else contextlib.nullcontext()

  def describe(self) -> str:
    """As "8 replicas by 2 processes, GPU"; "" for one device."""
    if not self._strategy:
      return ""
    kinds = {tf.DeviceSpec.from_string(name).device_type for name in self._strategy.extended.worker_devices}
    processes = f" by {self.workers} processes" if self.workers > 1 else ""
    return (
      f"{self.replicas} replica{'s' * (self.replicas > 1)}{processes}, {', '.join(sorted(map(str, kinds)))}"
    )

  def dealt(self, batches: Callable[[Share], tf.data.Dataset]) -> Any:
    """A stream for `fit`, which must be told how many steps it has.

    Args:
      batches: the batches of a share, those of its replicas in turn.
    """
    if not self._strategy:
      return batches(Share())

    def of_process(context: tf.distribute.InputContext) -> tf.data.Dataset:
      count = context.num_replicas_in_sync // context.num_input_pipelines
      share = Share(context.num_replicas_in_sync, context.input_pipeline_id * count, count)
      # endless, or every step would ask all replicas whether there is another
      return batches(share).repeat()

    return self._strategy.distribute_datasets_from_function(of_process)

  def chief_first(self, work: Callable[[], Result]) -> Result:
    """Does work that leaves files behind: the chief makes them, the others find them.

    Raises:
      InputError: In every process, if the work raises an exception in one of them.
    """
    result: Result | None = None
    failure: Exception | None = None
    for chiefs_turn in (True, False) if self.workers > 1 else (True,):
      if self.is_chief == chiefs_turn:
        try:
          result = work()
        except Exception as error:
          failure = error
      if self._total(failure is not None):
        raise failure or InputError("another process of this training could not begin; its output says why.")
    return result  # type: ignore[return-value]

  def wait(self) -> None:
    """Returns when all processes have come here."""
    self._total(False)

  def _total(self, failed: bool) -> float:
    strategy = self._strategy
    if self.workers == 1 or strategy is None:
      return float(failed)
    values = strategy.run(tf.function(lambda: tf.constant(float(failed))))
    return float(strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None))

  @contextlib.contextmanager
  def lost_workers_named(self, kept: Callable[[], str | None]) -> Iterator[None]:
    """Raises InputError in the place of TensorFlow's error where another process ends within a step.

    Args:
      kept: the path of the last good checkpoint.
    """
    try:
      yield
    except _LOST as error:
      if self.workers == 1:
        raise
      raise InputError(
        f"another process of this training has ended or cannot be reached ({error.message[:60]}...); the "
        f"last good checkpoint is {kept() or 'none yet'}. Start all of them again with the same command."
      ) from error


def require_even(experiment: Experiment, replicas: int) -> None:
  """Raises InputError if the batches cannot be dealt evenly to so many replicas."""
  plan, has_partial = experiment.batch_plan, experiment.stage2.has_partial
  if plan.is_even(replicas, has_partial):
    return
  larger = (dataclasses.replace(plan, batch_size=size) for size in range(plan.batch_size, 64 * replicas, 4))
  nearest = next((one.batch_size for one in larger if one.is_even(replicas, has_partial)), 4 * replicas)
  parts = f" ({plan.batch_size - plan.partial_size} labelled, {plan.partial_size} partial)" * has_partial
  raise InputError(
    f"--batch_size={plan.batch_size}: its examples{parts} cannot be dealt evenly to {replicas} replicas; "
    f"the next size that can is {nearest}."
  )
