"""The training step on a network small enough to work out."""

import numpy as np
import pytest
import tensorflow as tf

from data.organs import IGNORE
from deeplab_panns.method.dual import Duals
from deeplab_panns.method.losses import cross_entropy_sum, probability_sum, valid_pixels
from deeplab_panns.method.objective import Objective
from deeplab_panns.method.panns import PaNN
from deeplab_panns.method.partial_loss import FeatureRule

PRIOR = np.array([0.7, 0.2, 0.1])


def make_network(seed=0):
  """One 1x1 convolution: logits linear in the image."""
  tf.keras.utils.set_random_seed(seed)
  image = tf.keras.Input([None, None, 2])
  return tf.keras.Model(image, tf.keras.layers.Conv2D(3, 1)(image))


def make_panns(lambda2=1.0, rate=0.1, **objective):
  panns = PaNN(make_network(), make_network(1), Duals(PRIOR), Objective(lambda2=lambda2, **objective), seed=0)
  panns.compile(optimizer=tf.keras.optimizers.SGD(rate), run_eagerly=True)
  return panns


def make_batch(seed=0, partial=True):
  rng = np.random.default_rng(seed)

  def examples(count):
    label = rng.integers(0, 3, (count, 4, 4)).astype(np.uint8)
    label[:, 0, :2] = IGNORE
    return {"image": tf.constant(rng.normal(size=(count, 4, 4, 2)), tf.float32), "label": tf.constant(label)}

  batch = {"labeled": examples(3)}
  if partial:
    batch["partial"] = examples(1)
    batch["partial"]["annotated"] = tf.constant([[0.0, 1.0, 0.0]])
    label = batch["partial"]["label"]
    batch["partial"]["label"] = tf.where(label == 2, tf.zeros_like(label), label)
  return batch


def weights_after(panns, batch):
  panns.train_step(batch)
  return np.concatenate([weight.numpy().ravel() for weight in panns.network.weights])


def test_stage_1_descends_on_the_labelled_loss_alone():
  panns, batch = make_panns(), make_batch(partial=False)
  network, image, label = make_network(), batch["labeled"]["image"], batch["labeled"]["label"]
  with tf.GradientTape() as tape:
    loss = cross_entropy_sum(network(image), label) / tf.reduce_sum(valid_pixels(label))
  expected = [
    weight - 0.1 * grad for weight, grad in zip(network.weights, tape.gradient(loss, network.weights))
  ]
  panns.train_step(batch)
  for ours, theirs in zip(panns.network.weights, expected):
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_the_first_step_of_stage_2_feels_no_prior():
  """Fresh duals: the prior's gradient on Θ is zero whatever the prediction is."""
  np.testing.assert_allclose(
    weights_after(make_panns(lambda2=5.0), make_batch()),
    weights_after(make_panns(lambda2=0.0), make_batch()),
    atol=1e-6,
  )


def test_with_optimal_duals_the_step_follows_the_direct_loss():
  """∂/∂Θ of the saddle at ν = −1/p̄ equals ∂/∂Θ of −Σ q log p̄ + (1−q) log(1−p̄)."""
  batch, rate = make_batch(), 0.1
  with_prior, without = make_panns(lambda2=1.0, rate=rate), make_panns(lambda2=0.0, rate=rate)
  network = make_network()
  valid = valid_pixels(batch["partial"]["label"])
  with tf.GradientTape() as tape:
    share = probability_sum(network(batch["partial"]["image"]), valid) / tf.reduce_sum(valid)
    direct = -tf.reduce_sum(PRIOR * tf.math.log(share) + (1 - PRIOR) * tf.math.log(1 - share))
  expected = np.concatenate([grad.numpy().ravel() for grad in tape.gradient(direct, network.weights)])
  with_prior.duals.ascend_newton(share, 1.0)
  moved = weights_after(with_prior, batch) - weights_after(without, batch)
  np.testing.assert_allclose(moved, -rate * expected, atol=1e-6)


def test_the_duals_move_after_the_weights_by_this_batch():
  panns, batch = make_panns(), make_batch()
  valid = valid_pixels(batch["partial"]["label"])
  share = (probability_sum(panns.network(batch["partial"]["image"]), valid) / tf.reduce_sum(valid)).numpy()
  panns.train_step(batch)
  expected = 0.95 * PRIOR + 0.05 * np.maximum(share, 0.1 * PRIOR)
  np.testing.assert_allclose(-1 / panns.duals.nu.numpy(), expected, rtol=1e-5)
  np.testing.assert_allclose(panns.tracked_share.result(), share, rtol=1e-5)


