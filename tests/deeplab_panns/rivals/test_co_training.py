"""Two networks of one convolution, each taught by the other's average."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_panns.method.dual import Duals
from deeplab_panns.method.objective import Objective
from deeplab_panns.method.panns import PaNN
from deeplab_panns.rivals.co_training import CoTrained
from deeplab_panns.runs.checkpoints import Checkpoints
from tests.deeplab_panns.method.test_panns import PRIOR, make_batch, make_network


def co_trained(rate=0.1, decay=0.75):
  objective = Objective(lambda2=0.0, pseudo_labels="soft", teacher_decay=decay)
  one, other = make_network(0), make_network(7)
  peer = PaNN(other, make_network(1), Duals(PRIOR), objective, seed=1, followed=one)
  panns = CoTrained(
    peer, network=one, teacher=make_network(2), duals=Duals(PRIOR), objective=objective, seed=0
  )
  for model in (peer, panns):
    model.compile(optimizer=tf.keras.optimizers.SGD(rate), run_eagerly=True)
    model.optimizer.build(model.network.trainable_variables)
  return panns


def weights(network):
  return np.concatenate([variable.numpy().ravel() for variable in network.variables])


def alone(network, teacher):
  """The weights of `network` after a step of an ordinary PaNN with this teacher."""
  objective = Objective(lambda2=0.0, pseudo_labels="soft", teacher_decay=0.75)
  panns = PaNN(make_network(), make_network(), Duals(PRIOR), objective, seed=0)
  panns.network.set_weights(network.get_weights())
  panns.teacher.set_weights(teacher.get_weights())
  panns.compile(optimizer=tf.keras.optimizers.SGD(0.1), run_eagerly=True)
  panns.train_step(make_batch())
  return weights(panns.network)


def test_each_learns_from_the_average_of_the_other():
  panns = co_trained()
  expected = alone(panns.network, panns.teacher), alone(panns.peer.network, panns.peer.teacher)
  averages = weights(panns.teacher), weights(panns.peer.teacher)
  before = weights(panns.network)
  panns.train_step(make_batch())
  np.testing.assert_allclose(weights(panns.network), expected[0], atol=1e-6)
  np.testing.assert_allclose(weights(panns.peer.network), expected[1], atol=1e-6)
  other = weights(panns.peer.network)
  np.testing.assert_allclose(weights(panns.teacher), 0.75 * averages[0] + 0.25 * other, atol=1e-6)
  # the peer's step comes first, so its teacher follows the network as it was
  np.testing.assert_allclose(weights(panns.peer.teacher), 0.75 * averages[1] + 0.25 * before, atol=1e-6)


def test_snapshots_are_exchanged_too():
  panns = co_trained()
  panns.refresh_teacher()
  np.testing.assert_array_equal(weights(panns.teacher), weights(panns.peer.network))
  np.testing.assert_array_equal(weights(panns.peer.teacher), weights(panns.network))


def test_in_stage_1_either_learns_as_if_it_were_alone():
  panns, batch = co_trained(), make_batch(partial=False)
  expected = []
  for network in (panns.network, panns.peer.network):
    single = PaNN(make_network(), make_network(), Duals(PRIOR), Objective(), seed=0)
    single.network.set_weights(network.get_weights())
    single.compile(optimizer=tf.keras.optimizers.SGD(0.1), run_eagerly=True)
    single.train_step(batch)
    expected.append(weights(single.network))
  panns.train_step(batch)
  np.testing.assert_array_equal(weights(panns.network), expected[0])
  np.testing.assert_array_equal(weights(panns.peer.network), expected[1])


@pytest.mark.parametrize("step", [1, 3])
@pytest.mark.parametrize("second", [True, False], ids=["second network", "first network"])
def test_a_step_that_goes_wrong_in_either_network_is_noted_by_its_number(step, second):
  panns, batch = co_trained(), make_batch(partial=False)
  for _ in range(step - 1):
    panns.train_step(batch)
  assert int(panns.first_bad_step) == -1
  (weights, *_) = (panns.peer if second else panns).network.variables
  weights.assign(weights * np.nan)
  for _ in range(2):
    panns.train_step(batch)
  assert int(panns.first_bad_step) == step


def test_a_checkpoint_holds_both_networks_and_a_stage_1_too(tmp_path):
  panns = co_trained()
  panns.train_step(make_batch())
  checkpoints = Checkpoints(panns, tmp_path)
  for kind, restore in (
    ("last", lambda one: one.restore_latest()),
    ("stage1", lambda one: one.restore_stage1(tmp_path)),
  ):
    checkpoints.save(kind, 1)
    again = co_trained()
    restore(Checkpoints(again, tmp_path))
    for ours, theirs in ((panns, again), (panns.peer, again.peer)):
      for part in ("network", "teacher"):
        np.testing.assert_array_equal(weights(getattr(ours, part)), weights(getattr(theirs, part)))
      assert int(theirs.optimizer.iterations) == 1
