"""Batches: structure, determinism, random access, what is annotated."""

import dataclasses

import numpy as np
import pytest

from data.atlas.placed import PlacedAtlas
from data.batches.pipeline import Batches, BatchPlan
from data.batches.slices import SliceSampling
from data.organs import IGNORE

SLICES = SliceSampling(
  view="axial", slices_per_input=3, crop_size=33, scales=(0.75, 1.0, 1.5), max_rotation_degrees=15
)
PLAN = BatchPlan(batch_size=8, partial_fraction=0.25, seed=3, sampling=SLICES)


def test_structure_of_a_mixed_batch(store, splits):
  batch = next(Batches(store, splits, PLAN).mixed(0, 1).as_numpy_iterator())
  assert batch["labeled"]["image"].shape == (6, 33, 33, 3) and batch["labeled"]["label"].shape == (6, 33, 33)
  assert batch["partial"]["image"].shape == (2, 33, 33, 3)
  np.testing.assert_array_equal(batch["partial"]["annotated"], [[0, 1, 0, 0]] * 2)
  assert batch["labeled"]["image"].min() >= 0 and batch["labeled"]["image"].max() <= 255
  assert set(np.unique(batch["partial"]["label"])) <= {0, 1, IGNORE}


def test_which_partial_images_the_prior_counts(store, splits):
  """A flag for each partial image, by its case; without a choice there is none."""
  chosen = splits.partial[0].id
  batches = [Batches(store, splits, PLAN, prior_cases) for prior_cases in (None, {chosen}, set())]
  plain, some, nobody = ([batch["partial"] for batch in one.mixed(0, 12)] for one in batches)
  assert all("in_prior" not in batch for batch in plain)
  assert {float(x) for batch in some for x in batch["in_prior"]} == {0.0, 1.0}
  assert not any(np.any(batch["in_prior"]) for batch in nobody)
  for ours, theirs in zip(plain, some):
    np.testing.assert_array_equal(ours["image"], theirs["image"])


def test_the_atlas_says_what_to_expect_at_each_pixel(store, splits):
  """The stored patients are much alike: where the organ is annotated, it is expected too. All else stays."""
  atlas = PlacedAtlas(store.organs, splits.labeled, splits.partial)
  plain, placed = (
    [batch["partial"] for batch in one.mixed(0, 6).as_numpy_iterator()]
    for one in (Batches(store, splits, PLAN), Batches(store, splits, PLAN, atlas.anchors_mm, atlas))
  )
  assert "expected" not in plain[0] and placed[0]["expected"].shape == (2, 33, 33, 4)
  for ours, theirs in zip(placed, plain):
    np.testing.assert_array_equal(ours["image"], theirs["image"])
    np.testing.assert_allclose(ours["expected"].sum(axis=-1), 1, rtol=1e-5)
  organ = np.concatenate([batch["expected"][..., 1] for batch in placed])
  label = np.concatenate([batch["label"] for batch in placed])
  assert organ[label == 1].mean() > 3 * organ[label == 0].mean() > 0


def test_labels_of_partial_cases_come_with_what_they_annotate(store, splits):
  seen = list(Batches(store, splits, PLAN).partial_labels(20))
  assert sum(len(batch["label"]) for batch in seen) >= 20
  for batch in seen:
    for label, annotated in zip(batch["label"].numpy(), batch["annotated"].numpy()):
      assert set(np.unique(label)) - {0, IGNORE} <= set(np.flatnonzero(annotated))


def test_a_batch_of_stage_1_is_labelled_alone(store, splits):
  batch = next(Batches(store, splits, PLAN).labeled(0, 1).as_numpy_iterator())
  assert set(batch) == {"labeled"} and batch["labeled"]["image"].shape[0] == 8


def test_the_shapes_are_static(store, splits):
  spec = Batches(store, splits, PLAN).mixed(0, 1).element_spec
  assert spec["partial"]["annotated"].shape == (2, 4) and spec["labeled"]["image"].shape == (6, 33, 33, 3)


def flat(batch):
  return [batch[kind][name] for kind in sorted(batch) for name in sorted(batch[kind])]


def test_batches_are_a_pure_function_of_seed_and_step(store, splits):
  whole = [flat(batch) for batch in Batches(store, splits, PLAN).mixed(0, 9).as_numpy_iterator()]
  again = [flat(batch) for batch in Batches(store, splits, PLAN).mixed(5, 9).as_numpy_iterator()]
  for ours, theirs in zip(whole[5:], again):
    for a, b in zip(ours, theirs):
      np.testing.assert_array_equal(a, b)
  other = next(Batches(store, splits, dataclasses.replace(PLAN, seed=4)).mixed(0, 1).as_numpy_iterator())
  assert not np.array_equal(other["labeled"]["image"], whole[0][0])


def plan_with(**changes):
  return dataclasses.replace(PLAN, sampling=dataclasses.replace(SLICES, **changes))


def test_one_channel_is_allowed(store, splits):
  batch = next(Batches(store, splits, plan_with(slices_per_input=1)).labeled(0, 1).as_numpy_iterator())
  assert batch["labeled"]["image"].shape == (8, 33, 33, 1)


def test_image_and_label_move_together(store, splits):
  """In these cases the label can be read off the intensity: it must still agree after rotation and scale."""
  batches = [batch["labeled"] for batch in Batches(store, splits, PLAN).labeled(0, 6).as_numpy_iterator()]
  image = np.concatenate([batch["image"][..., 1] for batch in batches])
  label = np.concatenate([batch["label"] for batch in batches])
  for value, hu in ((1, 100), (2, 180), (3, 50)):
    inside = image[label == value]
    assert len(inside) > 400 and abs(np.median(inside) - (hu + 125) * 255 / 400) < 12


@pytest.mark.parametrize("batch_size, nearest", [(6, 8), (1, 4), (17, 16), (0, 4), (-4, 4)])
def test_a_batch_size_that_is_no_multiple_of_4_is_refused(batch_size, nearest):
  with pytest.raises(ValueError, match=f"^batch_size={batch_size}: .* the nearest is {nearest}$"):
    BatchPlan(SLICES, batch_size=batch_size)


def test_what_is_smaller_than_the_crop_is_padded_with_ignore(store, splits):
  plan = plan_with(crop_size=65, scales=(1.0,), max_rotation_degrees=0.0)
  labels = next(Batches(store, splits, plan).labeled(0, 1).as_numpy_iterator())["labeled"]["label"]
  for label in labels:
    assert np.count_nonzero(label != IGNORE) == 40 * 36
