"""Patches: what is drawn how often, where it lies, and that image and label move as one."""

import collections
import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from data.batches.patches import OrganVoxels, PatchSampler, PatchSampling
from data.batches.pipeline import Batches, BatchPlan
from data.organs import IGNORE
from data.stored.splits import as_unlabeled
from tests.data.batches.conftest import saved_case

PATCH = (4, 10, 16)
PLAIN = PatchSampling((1.0,), 0.0, PATCH, organ_fraction=0.0)
MOVED = PatchSampling((0.75, 1.0, 1.5), 15.0, PATCH, organ_fraction=0.5)
PLAN = BatchPlan(batch_size=8, partial_fraction=0.25, seed=3, sampling=MOVED)


def noise_case(folder, shape):
  rng = np.random.default_rng(0)
  return saved_case(folder, rng.integers(1, 256, shape), rng.integers(0, 5, shape))


def draw(sampler, numbers):
  """(cases, images [n, z, y, x], labels [n, z, y, x])."""
  examples = [sampler.example(number) for number in numbers]
  image, label = (np.stack(part) for part in zip(*map(sampler.crop, examples)))
  return np.array([example.case for example in examples]), image[..., 0], label


def with_fraction(sampling, organ_fraction):
  return dataclasses.replace(sampling, organ_fraction=organ_fraction)


def test_structure_of_a_mixed_batch(store, splits):
  batches = Batches(store, splits, PLAN).mixed(0, 1)
  spec = batches.element_spec
  assert spec["labeled"]["image"] == tf.TensorSpec((6, *PATCH, 1), tf.float32)
  assert spec["partial"]["label"] == tf.TensorSpec((2, *PATCH), tf.uint8)
  assert spec["partial"]["annotated"] == tf.TensorSpec((2, 4), tf.float32)
  batch = next(batches.as_numpy_iterator())
  np.testing.assert_array_equal(batch["partial"]["annotated"], [[0, 1, 0, 0]] * 2)
  assert batch["labeled"]["image"].min() >= 0 and 100 < batch["labeled"]["image"].max() <= 255
  assert set(np.unique(batch["partial"]["label"])) <= {0, 1, IGNORE}
  stage_1 = next(Batches(store, splits, PLAN).labeled(0, 1).as_numpy_iterator())
  assert set(stage_1) == {"labeled"} and stage_1["labeled"]["label"].shape == (8, *PATCH)


def test_batches_are_a_pure_function_of_seed_and_step(store, splits):
  def images(plan, first, last):
    return [
      (batch["labeled"]["image"], batch["partial"]["image"], batch["partial"]["label"])
      for batch in Batches(store, splits, plan).mixed(first, last).as_numpy_iterator()
    ]

  for ours, theirs in zip(images(PLAN, 0, 7)[4:], images(PLAN, 4, 7)):
    for a, b in zip(ours, theirs):
      np.testing.assert_array_equal(a, b)
  other, same = (images(dataclasses.replace(PLAN, seed=seed), 0, 1)[0][0] for seed in (4, 3))
  assert not np.array_equal(other, same)


def test_an_epoch_visits_every_case_once(tmp_path):
  cases = tuple(noise_case(tmp_path / str(depth), (depth, 12, 17)) for depth in (4, 9, 40))
  sampler = PatchSampler(cases, PLAIN, seed=1)
  orders = [
    tuple(sampler.example(number)[0] for number in range(first, first + 3)) for first in range(0, 30, 3)
  ]
  assert all(sorted(order) == [0, 1, 2] for order in orders) and len(set(orders)) > 1


def test_a_plain_patch_is_a_part_of_the_volume_and_all_parts_come_up(tmp_path):
  case = noise_case(tmp_path / "case", (7, 12, 18))
  _, images, labels = draw(PatchSampler((case,), PLAIN, seed=0), range(400))
  parts = {}
  for start in np.ndindex(4, 3, 3):
    part = tuple(slice(first, first + size) for first, size in zip(start, PATCH))
    parts[case.image()[part].tobytes()] = (start, case.label()[part])
  counts = collections.Counter()
  for image, label in zip(images, labels):
    start, expected = parts[image.astype(np.uint8).tobytes()]
    np.testing.assert_array_equal(label, expected)
    counts[start] += 1
  assert len(counts) == 36 and max(counts.values()) < 400 / 36 + 5 * (400 / 36) ** 0.5


