"""Surface distances: by hand, and against a brute-force search and another program."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.distance import cdist

from deeplab_panns.scores.surface_distances import surface_distances

SPACING_MM = (2.5, 0.8, 1.2)


def numbers(reference, predicted, spacing_mm=SPACING_MM):
  return dataclasses.astuple(surface_distances(reference, predicted, spacing_mm))


def box(shape, low, high):
  mask = np.zeros(shape, bool)
  mask[tuple(slice(a, b) for a, b in zip(low, high))] = True
  return mask


def blob(seed, shape=(14, 20, 18), smoothness=2.0, share=0.3):
  """A random mask with holes, islands and parts cut off by the array's edge."""
  noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), smoothness)
  return noise > np.quantile(noise, 1 - share)


def brute_force(reference, predicted, spacing_mm):
  """The same three numbers from scipy's erosion and all pairs of border voxels."""
  points = [
    np.argwhere(mask & ~ndimage.binary_erosion(mask, border_value=0)) * np.array(spacing_mm)
    for mask in (reference, predicted)
  ]
  pairs = cdist(*points)
  there, back = pairs.min(axis=1), pairs.min(axis=0)
  return (
    np.concatenate([there, back]).mean(),
    max(there.max(), back.max()),
    max(np.percentile(there, 95), np.percentile(back, 95)),
  )


@pytest.mark.parametrize("spacing_mm", [(1, 1, 1), SPACING_MM, (5, 0.7, 0.7), (0.5, 3, 3)])
@pytest.mark.parametrize("seed", range(4))
def test_equals_brute_force_on_unrelated_blobs(seed, spacing_mm):
  reference, predicted = blob(seed), blob(100 + seed, smoothness=1.5, share=0.1)
  np.testing.assert_allclose(
    numbers(reference, predicted, spacing_mm), brute_force(reference, predicted, spacing_mm), atol=1e-4
  )


@pytest.mark.parametrize("spacing_mm", [(1, 1, 1), SPACING_MM, (5, 0.7, 0.7)])
def test_equals_brute_force_on_masks_that_mostly_agree_and_have_a_far_island(spacing_mm):
  reference = blob(5, (16, 40, 30), share=0.1)
  predicted = ndimage.binary_dilation(reference) & (blob(6, reference.shape, smoothness=1, share=0.9))
  predicted[15, 38:, 28:] = True
  np.testing.assert_allclose(
    numbers(reference, predicted, spacing_mm), brute_force(reference, predicted, spacing_mm), atol=1e-4
  )


masks = st.builds(
  lambda seed, shape, share: np.random.default_rng(seed).random(shape) < share,
  st.integers(0, 2**32 - 1),
  st.just((4, 6, 5)),
  st.sampled_from([0.03, 0.3, 0.7]),
)
spacings_mm = st.tuples(*[st.floats(0.3, 6)] * 3)