def test_the_printed_update_is_chosen_by_name():
  panns = make_panns(dual_update="sgd")
  panns.train_step(make_batch())
  np.testing.assert_allclose(panns.duals.nu.numpy(), -1 / PRIOR, rtol=1e-5)
  assert np.any(panns.duals.mu.numpy() != make_panns().duals.mu.numpy())


def test_semi_does_not_see_the_annotation():
  batch, other = make_batch(), make_batch()
  other["partial"]["label"] = tf.where(
    other["partial"]["label"] == IGNORE, other["partial"]["label"], tf.ones_like(other["partial"]["label"])
  )
  np.testing.assert_array_equal(
    weights_after(make_panns(use_annotations=False), batch),
    weights_after(make_panns(use_annotations=False), other),
  )
  assert np.any(weights_after(make_panns(), batch) != weights_after(make_panns(), other))


def test_the_teacher_is_frozen_until_it_is_refreshed():
  panns = make_panns()
  before = [weight.numpy() for weight in panns.teacher.weights]
  panns.train_step(make_batch())
  for weight, was in zip(panns.teacher.weights, before):
    np.testing.assert_array_equal(weight, was)
  panns.refresh_teacher()
  for ours, theirs in zip(panns.network.weights, panns.teacher.weights):
    np.testing.assert_array_equal(ours, theirs)


def test_ignored_pixels_do_not_change_the_step():
  batch, other = make_batch(), make_batch()
  for kind in ("labeled", "partial"):
    ignored = tf.cast(other[kind]["label"] == IGNORE, tf.float32)[..., None]
    other[kind]["image"] += 100.0 * ignored
  np.testing.assert_allclose(
    weights_after(make_panns(), batch), weights_after(make_panns(), other), atol=1e-6
  )


def test_the_step_that_went_wrong_is_kept():
  panns = make_panns()
  panns.train_step(make_batch())
  assert int(panns.first_bad_step) == -1
  bad = make_batch()
  bad["labeled"]["image"] *= np.nan
  panns.train_step(bad)
  panns.train_step(bad)
  assert int(panns.first_bad_step) == 2


@pytest.mark.slow
def test_frozen_batch_norm_keeps_its_statistics_and_the_rest_trains():
  image = tf.keras.Input([None, None, 2])
  network = tf.keras.Model(image, tf.keras.layers.Conv2D(3, 1)(tf.keras.layers.BatchNormalization()(image)))
  panns = PaNN(network, make_network(1), Duals(PRIOR), Objective(lambda2=1.0), seed=0)
  panns.compile(optimizer=tf.keras.optimizers.SGD(0.1))
  panns.optimizer.build(network.trainable_variables)
  batches = tf.data.Dataset.from_tensors(make_batch())
  panns.fit(batches, verbose=0)
  assert np.any(network.layers[1].moving_mean.numpy() != 0)
  panns.freeze_batch_norm()
  norm, kernel = network.layers[1].get_weights(), network.layers[2].get_weights()[0]
  panns.fit(batches, verbose=0)
  for ours, was in zip(network.layers[1].get_weights(), norm):
    np.testing.assert_array_equal(ours, was)
  assert np.any(network.layers[2].get_weights()[0] != kernel)


def test_an_averaged_teacher_follows_by_its_decay():
  panns = make_panns(teacher_decay=0.75)
  before = [weight.numpy() for weight in panns.teacher.weights]
  panns.train_step(make_batch())
  for teacher, was, network in zip(panns.teacher.weights, before, panns.network.weights):
    np.testing.assert_allclose(teacher, 0.75 * was + 0.25 * network.numpy(), atol=1e-6)


def test_the_marginal_loss_does_not_ask_the_teacher():
  panns, other = make_panns(partial_loss="marginal"), make_panns(partial_loss="marginal")
  for weight in other.teacher.weights:
    weight.assign(weight * -3.0)
  np.testing.assert_array_equal(weights_after(panns, make_batch()), weights_after(other, make_batch()))


