"""Batches: structure, determinism, random access, what is annotated."""

import collections
import dataclasses
import itertools
import os
import resource

import numpy as np
import pytest

from data.batches.pipeline import Batches, BatchPlan
from data.batches.slices import SliceSampler, SliceSampling
from data.organs import IGNORE
from data.stored.splits import split
from data.stored.store import StoredCase, read_store

SLICES = SliceSampling(
  view="axial", slices_per_input=3, crop_size=33, scales=(0.75, 1.0, 1.5), max_rotation_degrees=15
)
PLAN = BatchPlan(batch_size=8, partial_fraction=0.25, seed=3, sampling=SLICES)


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


def sampler(cases, view="axial", case_weighting="size"):
  return SliceSampler(cases, SliceSampling(view, 3, 60, (1.0,), 0.0, case_weighting), seed=0)


@pytest.mark.parametrize("view, slices", [("axial", 6), ("coronal", 40), ("sagittal", 36)])
def test_an_epoch_draws_every_slice_once(splits, view, slices):
  cases = splits.labeled
  ours = sampler(cases, view)
  assert len(ours) == slices * len(cases)
  axis = {"axial": 0, "coronal": 1, "sagittal": 2}[view]
  expected = collections.Counter(
    part.tobytes() for case in cases for part in np.moveaxis(np.asarray(case.image()), axis, 0)
  )
  rows, cols = np.delete(cases[0].shape, axis)
  drawn = collections.Counter(
    ours.example(number)[1][:rows, :cols, 1].tobytes() for number in range(len(ours))
  )
  assert drawn == expected


def folder_case(folder, slices, value):
  """A case of `slices` slices, of which slice z holds value + z."""
  folder.mkdir()
  volume = np.broadcast_to(np.arange(slices, dtype=np.uint8)[:, None, None] + np.uint8(value), (slices, 8, 9))
  np.save(folder / "image.npy", volume)
  np.save(folder / "label.npy", np.zeros_like(volume))
  return StoredCase(
    folder=folder,
    id=folder.name,
    annotated=(),
    fold=None,
    spacing_mm=(1.0, 1.0, 1.0),
    affine=np.eye(4),
    shape=volume.shape,
    voxels={},
    sha256={},
  )


def drawn_slices(ours, numbers):
  return [int(ours.example(number)[1][0, 0, 1]) for number in numbers]


def test_equal_weighting_draws_every_case_once_a_round_and_its_slices_in_turn(tmp_path):
  """A case of 12 slices beside two of 3: by slices it would be two thirds of all draws."""
  cases = tuple(
    folder_case(tmp_path / str(value), slices, value) for slices, value in ((12, 0), (3, 100), (3, 200))
  )
  ours = sampler(cases, case_weighting="equal")
  assert len(ours) == 18
  rounds = [drawn_slices(ours, range(first, first + 3)) for first in range(0, 36, 3)]
  assert all(sorted(value // 100 for value in drawn) == [0, 1, 2] for drawn in rounds)
  drawn = collections.Counter(itertools.chain(*rounds))
  assert drawn == {**dict.fromkeys(range(12), 1), **dict.fromkeys([100, 101, 102, 200, 201, 202], 4)}
  assert len({tuple(value // 100 for value in drawn) for drawn in rounds}) > 1  # the order of cases changes
  assert drawn_slices(sampler(cases, case_weighting="equal"), [17, 5]) == [rounds[5][2], rounds[1][2]]


def test_an_unknown_weighting_is_refused(splits):
  with pytest.raises(ValueError, match=r"'slices'.*equal"):
    sampler(splits.labeled, case_weighting="slices")


def test_more_cases_than_a_process_may_open_files(tmp_path, splits):
  soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
  try:
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/dev/fd")) + 150, hard))
    ours = sampler(splits.labeled * 50)  # the cases' own memory maps, each with a descriptor
    for number in range(0, len(ours), 5):
      ours.example(number)
  finally:
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


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
  batch = next(Batches(store, splits, plan_with(slices_per_input=1)).labeled(0, 1).as_numpy_iterator())
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
  plan = plan_with(crop_size=65, scales=(1.0,), max_rotation_degrees=0.0)
  labels = next(Batches(store, splits, plan).labeled(0, 1).as_numpy_iterator())["labeled"]["label"]
  for label in labels:
    assert np.count_nonzero(label != IGNORE) == 40 * 36