@settings(max_examples=80, deadline=None)
@given(masks, masks, spacings_mm)
def test_any_two_masks_equal_brute_force_either_way_round(reference, predicted, spacing_mm):
  forth, back = (numbers(reference, predicted, spacing_mm), numbers(predicted, reference, spacing_mm))
  if reference.any() and predicted.any():
    np.testing.assert_allclose(forth, brute_force(reference, predicted, spacing_mm), atol=1e-4)
    mean, maximum, robust = forth
    assert 0 <= mean <= maximum + 1e-9 and 0 <= robust <= maximum
  np.testing.assert_allclose(forth, back, rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(masks, masks, spacings_mm)
def test_axes_may_be_swapped_together_with_the_spacing_and_margins_added(reference, predicted, spacing_mm):
  turned = numbers(
    reference.transpose(2, 0, 1), predicted.transpose(2, 0, 1), tuple(spacing_mm[axis] for axis in (2, 0, 1))
  )
  padded = numbers(np.pad(reference, 3), np.pad(predicted, 3), spacing_mm)
  np.testing.assert_allclose(turned, numbers(reference, predicted, spacing_mm), rtol=1e-9)
  np.testing.assert_allclose(padded, numbers(reference, predicted, spacing_mm), rtol=1e-12)


def test_two_single_voxels_are_as_far_apart_as_their_centres():
  reference, predicted = box((9, 9, 9), (1, 1, 1), (2, 2, 2)), box((9, 9, 9), (5, 4, 1), (6, 5, 2))
  assert numbers(reference, predicted, (1, 1, 1)) == pytest.approx([5] * 3)  # 3, 4, 5
  assert numbers(reference, predicted) == pytest.approx([math.hypot(4 * 2.5, 3 * 0.8)] * 3)


@pytest.mark.parametrize("shift", [1, 2, 3, 5])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_shifted_plate_is_the_shift_away(axis, shift):
  shape = [12, 12, 12]
  plate = np.zeros(shape, bool)
  plate[(slice(None),) * axis + (3,)] = True  # one voxel thick and as wide as the array: border alone
  assert numbers(plate, np.roll(plate, shift, axis)) == pytest.approx([shift * SPACING_MM[axis]] * 3)


def test_border_by_hand_of_a_shifted_cube():
  # 3^3 voxels, 26 of them border, shifted by one along x. From the 9 on the left face: 1. The other 17 lie in
  # the right two layers: 8 + 9. The right layer's middle (1) faces the other cube's inner voxel: 1. The
  # middle layer's ring (8) is the other's left layer, the right layer's ring (8) its middle ring: 0.
  cube = box((5, 5, 6), (1, 1, 1), (4, 4, 4))
  mean, maximum, robust = numbers(cube, np.roll(cube, 1, axis=2), (1, 1, 1))
  assert (mean, maximum, robust) == pytest.approx((10 / 26, 1, 1))


def test_concentric_balls_are_the_difference_of_radii_apart():
  z, y, x = np.indices((33, 65, 65)) - np.array([16, 32, 32]).reshape(3, 1, 1, 1)
  radius_mm = np.sqrt((2 * z) ** 2 + y**2 + x**2)
  mean, maximum, robust = numbers(radius_mm <= 20, radius_mm <= 28, (2, 1, 1))
  assert mean == pytest.approx(8, abs=0.5)
  assert robust == pytest.approx(8, abs=1)
  assert maximum == pytest.approx(8, abs=1.5)


def test_what_lies_outside_the_array_is_background():
  full = np.ones((5, 5, 5), bool)  # its border is the array's shell, the single voxel's its own
  centre = box((5, 5, 5), (2, 2, 2), (3, 3, 3))
  assert numbers(full, centre, (1, 1, 1))[1] == pytest.approx(math.sqrt(12))
  halves = box((6, 4, 4), (0, 0, 0), (3, 4, 4)), box((6, 4, 4), (3, 0, 0), (6, 4, 4))
  assert numbers(*halves) == pytest.approx(brute_force(*halves, SPACING_MM))


def test_percentile_is_linear_and_the_larger_of_the_two_directions():
  reference = np.zeros((1, 1, 60), bool)
  reference[0, 0, ::3] = True  # 20 voxels, no two neighbours
  predicted = np.zeros_like(reference)
  predicted[0, 0, :] = reference[0, 0, :]
  predicted[0, 0, 57] = False  # the 20th: 3 voxels to the next; the others: 0
  _, maximum, robust = numbers(reference, predicted, (1, 1, 1))
  assert maximum == 3
  assert robust == pytest.approx(0.05 * 3)  # at 0.95 * 19 = 18.05, between the 19th (0) and the 20th (3)


@pytest.mark.parametrize("values", [(0, 0), (0, 1), (1, 0)])
def test_an_empty_mask_has_no_distances(values):
  assert all(math.isnan(number) for number in numbers(*(np.full((3, 4, 5), bool(value)) for value in values)))


def test_equal_masks_are_0_apart():
  assert numbers(blob(1), blob(1)) == (0, 0, 0)


def test_hausdorff_equals_the_surface_distance_package_where_the_definitions_meet():
  # The package measures between faces, not centres: the same for flat walls moved by whole voxels.
  surface_distance = pytest.importorskip("surface_distance")
  shape = (12, 16, 14)
  inner = box(shape, (4, 5, 5), (8, 9, 9))
  for other in (
    np.roll(inner, 2, 0),
    np.roll(inner, 3, 1),
    np.roll(inner, (1, 2, -3), (0, 1, 2)),
    box(shape, (2, 2, 1), (10, 12, 13)),
    box(shape, (4, 5, 5), (8, 9, 13)),
  ):
    theirs = surface_distance.compute_surface_distances(inner, other, SPACING_MM)
    expected_mm = surface_distance.compute_robust_hausdorff(theirs, 100)
    assert numbers(inner, other)[1] == pytest.approx(expected_mm)


@pytest.mark.parametrize("seed", range(5))
def test_hausdorff_is_within_a_voxel_of_the_surface_distance_package(seed):
  surface_distance = pytest.importorskip("surface_distance")
  reference, predicted = blob(seed), blob(50 + seed)
  theirs = surface_distance.compute_surface_distances(reference, predicted, SPACING_MM)
  expected_mm = surface_distance.compute_robust_hausdorff(theirs, 100)
  assert numbers(reference, predicted)[1] == pytest.approx(expected_mm, abs=float(np.linalg.norm(SPACING_MM)))


@pytest.mark.parametrize("spacing_mm", [(1, 1), (1, 0, 1), (1, -1, 1), (1, math.nan, 1), 1.0])
def test_refuses_an_impossible_spacing(spacing_mm):
  with pytest.raises(ValueError, match="spacing_mm"):
    surface_distances(blob(0), blob(1), spacing_mm)


def test_refuses_unequal_shapes():
  with pytest.raises(ValueError, match="shapes"):
    surface_distances(np.ones((2, 3, 4), bool), np.ones((2, 3, 5), bool), SPACING_MM)
