"""PaNN: the Keras model that trains any segmentation network by the paper's Algorithm 1."""

from __future__ import annotations

import tensorflow as tf

from deeplab_panns.method import losses, mixing, pseudo_labels
from deeplab_panns.method.dual import Duals
from deeplab_panns.method.objective import Objective
from deeplab_panns.networks.dropout import dropout_stream


class PaNN(tf.keras.Model):
  """Wraps a network (image → logits) with the losses, the teacher and the dual variables.

  A batch is {"labeled": {"image", "label"}} in stage 1 and has "partial": {"image", "label", "annotated"}
  beside it in stage 2 (see data.batches.pipeline). Every mean divides by a count over the *global* batch, so
  that replicas add up to what one device computes in spite of ignored pixels.
  """

  def __init__(self, network, teacher, duals: Duals, objective: Objective, seed: int):
    """Args:
    network: tf.keras.Model, [batch, ..., channels] → logits [batch, ..., K + 1].
    teacher: another instance of it; labels the partial images, is never trained.
    seed: of the dropout masks and the mixing.
    """
    super().__init__()
    self.network = network
    self.teacher = teacher
    teacher.trainable = False
    self.duals = duals
    self.alignment = pseudo_labels.Alignment(duals.prior.numpy())
    self.objective = objective
    self._seed = seed
    # A loss that is no longer finite is noticed at the next look, but its step is kept from the first.
    self.first_bad_step = tf.Variable(-1, dtype=tf.int64, trainable=False, name="first_bad_step")
    self.tracked = {
      name: tf.keras.metrics.Mean(name) for name in ("loss/labeled", "loss/partial", "loss/prior")
    }
    self.tracked_share = tf.keras.metrics.MeanTensor("prior/p_bar", shape=duals.prior.shape)

  def call(self, images, training=False):
    return self.network(images, training=training)

  def refresh_teacher(self):
    """Takes the network's present weights as the teacher's."""
    for ours, theirs in zip(self.network.variables, self.teacher.variables):
      theirs.assign(ours)

  def freeze_batch_norm(self):
    """From the next step on the network normalizes by its moving statistics; γ and β stay as they are.

    For small batches, and for partial images of another look: one of them among few shifts the statistics
    that all others are normalized by.
    """
    for layer in self.network.layers:
      if isinstance(layer, tf.keras.layers.BatchNormalization):
        layer.trainable = False
    # `fit` goes by what was trainable when the model was compiled
    self.compile(optimizer=self.optimizer, jit_compile=self.jit_compile, run_eagerly=self.run_eagerly)

  def train_step(self, batch):
    """One iteration: pseudo-labels, then descent on Θ with the duals as of the last step, then ascent on the
    duals.

    Algorithm 1 ascends first. With the duals of the step before, p̄ and ν come from different batches, so the
    gradient q ν ∇p̄ stays unbiased.
    """
    labeled, partial = batch["labeled"], batch.get("partial")
    # masks are a function of (seed, step, place in the batch), so a resumed run draws the same ones
    masks = dropout_stream(self._seed, self.optimizer.iterations, _global_places(labeled, partial))
    with masks, tf.GradientTape() as tape:
      if partial is None:
        logits = self.network(labeled["image"], training=True)
        loss = self._supervised(logits, labeled["label"])
      else:
        partial = self._with_target(labeled, partial)
        # one forward pass, so that both kinds of images share the batch statistics
        logits = self.network(tf.concat([labeled["image"], partial["image"]], axis=0), training=True)
        size = tf.shape(labeled["image"])[0]
        loss = self._supervised(logits[:size], labeled["label"])
        partial_loss, measured = self._partially_supervised(logits[size:], partial)
        loss += partial_loss
      total = loss + self._weight_decay()
    weights = self.network.trainable_variables
    self.optimizer.apply_gradients(zip(tape.gradient(total, weights), weights))
    if partial is not None:
      self._ascend(*measured)
      self._move_teacher()
    self._note_bad_step(total)
    return {"loss": loss}

  def _supervised(self, logits, label):
    """J_L; this replica's part of it."""
    count = _global_sum(tf.reduce_sum(losses.valid_pixels(label)))
    loss = losses.cross_entropy_sum(logits, label) / tf.maximum(count, 1.0)
    self.tracked["loss/labeled"].update_state(_global_sum(loss))
    return loss

  def _with_target(self, labeled, partial):
    """The partial examples with "target": what J_P compares the network with; mixed with labelled ones if
    asked."""
    label, annotated = partial["label"], partial["annotated"]
    if not self.objective.use_annotations:
      label, annotated = pseudo_labels.forget(label, annotated)
    partial = {**partial, "label": label, "annotated": annotated, "valid": losses.valid_pixels(label)}
    if self.objective.partial_loss == "marginal":
      return partial
    logits = self.teacher(partial["image"], training=False)
    if self.objective.pseudo_labels == "soft":
      return {**partial, "target": pseudo_labels.complete_softly(label, annotated, logits)}
    if self.objective.pseudo_labels == "aligned":
      logits = self.alignment.shift(logits)
    partial["target"] = pseudo_labels.complete(label, annotated, logits)
    if self.objective.pseudo_labels == "aligned":
      self.alignment.follow(self._label_counts(partial))
    return (
      mixing.paste_labeled(labeled, partial, self._seed, self.optimizer.iterations)
      if self.objective.mix
      else partial
    )

  def _label_counts(self, partial):
    """Pixels of each class among the global batch's targets, of the images that the prior counts."""
    label = partial["target"]
    classes = tf.one_hot(tf.cast(label, tf.int32), self.duals.prior.shape[0])  # IGNORE becomes a row of zeros
    if "in_prior" in partial:
      classes *= _for_each_pixel(partial["in_prior"], classes)
    return _global_sum(tf.reduce_sum(classes, axis=list(range(len(classes.shape) - 1))))

  def _partially_supervised(self, logits, partial):
    """(λ1 J_P + λ2 · the prior's saddle value, this replica's part; (the global p̄, 1 or 0: whether a pixel
    counts in it))."""
    valid = partial["valid"]
    pixels = _global_sum(tf.reduce_sum(valid))
    partial_loss = self._partial_loss(logits, partial) / tf.maximum(pixels, 1.0)
    counted, seen = self._counted_by_prior(partial, pixels)
    share = losses.probability_sum(logits, counted) / tf.maximum(seen, 1.0)
    global_share = tf.stop_gradient(_global_sum(share))
    # linear in p̄, so the replicas' parts add up to the whole
    pull = tf.reduce_sum(self.duals.slope() * share)
    if self.objective.prior_scope == "example":
      pull = self._pull_of_each_example(logits, counted)
    self.tracked["loss/partial"].update_state(_global_sum(partial_loss))
    self.tracked["loss/prior"].update_state(self.duals.value(global_share))
    self.tracked_share.update_state(global_share)
    # a batch without a pixel that counts says nothing: the duals stay as they are
    return self.objective.lambda1 * partial_loss + self.objective.lambda2 * pull, (
      global_share,
      tf.minimum(seen, 1.0),
    )

  def _counted_by_prior(self, partial, pixels):
    """(1 for the pixels that p̄ is the mean of, float32 [n, ...]; how many the global batch has, of `pixels`
    valid ones)."""
    valid = partial["valid"]
    if "in_prior" not in partial:
      return valid, pixels
    counted = valid * _for_each_pixel(partial["in_prior"], valid)
    return counted, _global_sum(tf.reduce_sum(counted))

  def _partial_loss(self, logits, partial):
    """J_P before its division."""
    objective, label, annotated = self.objective, partial["label"], partial["annotated"]
    if objective.partial_loss == "marginal":
      loss = losses.marginal_cross_entropy_sum(logits, label, annotated)
    elif objective.pseudo_labels == "soft":
      loss = losses.soft_cross_entropy_sum(logits, partial["target"], partial["valid"])
    else:
      loss = losses.cross_entropy_sum(logits, partial["target"])
    if objective.exclusion_weight:
      loss += objective.exclusion_weight * losses.exclusion_sum(logits, label, annotated)
    return loss

  def _pull_of_each_example(self, logits, valid):
    """−Σ q log p̄ + (1 − q) log(1 − p̄) of every image by itself, their mean; known exactly, so no duals."""
    examples = tf.cast(tf.shape(logits)[0] * _replicas(), tf.float32)
    sums = tf.vectorized_map(lambda one: losses.probability_sum(one[0][None], one[1][None]), (logits, valid))
    counts = tf.reduce_sum(valid, axis=list(range(1, len(valid.shape))))
    return tf.reduce_sum(self.duals.direct(sums / tf.maximum(counts, 1.0)[:, None])) / examples

  def _ascend(self, share, seen):
    """seen: 1, or 0 where no pixel counts."""
    if self.objective.dual_update == "newton":
      self.duals.ascend_newton(share, seen * self.objective.dual_step)
    else:
      self.duals.ascend_printed(share, seen * self.objective.learning_rate_dual, self.objective.lambda2)

  def _move_teacher(self):
    """An exponential moving average of the network (Tarvainen and Valpola, 2017), batch statistics
    included."""
    decay = self.objective.teacher_decay
    if decay:
      for ours, theirs in zip(self.network.variables, self.teacher.variables):
        theirs.assign(decay * theirs + (1 - decay) * tf.cast(ours, theirs.dtype))

  def _weight_decay(self):
    return tf.add_n(self.network.losses) / _replicas() if self.network.losses else 0.0

  def _note_bad_step(self, loss):
    # iterations has been counted up already: this is the number of the step that went wrong, from 1
    bad = tf.logical_and(tf.logical_not(tf.math.is_finite(loss)), self.first_bad_step < 0)
    self.first_bad_step.assign(
      tf.where(bad, tf.cast(self.optimizer.iterations, tf.int64), self.first_bad_step)
    )


def _for_each_pixel(of_example, like):
  """[n] with axes of length 1 behind, to multiply `like` [n, ...]."""
  return tf.reshape(of_example, [-1] + [1] * (len(like.shape) - 1))


def _replicas():
  return tf.distribute.get_strategy().num_replicas_in_sync


def _global_sum(value):
  """The sum over all replicas; the value itself where there is one."""
  return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, value)


def _global_places(labeled, partial):
  """Each example's place in the global batch: all labelled ones first, then the partial ones."""
  context = tf.distribute.get_replica_context()
  first, places = 0, []
  for examples in (labeled, partial):
    if examples is not None:
      size = examples["image"].shape[0]
      places.append(first + context.replica_id_in_sync_group * size + tf.range(size))
      first += context.num_replicas_in_sync * size
  return tf.concat(places, axis=0)