def test_a_soft_target_equal_to_the_prediction_has_no_gradient():
  """Nothing annotated and the teacher equal to the network: J_P is at its minimum, the entropy."""
  batch = make_batch()
  batch["partial"]["label"] = tf.where(
    batch["partial"]["label"] == IGNORE, batch["partial"]["label"], tf.zeros_like(batch["partial"]["label"])
  )
  batch["partial"]["annotated"] = tf.zeros([1, 3])
  results = []
  for lambda1 in (0.0, 5.0):
    panns = make_panns(pseudo_labels="soft", lambda1=lambda1, lambda2=0.0)
    panns.refresh_teacher()
    results.append(weights_after(panns, batch))
  np.testing.assert_allclose(*results, atol=1e-6)


def test_the_prior_of_each_image_is_the_batchs_where_there_is_one_image():
  """With one partial image and optimal duals, both scopes have the gradient of the direct loss."""
  batch = make_batch()
  by_batch, by_example = make_panns(), make_panns(prior_scope="example")
  valid = valid_pixels(batch["partial"]["label"])
  share = probability_sum(by_batch.network(batch["partial"]["image"]), valid) / tf.reduce_sum(valid)
  by_batch.duals.ascend_newton(share, 1.0)
  np.testing.assert_allclose(weights_after(by_batch, batch), weights_after(by_example, batch), atol=1e-6)


def test_alignment_moves_with_the_pseudo_labels():
  panns = make_panns(pseudo_labels="aligned")
  panns.train_step(make_batch())
  assert np.any(panns.alignment.offset.numpy() != 0) and panns.alignment.offset.numpy()[0] == 0


def test_mixing_changes_the_step_but_not_the_batch():
  batch = make_batch()
  before = batch["partial"]["image"].numpy().copy()
  assert np.any(weights_after(make_panns(mix=True), batch) != weights_after(make_panns(), batch))
  np.testing.assert_array_equal(batch["partial"]["image"], before)


def two_partial(in_prior):
  """A batch with two partial images, of which the prior counts some."""
  batch, other = make_batch(), make_batch(seed=5)
  partial = {
    name: tf.concat([batch["partial"][name], other["partial"][name]], 0) for name in batch["partial"]
  }
  return {"labeled": batch["labeled"], "partial": {**partial, "in_prior": tf.constant(in_prior)}}


@pytest.mark.slow
def test_images_out_of_the_prior_count_in_the_loss_alone():
  """The dual variables see the first image's share, as if there were no second; its pseudo-labels train."""
  panns, alone = make_panns(), make_panns()
  panns.train_step(two_partial([1.0, 0.0]))
  alone.train_step(make_batch())
  np.testing.assert_allclose(panns.duals.nu, alone.duals.nu, rtol=1e-6)
  np.testing.assert_allclose(panns.duals.mu, alone.duals.mu, rtol=1e-6)
  assert (
    np.abs(
      weights_after(make_panns(lambda2=0.0), two_partial([1.0, 0.0]))
      - weights_after(make_panns(lambda2=0.0), make_batch())
    ).max()
    > 1e-5
  )


def test_alignment_counts_the_images_of_the_prior_alone():
  panns, alone, nobody = (make_panns(pseudo_labels="aligned") for _ in range(3))
  panns.train_step(two_partial([1.0, 0.0]))
  alone.train_step(make_batch())
  np.testing.assert_allclose(panns.alignment.share, alone.alignment.share, rtol=1e-6)
  nobody.train_step(two_partial([0.0, 0.0]))
  np.testing.assert_array_equal(nobody.alignment.share, make_panns(pseudo_labels="aligned").alignment.share)
  np.testing.assert_array_equal(nobody.alignment.offset, 0)


@pytest.mark.parametrize("scope", ["batch", "example"])
def test_a_batch_out_of_the_prior_leaves_it_alone(scope):
  batch = two_partial([0.0, 0.0])
  results = []
  for lambda2 in (0.0, 5.0):
    panns = make_panns(prior_scope=scope, lambda2=lambda2)
    panns.duals.nu.assign(panns.duals.nu * 0.7)  # so that there is a pull
    before = panns.duals.nu.numpy(), panns.duals.mu.numpy()
    results.append(weights_after(panns, batch))
    np.testing.assert_allclose((panns.duals.nu, panns.duals.mu), before, rtol=1e-6)
  np.testing.assert_allclose(*results, atol=1e-7)


@pytest.mark.parametrize("update", ["newton", "sgd"])
def test_all_images_in_the_prior_are_as_none_said(update):
  batch = two_partial([1.0, 1.0])
  plain = {
    "labeled": batch["labeled"],
    "partial": {name: value for name, value in batch["partial"].items() if name != "in_prior"},
  }
  np.testing.assert_array_equal(
    weights_after(make_panns(dual_update=update), batch), weights_after(make_panns(dual_update=update), plain)
  )