def test_what_is_smaller_than_the_patch_is_padded(tmp_path):
  case = noise_case(tmp_path / "case", (3, 6, 30))
  _, images, labels = draw(PatchSampler((case,), with_fraction(PLAIN, 0.5), seed=0), range(20))
  for image, label in zip(images, labels):
    valid = label != IGNORE
    assert np.count_nonzero(valid) == 3 * 6 * 16 and (image[~valid] == 0).all() and (image[valid] > 0).all()
    inside = label[valid].reshape(3, 6, 16)
    assert any(np.array_equal(inside, case.label()[:, :, first : first + 16]) for first in range(15))


def test_every_patch_around_an_organ_holds_its_voxel(tmp_path):
  """Organs of one voxel, two of them in corners, where the patch is pushed back into the volume and
  turned."""
  label = np.zeros((9, 40, 40))
  label[0, 0, 0], label[8, 39, 39], label[4, 20, 21] = 1, 2, 3
  case = saved_case(tmp_path / "case", label * 80, label)
  _, images, labels = draw(PatchSampler((case,), with_fraction(MOVED, 1.0), seed=0), range(300))
  held = [set(np.unique(patch)) & {1, 2, 3} for patch in labels]
  assert all(held)
  np.testing.assert_allclose([sum(value in organs for organs in held) for value in (1, 2, 3)], 100, atol=25)
  for value in (1, 2, 3):  # the voxel is met exactly: its grey value is not mixed with its neighbours'
    assert images[labels == value].max() == pytest.approx(80 * value, abs=0.1)


@pytest.mark.slow
def test_the_share_around_organs(tmp_path):
  label = np.zeros((20, 100, 100))
  label[10, 50, 50] = 7
  case = saved_case(tmp_path / "case", label, label)
  share = {
    fraction: np.mean(
      [
        (PatchSampler((case,), with_fraction(PLAIN, fraction), seed=0).example(n)[2] == 7).any()
        for n in range(400)
      ]
    )
    for fraction in (0.0, 0.3)
  }
  assert share[0.0] < 0.05 and share[0.3] == pytest.approx(0.3 + 0.7 * share[0.0], abs=0.07)


def test_a_case_without_organs_is_drawn_anywhere(tmp_path):
  case = saved_case(tmp_path / "case", np.ones((9, 20, 30)), np.zeros((9, 20, 30)))
  _, images, labels = draw(PatchSampler((case,), with_fraction(PLAIN, 1.0), seed=0), range(5))
  assert (images == 1).all() and (labels == 0).all()


def test_each_voxel_of_an_organ_has_one_rank():
  class Rank:
    def integers(self, count):
      self.count = count
      return self.rank

  label = np.random.default_rng(0).choice(np.array([0, 0, 1, 2, IGNORE], np.uint8), (5, 6, 7))
  label[2][label[2] == 2] = 0
  voxels, rng = OrganVoxels(label), Rank()
  assert voxels.organs == [1, 2]
  for organ in voxels.organs:
    expected = np.argwhere(label == organ)
    for rng.rank, voxel in enumerate(expected):
      assert voxels.draw(label, organ, rng) == tuple(voxel)
    assert rng.count == len(expected)


def test_image_and_label_move_together(tmp_path):
  blocks = np.kron(np.random.default_rng(0).integers(0, 5, (3, 5, 5)), np.ones((4, 12, 12), int))
  case = saved_case(tmp_path / "case", blocks * 50, blocks)
  _, images, labels = draw(PatchSampler((case,), MOVED, seed=0), range(40))
  valid = labels != IGNORE
  assert np.mean(np.abs(images[valid] - 50.0 * labels[valid]) < 1) > 0.75  # only borders are mixed
  assert np.mean(np.abs(images[valid] - 50.0 * labels[valid]) < 101) > 0.995


def test_z_keeps_its_scale_and_order(tmp_path):
  image = np.broadcast_to(np.arange(20)[:, None, None] * 10 + 10, (20, 60, 60))
  case = saved_case(tmp_path / "case", image, np.zeros(image.shape))
  _, images, _ = draw(
    PatchSampler((case,), dataclasses.replace(MOVED, scales=(0.75, 1.5)), seed=0), range(10)
  )
  middle = images[:, :, 5, 8]
  np.testing.assert_allclose(np.diff(middle, axis=1), 10, atol=0.01)


