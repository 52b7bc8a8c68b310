"""Cross-set mixing: boxes of labelled images pasted into partial ones, so that neither set has its own look.

CutMix (Yun et al., 2019) between the two sets. A network that could tell the partial scans by their looks
could also learn to predict fewer organs on them. The teacher labels the whole partial image before the box is
pasted; the network that is trained sees the mix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf

from deeplab_panns.method.losses import valid_pixels
from deeplab_panns.method.partial_examples import PartialExamples
from deeplab_panns.method.replicas import first_of_all, own_part, replica_count


def paste_labeled(
  labeled: Mapping[str, tf.Tensor], partial: PartialExamples, seed: int | tf.Tensor, step: int | tf.Tensor
) -> PartialExamples:
  """Pastes into each partial example a box of the labelled one of the same place in the global batch.

  Args:
    labeled: {"image", "label"}; at least as many examples as `partial`, of the same shape.
    partial: with uint8 targets, as from `pseudo_labels.complete`.
    seed, step: integer scalars; the boxes are a pure function of these.
  Returns:
    `partial` with image, target and valid pixels of the mix, and where it was pasted; all else stays as it
    is.
  Raises:
    ValueError: If `partial` has no targets.
  """
  if partial.target is None:
    raise ValueError("received partial examples without targets; label them by the teacher first.")
  shape = partial.target.shape
  count = shape[0] * replica_count()
  inside = own_part(_boxes([count, *shape[1:]], seed, step))
  label, pasted = (own_part(first_of_all(labeled[name], count)) for name in ("label", "image"))
  target = tf.where(inside, label, partial.target)
  image = tf.where(inside[..., None], pasted, partial.image)
  return partial._replace(image=image, target=target, valid=valid_pixels(target), pasted=inside)


def _boxes(shape: Sequence[int], seed: int | tf.Tensor, step: int | tf.Tensor) -> tf.Tensor:
  """bool of `shape` [batch, ...]: a box in each, its sides 0.4 to 0.8 of the image's, anywhere inside it."""
  dimensions = len(shape) - 1
  of_step = tf.stack([tf.cast(seed, tf.int64), tf.cast(step, tf.int64)])
  uniform = tf.random.stateless_uniform(
    [2, shape[0], dimensions], tf.random.experimental.stateless_fold_in(of_step, 1)
  )
  inside = tf.ones([1] * len(shape), tf.bool)
  for axis in range(dimensions):
    side = 0.4 + 0.4 * uniform[0, :, axis]
    start = uniform[1, :, axis] * (1 - side)
    centre = (tf.range(shape[1 + axis], dtype=tf.float32) + 0.5) / shape[1 + axis]  # of a pixel, in [0, 1]
    within = tf.logical_and(centre[None] >= start[:, None], centre[None] < (start + side)[:, None])
    lengths = [shape[1 + axis] if other == axis else 1 for other in range(dimensions)]
    inside = tf.logical_and(inside, tf.reshape(within, [shape[0], *lengths]))
  return inside
