"""Cross-set mixing: boxes of labelled images pasted into partial ones, so that neither set has a look of its
own.

CutMix (Yun et al., 2019) between the two sets: a network that could tell the partial scans by their looks
could also learn to draw fewer organs on them. The teacher has labelled the whole partial image before; the
student sees the mix.
"""

import tensorflow as tf

from deeplab_panns.method.losses import valid_pixels


def paste_labeled(labeled, partial, seed, step):
  """Pastes into each partial example a box of the labelled one of the same place in the batch.

  Args:
    labeled: {"image", "label"}; at least as many examples as `partial`.
    partial: {"image", "target", ...}: target uint8 as from `pseudo_labels.complete`.
    seed, step: the boxes are a pure function of these.
  Returns:
    `partial` with image, target and "valid" of the mix; "label" and "annotated" stay as they are.
  """
  shape = partial["target"].shape
  inside = _boxes(shape, seed, step)
  target = tf.where(inside, labeled["label"][: shape[0]], partial["target"])
  image = tf.where(inside[..., None], labeled["image"][: shape[0]], partial["image"])
  return {**partial, "image": image, "target": target, "valid": valid_pixels(target)}


def _boxes(shape, seed, step):
  """bool of `shape` [batch, ...]: a box in each, its sides 0.4 to 0.8 of the image's, anywhere inside it."""
  dimensions = len(shape) - 1
  of_step = tf.stack([tf.cast(seed, tf.int64), tf.cast(step, tf.int64)])
  draws = tf.random.stateless_uniform(
    [2, shape[0], dimensions], tf.random.experimental.stateless_fold_in(of_step, 1)
  )
  inside = tf.ones([1] * len(shape), tf.bool)
  for axis in range(dimensions):
    side = 0.4 + 0.4 * draws[0, :, axis]
    start = draws[1, :, axis] * (1 - side)
    place = (tf.range(shape[1 + axis], dtype=tf.float32) + 0.5) / shape[1 + axis]
    within = tf.logical_and(place[None] >= start[:, None], place[None] < (start + side)[:, None])
    inside = tf.logical_and(
      inside,
      tf.reshape(within, [shape[0]] + [shape[1 + axis] if n == axis else 1 for n in range(dimensions)]),
    )
  return inside
