"""The prior q under the sampling law."""

import numpy as np
import pytest

from data.batches.pipeline import Batches, BatchPlan
from data.batches.slices import SliceSampling
from data.input_error import InputError
from data.organs import IGNORE
from data.stored.splits import split
from data.stored.store import read_store
from deeplab_panns.method.prior import (
  Prior,
  correct_by_annotations,
  estimate_prior,
  kl_divergence,
  load_prior,
  require_every_organ,
  save_prior,
)


def test_shares_by_hand(tiny_store):
  store = read_store(tiny_store)
  labels = [np.array([0, 0, 1, IGNORE]), np.array([2, 3, 0, 0])]
  prior = estimate_prior(store.organs, store.cases[:1], labels)
  np.testing.assert_allclose(prior.sampled, [4 / 7, 1 / 7, 1 / 7, 1 / 7])
  voxels = np.array(list(store.cases[0].voxels.values()))
  np.testing.assert_allclose(prior.voxels, voxels / voxels.sum())
  assert prior.classes[0] == "background" and prior.pixels == 7


def test_plain_sampling_gives_the_raw_share(tiny_store):
  """No rotation, no scale, crops as large as the slice: the law is that of the voxels."""
  store = read_store(tiny_store)
  splits = split(store, 0, 0.0, 0)
  plan = BatchPlan(SliceSampling("axial", 1, 49, (1.0,), 0.0), batch_size=4)
  prior = estimate_prior(
    store.organs, splits.labeled, Batches(store, splits, plan).prior_labels(36).as_numpy_iterator()
  )
  np.testing.assert_allclose(prior.sampled, prior.voxels, rtol=1e-6)


def test_crops_change_the_share(tiny_store):
  """Organs near the middle fill more of a small crop than of the slice: why q is not the raw share."""
  store = read_store(tiny_store)
  splits = split(store, 0, 0.0, 0)
  plan = BatchPlan(SliceSampling("axial", 1, 33, (1.5,), 15.0), batch_size=4)
  prior = estimate_prior(
    store.organs, splits.labeled, Batches(store, splits, plan).prior_labels(200).as_numpy_iterator()
  )
  assert prior.sampled[0] < prior.voxels[0] - 0.01


def test_kl_by_hand():
  assert kl_divergence([0.5, 0.5], [0.25, 0.75]) == pytest.approx(0.5 * np.log(2) + 0.5 * np.log(2 / 3))
  assert kl_divergence([1.0, 0.0], [0.5, 0.5]) == pytest.approx(np.log(2))
  assert kl_divergence([0.3, 0.7], [0.3, 0.7]) == 0


def test_annotated_organs_correct_the_prior_of_their_set():
  """Half of the pixels are of set 1, with 40 % liver instead of 10; the others annotate nothing, so q holds
  there."""
  prior = Prior(("background", "liver", "spleen"), (0.8, 0.1, 0.1), (0.8, 0.1, 0.1), 100)
  one = {"label": np.array([[1, 1, 0, 0, 0]]), "annotated": np.array([[0.0, 1, 0]])}
  other = {"label": np.array([[0, 0, 0, 0, 0, IGNORE]]), "annotated": np.array([[0.0, 0, 0]])}
  rest = 0.6 / 0.9
  expected = (np.array([0.8 * rest, 0.4, 0.1 * rest]) + [0.8, 0.1, 0.1]) / 2
  corrected = correct_by_annotations(prior, [one, other])
  np.testing.assert_allclose(corrected.target, expected)
  assert corrected.sampled == prior.sampled == prior.target


def test_a_set_that_agrees_leaves_the_prior_alone():
  prior = Prior(("background", "liver", "spleen"), (0.7, 0.2, 0.1), (0.7, 0.2, 0.1), 100)
  batch = {"label": np.array([[0] * 7 + [1] * 2 + [0]]), "annotated": np.array([[0.0, 1, 0]])}
  np.testing.assert_allclose(correct_by_annotations(prior, [batch]).target, prior.sampled)


def test_round_trip(tmp_path):
  corrected = Prior(("background", "liver"), (0.9, 0.1), (0.8, 0.2), 100, (0.7, 0.3))
  save_prior(corrected, tmp_path / "corrected.json")
  assert load_prior(tmp_path / "corrected.json") == corrected
  prior = Prior(("background", "liver"), (0.9, 0.1), (0.8, 0.2), 100)
  save_prior(prior, tmp_path / "prior.json")
  assert load_prior(tmp_path / "prior.json") == prior


def test_an_organ_without_labels_is_refused():
  with pytest.raises(InputError, match=r"store: .*liver.*--supervision=partial"):
    require_every_organ(Prior(("background", "liver"), (1.0, 0.0), (1.0, 0.0), 10), "store")
  with pytest.raises(InputError, match="--prior_examples"):
    require_every_organ(Prior(("background", "liver"), (1.0, 0.0), (0.999, 0.001), 10), "store")
