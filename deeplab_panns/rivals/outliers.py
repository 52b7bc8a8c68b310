"""COSST's filter: pseudo-labels of organs whose features lie apart from those of annotated ones do not count.

H. Liu et al., "COSST: Multi-organ segmentation with partially labeled datasets using comprehensive
supervisions and self-training", IEEE Transactions on Medical Imaging 2024 (arXiv 2304.14030): a first model
learns from what is annotated alone, then rounds of self-training add pseudo-labels, without those that are
outliers in latent space. Simplified: the round before the first new snapshot of the teacher is the first
model's training; an organ is tested in each image of a batch and not once in a whole scan; the features are
the learning network's; the test is the squared distance from the annotated organ's mean in units of variance.
"""

from __future__ import annotations

import tensorflow as tf

from data.organs import IGNORE
from deeplab_panns.method.partial_examples import PartialExamples
from deeplab_panns.method.partial_loss import FeatureRule, Features
from deeplab_panns.method.replicas import global_sum


class Outliers(FeatureRule):
  """Counts a guessed organ as annotated in an image, unless its features there are an outlier.

  Where they are one, the marginal loss takes the organ for not annotated: its pixels are background or it.

  Attributes:
    rounds: int64 variable: snapshots of the teacher taken in stage 2. In the first round no guess counts.
    images: float32 variable [K + 1]: labelled images that showed the class, earlier ones weighing less.
    sums, squares: float32 variables [K + 1, channels]: of these images' mean features of the class.
  """

  DECAY = 0.99  # of a step; four labelled images a step make a memory of some 400
  LARGEST = 3.0  # mean squared distance over the channels, in units of their variance
  FEWEST = 4.0  # images that a mean and a variance are made of

  def __init__(self, classes: int, channels: int) -> None:
    super().__init__()
    self.rounds = tf.Variable(0, dtype=tf.int64, trainable=False, name="rounds")
    self.images = tf.Variable(tf.zeros([classes]), trainable=False, name="images")
    self.sums = tf.Variable(tf.zeros([classes, channels]), trainable=False, name="sums")
    self.squares = tf.Variable(tf.zeros([classes, channels]), trainable=False, name="squares")

  def new_teacher(self) -> None:
    self.rounds.assign_add(1)

  def judge(self, features: Features, partial: PartialExamples) -> tuple[PartialExamples, tf.Tensor]:
    """The partial images with trusted guesses as annotations, without targets; and no loss beside J_P."""
    target = partial.target
    if target is None:
      raise ValueError("received partial examples without targets; label them by the teacher first.")
    classes = self.images.shape[0]
    self._follow(*_class_means(features.labeled, features.label, classes))
    guess = tf.where(tf.equal(partial.label, 0), target, tf.zeros_like(target))
    trusted = self.trusted(*_class_means(features.partial, guess, classes))
    known = tf.maximum(partial.annotated, trusted * tf.cast(tf.range(classes) > 0, tf.float32))
    guess = tf.where(tf.equal(guess, IGNORE), tf.zeros_like(guess), guess)
    counts = tf.gather(known, tf.cast(guess, tf.int32), axis=1, batch_dims=1) > 0
    label = tf.where(tf.logical_and(tf.equal(partial.label, 0), counts), guess, partial.label)
    return partial._replace(label=label, annotated=known, target=None), tf.constant(0.0)

  def trusted(self, means: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
    """1 for the guesses that count, 0 for outliers, before there is a second teacher, and without statistics.

    That a class has no pixel in an image is a guess too, and has no features to be tested by: it counts.

    Args:
      means: float32 [n, K + 1, channels], mean features of each class in each image.
      pixels: float32 [n, K + 1], of the class.
    Returns:
      float32 [n, K + 1].
    """
    images = tf.maximum(self.images, 1e-6)[:, None]
    mean = self.sums / images
    variance = tf.maximum(self.squares / images - mean**2, 0.0)
    # a channel that never varied rules nobody out by a trifle
    variance += 0.01 * tf.reduce_mean(variance, axis=-1, keepdims=True) + 1e-6
    distance = tf.reduce_mean((means - mean) ** 2 / variance, axis=-1)
    usual = tf.logical_or(pixels < 1, distance <= self.LARGEST)
    tested = tf.logical_and(self.rounds > 1, self.images >= self.FEWEST)
    return tf.cast(tf.logical_and(usual, tested), tf.float32)

  def _follow(self, means: tf.Tensor, pixels: tf.Tensor) -> None:
    """Takes the labelled images of the global batch into the statistics."""
    shown = tf.cast(pixels > 0, tf.float32)
    of_class = means * shown[..., None]
    for statistic, of_images in ((self.images, shown), (self.sums, of_class), (self.squares, of_class**2)):
      statistic.assign(self.DECAY * statistic + global_sum(tf.reduce_sum(of_images, axis=0)))


def _class_means(features: tf.Tensor, label: tf.Tensor, classes: int) -> tuple[tf.Tensor, tf.Tensor]:
  """Mean features [n, K + 1, channels] over the pixels of each class in each image, and the pixels
  [n, K + 1]; zeros where there is none."""
  count, channels = features.shape[0], features.shape[-1]
  flat = tf.reshape(tf.cast(tf.stop_gradient(features), tf.float32), [count, -1, channels])
  members = tf.one_hot(tf.reshape(tf.cast(label, tf.int32), [count, -1]), classes)  # IGNORE is in none
  pixels = tf.reduce_sum(members, axis=1)
  sums = tf.matmul(members, flat, transpose_a=True)
  return sums / tf.maximum(pixels, 1.0)[..., None], pixels
