"""The parts fit the experiment: cases, prior cases, learning rates, the model."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from data.input_error import InputError
from data.stored.store import read_store
from deeplab_panns.method.objective import Objective
from deeplab_panns.rivals.outliers import Outliers
from deeplab_panns.rivals.prototypes import Prototypes
from deeplab_panns.runs.experiment import Descent
from deeplab_panns.training import assembly


def test_cases_are_split_as_the_experiment_says(tiny_store, tiny_experiment, with_stage2):
  store = read_store(tiny_store)
  splits = assembly.split_cases(store, tiny_experiment)
  assert (len(splits.labeled), len(splits.partial), len(splits.test)) == (3, 2, 1)
  with pytest.raises(InputError, match="partial_organs"):
    assembly.split_cases(store, with_stage2(partial_organs=("spleen",)))


def test_partial_cases_are_needed_but_for_full(tiny_store, tiny_experiment, with_stage2):
  store = read_store(tiny_store)
  full = dataclasses.replace(store, cases=tuple(case for case in store.cases if store.is_full(case)))
  with pytest.raises(InputError, match="has no partially labelled case, which --supervision=panns trains on"):
    assembly.split_cases(full, tiny_experiment)
  assert not assembly.split_cases(full, with_stage2(supervision="full")).partial


def test_a_share_of_validation_that_is_no_case_is_refused(tiny_store, tiny_experiment):
  store = read_store(tiny_store)
  held_out = dataclasses.replace(tiny_experiment.held_out, validation_fraction=0.1)
  with pytest.raises(
    InputError, match=r"--validation_fraction=0.1 of 3 fully labelled .* is no case; give a"
  ):
    assembly.split_cases(store, dataclasses.replace(tiny_experiment, held_out=held_out))


def test_the_prior_counts_all_partial_cases_unless_it_is_to_exclude_some(
  tiny_store, tiny_experiment, with_stage2
):
  store = read_store(tiny_store)
  splits = assembly.split_cases(store, tiny_experiment)
  assert assembly.prior_cases(store, splits, tiny_experiment) is None
  assert (
    assembly.prior_cases(store, splits, with_stage2(supervision="full", prior_mismatch="exclude")) is None
  )
  excluding = with_stage2(prior_mismatch="exclude")
  assert assembly.prior_cases(store, splits, excluding) == {case.id for case in splits.partial}


def test_the_prior_is_estimated_once_and_then_read(tmp_path, tiny_store, tiny_experiment):
  store = read_store(tiny_store)
  splits = assembly.split_cases(store, tiny_experiment)
  batches = assembly.make_batches(store, splits, tiny_experiment)
  path = tmp_path / "prior.json"
  prior = assembly.make_prior(path, store, splits, batches, tiny_experiment.stage2)
  assert prior.classes == ("background", "liver", "spleen", "pancreas") and min(prior.sampled) > 0
  path.write_text(path.read_text().replace(str(prior.pixels), "12345"))
  assert assembly.make_prior(path, store, splits, batches, tiny_experiment.stage2).pixels == 12345


def test_learning_rates_are_those_of_the_stages(tiny_experiment):
  rates = assembly.learning_rates(dataclasses.replace(tiny_experiment, descent=Descent()))
  assert float(rates(0)) == pytest.approx(0.05)
  assert float(rates(2)) == pytest.approx(0.05 * (1 / 3) ** 0.9)
  assert float(rates(3)) == pytest.approx(0.05) and float(rates(7)) == 0


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_model_starts_with_duals_at_the_prior_and_all_slots(
  tiny_store, tiny_experiment, small_network, optimizer
):
  experiment = dataclasses.replace(tiny_experiment, descent=Descent(optimizer=optimizer))
  prior = assembly.Prior(("background", "a", "b"), (0.5, 0.5, 0.0), (0.5, 0.5, 0.0), 10)
  panns = assembly.make_panns(experiment, prior, 3)
  nu = panns.duals.nu.numpy()
  np.testing.assert_allclose(nu[:2], -2, rtol=1e-5)
  assert np.all(nu < 0) and np.isfinite(nu).all()
  slots = panns.optimizer.momentums if optimizer == "sgd" else panns.optimizer._momentums
  assert len(slots) == len(panns.network.trainable_variables)


def made(experiment, **settings):
  prior = assembly.Prior(("background", "a", "b"), (0.5, 0.3, 0.2), (0.5, 0.3, 0.2), 10)
  tf.keras.utils.set_random_seed(0)
  return assembly.make_panns(dataclasses.replace(experiment, **settings), prior, 3)


@pytest.mark.parametrize("rule, kind", [("outliers", Outliers), ("prototypes", Prototypes)])
def test_a_rule_of_features_is_made_where_there_are_partial_images(
  tiny_experiment, with_stage2, small_network, rule, kind
):
  objective = Objective(feature_rule=rule)
  found = made(with_stage2(objective=objective)).feature_rule
  assert isinstance(found, kind) and {variable.shape.rank for variable in found.variables} <= {0, 1, 2}
  assert (3, 3) in [tuple(variable.shape) for variable in found.variables]  # classes, channels of the image
  assert made(with_stage2(objective=objective, supervision="full")).feature_rule is None
  assert made(tiny_experiment).feature_rule is None


def test_of_two_networks_the_first_is_the_one_that_there_would_be_alone(tiny_experiment, small_network):
  alone, pair = made(tiny_experiment), made(tiny_experiment, co_training=True)
  assert alone.peer is None
  np.testing.assert_array_equal(alone.network.get_weights()[0], pair.network.get_weights()[0])
  assert np.any(pair.peer.network.get_weights()[0] != pair.network.get_weights()[0])
  assert pair.peer.optimizer is not pair.optimizer
