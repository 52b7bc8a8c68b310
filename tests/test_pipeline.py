"""Batches: structure, determinism, random access, what is annotated."""
import collections
import dataclasses

import numpy as np
import pytest

from data.organs import IGNORE
from data.pipeline import Batches, BatchPlan
from data.slices import Cropping, SliceSampler
from data.splits import split
from data.store import read_store

PLAN = BatchPlan(batch_size=8, partial_fraction=0.25, crop_size=33, view="axial", slices_per_input=3,
                 scales=(0.75, 1.0, 1.5), max_rotation_degrees=15, seed=3)


@pytest.fixture(scope="module")
def store(tiny_store):
  return read_store(tiny_store)


@pytest.fixture(scope="module")
def splits(store):
  return split(store, 0, 0.0, 0)


def test_structure_of_a_mixed_batch(store, splits):
  batch = next(Batches(store, splits, PLAN).mixed(0, 1).as_numpy_iterator())
  assert batch["labeled"]["image"].shape == (6, 33, 33, 3) and batch["labeled"]["label"].shape == (6, 33, 33)
  assert batch["partial"]["image"].shape == (2, 33, 33, 3)
  np.testing.assert_array_equal(batch["partial"]["annotated"], [[0, 1, 0, 0]] * 2)
  assert batch["labeled"]["image"].min() >= 0 and batch["labeled"]["image"].max() <= 255
  assert set(np.unique(batch["partial"]["label"])) <= {0, 1, IGNORE}


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


def sampler(cases, view="axial", slices_per_input=3):
  return SliceSampler(cases, Cropping(view, slices_per_input, 33, 60, (1.0,), 0.0), seed=0)


@pytest.mark.parametrize("view, slices", [("axial", 6), ("coronal", 40), ("sagittal", 36)])
def test_an_epoch_draws_every_slice_once(splits, view, slices):
  cases = splits.labeled
  ours = sampler(cases, view)
  assert len(ours) == slices * len(cases)
  axis = {"axial": 0, "coronal": 1, "sagittal": 2}[view]
  expected = collections.Counter(part.tobytes() for case in cases for part in np.moveaxis(np.asarray(case.image()), axis, 0))
  rows, cols = np.delete(cases[0].shape, axis)
  drawn = collections.Counter(ours.example(number)[1][:rows, :cols, 1].tobytes() for number in range(len(ours)))
  assert drawn == expected


def test_neighbours_become_channels(splits):
  case = splits.labeled[0]
  image = np.asarray(case.image())
  ours = sampler((case,))
  for number in range(6):
    canvas = ours.example(number)[1][:40, :36]
    index = next(z for z in range(6) if np.array_equal(image[z], canvas[..., 1]))
    np.testing.assert_array_equal(canvas[..., 0], image[max(index - 1, 0)])
    np.testing.assert_array_equal(canvas[..., 2], image[min(index + 1, 5)])


def test_one_channel_is_allowed(store, splits):
  batch = next(Batches(store, splits, dataclasses.replace(PLAN, slices_per_input=1)).labeled(0, 1).as_numpy_iterator())
  assert batch["labeled"]["image"].shape == (8, 33, 33, 1)


def test_image_and_label_move_together(store, splits):
  """In these cases the label can be read off the intensity: it must still agree after rotation and scale."""
  for batch in Batches(store, splits, PLAN).labeled(0, 6).as_numpy_iterator():
    image, label = batch["labeled"]["image"][..., 1], batch["labeled"]["label"]
    for value, hu in ((1, 100), (2, 180), (3, 50)):
      inside = label == value
      if inside.sum() > 40:
        assert abs(np.median(image[inside]) - (hu + 125) * 255 / 400) < 12


def test_what_is_smaller_than_the_crop_is_padded_with_ignore(store, splits):
  plan = dataclasses.replace(PLAN, crop_size=65, scales=(1.0,), max_rotation_degrees=0.0)
  labels = next(Batches(store, splits, plan).labeled(0, 1).as_numpy_iterator())["labeled"]["label"]
  for label in labels:
    assert np.count_nonzero(label != IGNORE) == 40 * 36