def test_a_gradient_that_is_not_finite_is_a_bad_step_although_the_loss_is():
  """√|x| at 0: its value is 0, its slope infinite."""
  panns = make_panns()
  image = panns.network.input
  root = tf.keras.layers.Lambda(lambda logits: logits + tf.sqrt(tf.abs(logits - tf.stop_gradient(logits))))
  panns.network = tf.keras.Model(image, root(panns.network.output))
  loss = panns.train_step(make_batch(partial=False))["loss"]
  assert np.isfinite(loss) and int(panns.first_bad_step) == 1


def test_the_norm_of_the_gradient_is_that_of_the_step():
  panns, batch = make_panns(rate=0.5), make_batch(partial=False)
  before = np.concatenate([weight.numpy().ravel() for weight in panns.network.weights])
  moved = weights_after(panns, batch) - before
  np.testing.assert_allclose(panns.tracked["gradient/norm"].result(), np.linalg.norm(moved) / 0.5, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["2d", "3d"])
def test_the_whole_step_compiles_and_calls_nothing_on_the_host(kind):
  """What a TPU needs, whose programs are compiled as a whole: static shapes, and nothing that leaves them."""
  from data.batches.share import Share
  from tests.deeplab_panns.distribution import replica_run

  panns = replica_run.model(kind)
  batch = next(iter(replica_run.batches(kind, 1, partial=True)(Share())))
  step = tf.function(panns.train_step, jit_compile=True)
  if kind == "3d":
    assert np.isfinite(step(batch)["loss"]) and int(panns.first_bad_step) == -1
  else:  # XLA takes the whole step; to make machine code of it would take a minute more
    assert "convolution" in step.experimental_get_compiler_ir(batch)(stage="hlo")
  graph = step.get_concrete_function(batch).graph.as_graph_def()
  operations = {node.op for node in graph.node} | {
    node.op for function in graph.library.function for node in function.node_def
  }
  assert {"Conv2D" if kind == "2d" else "Conv3D", "ResourceApplyKerasMomentum"} & operations
  on_the_host = ("PyFunc", "Host", "Print", "Assert", "Outfeed", "StringFormat")
  assert not [name for name in operations if any(part in name for part in on_the_host)]


class Forgets(FeatureRule):
  """Drops the targets, and adds what the features of the partial images sum to."""

  teachers = 0

  def judge(self, features, partial):
    assert len(features.labeled) == len(features.label) == 3
    return partial._replace(target=None), tf.reduce_sum(features.partial)

  def new_teacher(self):
    self.teachers += 1


def test_a_rule_sees_features_and_has_the_last_word_on_targets():
  """The network's input are the features here, so their sum adds to the loss and not to the gradient."""
  image = tf.keras.Input([None, None, 2])
  plain = make_panns(partial_loss="marginal", lambda1=0.5)
  network = tf.keras.Model(image, tf.keras.layers.Conv2D(3, 1, name="logits")(image))
  network.set_weights(plain.network.get_weights())
  panns = PaNN(
    network, make_network(1), Duals(PRIOR), Objective(lambda2=1.0, lambda1=0.5), 0, feature_rule=Forgets()
  )
  panns.compile(optimizer=tf.keras.optimizers.SGD(0.1), run_eagerly=True)
  batch = make_batch()
  losses = [float(model.train_step(batch)["loss"]) for model in (plain, panns)]
  np.testing.assert_allclose(panns.network.get_weights()[0], plain.network.get_weights()[0], atol=1e-6)
  added = 0.5 * float(tf.reduce_sum(batch["partial"]["image"]))
  np.testing.assert_allclose(losses[1] - losses[0], added, rtol=1e-4)
  panns.refresh_teacher()
  assert panns.feature_rule.teachers == 1


def test_a_batch_without_a_counted_pixel_is_in_no_mean_of_the_prior():
  """Zeros in its place would pull the mean share, and with it the reported divergence, towards nothing."""
  panns, batch = make_panns(), make_batch()
  found = []
  for counted in ([1.0], [0.0]):
    batch["partial"]["in_prior"] = tf.constant(counted)
    panns.train_step(batch)
    found.append((panns.tracked_share.result().numpy(), float(panns.tracked["loss/prior"].result())))
  np.testing.assert_array_equal(found[0][0], found[1][0])
  assert found[0][1] == found[1][1] and found[0][0].sum() == pytest.approx(1)
