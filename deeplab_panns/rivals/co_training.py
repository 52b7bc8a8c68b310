"""Two networks that label for each other, by their averages.

R. Huang et al., "Multi-organ segmentation via co-training weight-averaged models from few-organ datasets",
MICCAI 2020: two networks of different initial weights learn side by side, each from the annotations and,
where nobody annotated, from the soft labels of the other one's moving average; one is used in the end.
Simplified: the pseudo-labels of networks trained for single organs, which theirs start from, are left out
(stage 1 knows all organs), so that the soft labels count fully and from the start.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from deeplab_panns.method.panns import Batch, PaNN


class CoTrained(PaNN):
  """A PaNN whose teacher follows a second network, which learns from the same batches.

  The second network, its teacher (which follows the first), duals and alignment are `peer`, a PaNN too. It
  has masks of its own in dropout.

  Args:
    peer: its teacher follows `network`; `compile` it with an optimizer of its own.
    **parts: those of PaNN.
  """

  def __init__(self, peer: PaNN, **parts: Any) -> None:
    super().__init__(followed=peer.network, **parts)
    self._peer = peer

  @property
  def peer(self) -> PaNN:
    return self._peer

  def train_step(self, batch: Batch) -> dict[str, tf.Tensor]:
    """One step of either network; the peer's goes first, so its teacher is a step behind."""
    self.peer.train_step(batch)
    scalars = super().train_step(batch)
    self._note_bad_step(self.peer.first_bad_step >= 0)
    return scalars

  def refresh_teacher(self) -> None:
    super().refresh_teacher()
    self.peer.refresh_teacher()

  def freeze_batch_norm(self) -> None:
    self.peer.freeze_batch_norm()
    super().freeze_batch_norm()
