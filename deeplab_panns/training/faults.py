"""What can break a training from outside, as one line that says what is kept and how to go on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from data.batches.patches import PatchSampling
from data.input_error import InputError
from data.stored.unchanged import Unchanged
from deeplab_panns.runs.checkpoints import Checkpoints
from deeplab_panns.runs.experiment import Experiment


class Faults:
  """Looks for the cause outside when a step fails, and for changes of the store before a step is kept."""

  def __init__(self, experiment: Experiment, unchanged: Unchanged, checkpoints: Checkpoints):
    """Args:
    unchanged: of the arrays that the run reads.
    """
    self._experiment, self._unchanged, self._checkpoints = experiment, unchanged, checkpoints

  def require_same_store(self) -> None:
    """Raises InputError if an array was changed or deleted: steps since the last checkpoint may have seen
    it, and must not be saved."""
    change = self._unchanged.first_change()
    if change:
      raise InputError(
        f"{change} while it was trained on; steps since the last checkpoint ({self._kept}) are dropped. Put "
        "the store back as it was and run the same command, or choose another --run_dir."
      )

  @contextlib.contextmanager
  def named(self) -> Iterator[None]:
    """Raises InputError in the place of TensorFlow's error if the store has changed or memory ran out."""
    try:
      yield
    except tf.errors.ResourceExhaustedError as error:
      raise InputError(self._out_of_memory(error)) from error
    except tf.errors.OpError:
      self.require_same_store()
      raise

  def _out_of_memory(self, error: tf.errors.ResourceExhaustedError) -> str:
    sampling, batch = self._experiment.sampling, self._experiment.batch_size
    if isinstance(sampling, PatchSampling):
      size = f"--patch_size={','.join(map(str, sampling.patch_size))}"
    else:
      size = f"--crop_size={sampling.crop_size}"
    where = "GPU" if "GPU" in error.message else "host"
    return (
      f"the {where}'s memory ran out at --batch_size={batch} {size}; the last good checkpoint is "
      f"{self._kept}. Close other programs and run the same command, or lower one of the two and choose "
      "another --run_dir."
    )

  @property
  def _kept(self) -> str:
    return self._checkpoints.latest() or "none yet"