def test_turning_and_scaling_change_what_a_patch_shows(tmp_path):
  """A stripe along x through the whole slice: its slope in the patch is the angle, its thickness the
  scale."""
  label = np.zeros((4, 200, 200))
  label[:, 95:105] = 1
  case = saved_case(tmp_path / "case", label, label)
  sampling = PatchSampling((2.0,), 15.0, (4, 64, 64), organ_fraction=1.0)
  _, _, labels = draw(PatchSampler((case,), sampling, seed=0), range(20))
  slopes = []
  for patch in labels[:, 0]:
    thickness, middle = (patch == 1).sum(axis=0), [np.flatnonzero(column).mean() for column in (patch == 1).T]
    whole = np.array([column[0] == 0 and column[-1] == 0 for column in patch.T])
    if whole.sum() > 30:
      slope = np.polyfit(np.flatnonzero(whole), np.array(middle)[whole], 1)[0]
      slopes.append(np.degrees(np.arctan(slope)))
      assert thickness[whole].mean() == pytest.approx(20 / np.cos(np.radians(slopes[-1])), abs=0.6)
  assert len(slopes) > 10 and min(slopes) > -15.5 and max(slopes) < 0.5 and np.ptp(slopes) > 8


def test_the_prior_is_drawn_around_the_organs_that_partial_cases_have(store, splits):
  """p is measured on patches around their annotated organ, here the liver (1); q must not be of any organ."""
  plan = dataclasses.replace(PLAN, sampling=PatchSampling((1.0,), 0.0, (2, 4, 4), organ_fraction=1.0))
  labels = np.concatenate(list(Batches(store, splits, plan).prior_labels(50).as_numpy_iterator()))
  assert len(labels) >= 50 and all((patch == 1).any() for patch in labels)
  labeled = next(Batches(store, splits, plan).labeled(0, 1).as_numpy_iterator())["labeled"]["label"]
  assert not all((patch == 1).any() for patch in labeled)


def test_no_patch_lies_around_what_nobody_annotated(store, splits):
  """Where partial cases count as unlabelled their label maps decide nothing, q's patches neither."""
  plan = dataclasses.replace(PLAN, sampling=PatchSampling((1.0,), 0.0, (2, 4, 4), organ_fraction=1.0))
  bare = as_unlabeled(splits)
  for partial, expected in ((splits, True), (bare, False)):
    batches = Batches(store, partial, plan)
    drawn = [batch["partial"]["label"] for batch in batches.mixed(0, 30).as_numpy_iterator()]
    of_prior = list(batches.prior_labels(50).as_numpy_iterator())
    for labels in (np.concatenate(drawn), np.concatenate(of_prior)):
      assert all((patch == 1).any() for patch in labels) == expected


def test_patches_larger_than_the_volumes_have_the_raw_shares(store, splits):
  """Wherever they lie they hold the whole volume, and every case equally often: q is the share of the
  voxels."""
  plan = BatchPlan(PatchSampling((1.0,), 0.0, (8, 41, 49), organ_fraction=0.5), batch_size=4)
  labels = np.concatenate(list(Batches(store, splits, plan).prior_labels(12).as_numpy_iterator()))
  counts = np.bincount(labels.ravel(), minlength=IGNORE + 1)[:4]
  np.testing.assert_array_equal(
    counts, 4 * np.sum([list(case.voxels.values()) for case in splits.labeled], axis=0)
  )


@pytest.mark.parametrize(
  "setting, message",
  [
    ({"patch_size": (64, 64)}, "patch_size=64,64: must be three sizes (z,y,x) in voxels, each at least 1"),
    ({"patch_size": (0, 8, 8)}, "patch_size=0,8,8: must be three sizes (z,y,x) in voxels, each at least 1"),
    ({"organ_fraction": 1.5}, "organ_fraction=1.5: must be in [0, 1]"),
    ({"scales": (-1.0,)}, "scales=-1: must be at least one number, each above 0"),
    ({"max_rotation_degrees": -1.0}, "max_rotation_degrees=-1.0: must be in [0, 45]"),
  ],
)
def test_a_setting_that_is_not_allowed_is_named(setting, message):
  with pytest.raises(ValueError) as error:
    PatchSampling(**setting)
  assert str(error.value) == message


def test_every_voxel_of_a_patch_is_known_by_its_place_in_the_case(tmp_path):
  """A label map of 0, 1, 2, 3 by its coordinates can be read off them, turned and scaled or not."""
  z, y, x = np.indices((9, 40, 44))
  label = ((z + y // 8 + x // 8) % 4).astype(np.uint8)
  sampler = PatchSampler((saved_case(tmp_path / "case", label, label),), MOVED, seed=0)
  for number in range(6):
    example = sampler.example(number)
    _, _, (shown,) = draw(sampler, [number])
    at = np.floor(sampler.voxels(example) + 0.5).astype(int)
    inside = np.all((at >= 0) & (at < label.shape), axis=-1) & (shown != IGNORE)
    same = label[tuple(np.moveaxis(at[inside], -1, 0))] == shown[inside]
    assert inside.mean() > 0.5 and same.mean() > 0.99  # the rest is rounding at the middle of two voxels
