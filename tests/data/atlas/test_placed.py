"""The atlas in partial cases: one place a case, and shares that are the truth where patients are alike."""

import dataclasses

import numpy as np

from data.atlas.cells import CELL_MM
from data.atlas.placed import PlacedAtlas
from tests.data.atlas.conftest import SPACING_MM, moved, patient
from tests.data.batches.conftest import saved_case

ORGANS = ("liver", "spleen", "pancreas")


def case(folder, label, annotated):
  saved = saved_case(folder, np.zeros_like(label), label)
  return dataclasses.replace(saved, annotated=annotated, spacing_mm=SPACING_MM)


def placed(tmp_path):
  """Two copies of the labelled patient, one of them moved and cut, and one whose organ is not seen."""
  labeled = case(tmp_path / "full", patient(), ORGANS)
  whole = case(tmp_path / "whole", np.where(patient() == 2, patient(), 0), ("spleen",))
  shown = moved(patient(), (0, 4, -4))[9:]
  cut = case(tmp_path / "cut", np.where(shown == 1, shown, 0), ("liver",))
  blind = case(tmp_path / "blind", np.zeros((6, 8, 9)), ("liver",))
  return PlacedAtlas(ORGANS, [labeled], [whole, cut, blind]), shown


def test_only_cases_that_show_their_organ_have_an_anchor(tmp_path):
  atlas, _ = placed(tmp_path)
  assert list(atlas.anchors_mm) == ["whole", "cut"] and atlas.without_anchor == ("blind",)
  np.testing.assert_array_equal(atlas.expected(2, np.zeros((2, 3))), np.full((2, 4), 0.25))


def test_scans_that_annotate_nothing_and_stores_without_labelled_volumes_have_no_anchor(tmp_path):
  labeled = case(tmp_path / "full", patient(), ORGANS)
  shown = case(tmp_path / "shown", np.where(patient() == 2, patient(), 0), ("spleen",))
  unlabelled = case(tmp_path / "unlabelled", np.zeros((6, 8, 9)), ())
  assert PlacedAtlas(ORGANS, [labeled], [unlabelled, shown]).without_anchor == ("unlabelled",)
  assert PlacedAtlas(ORGANS, [], [shown]).without_anchor == ("shown",)


def test_expected_shares_are_the_true_ones_where_the_patients_are_one(tmp_path):
  """Over each half of the cut scan: q, the shares of the whole patient, would be off by up to a half."""
  atlas, shown = placed(tmp_path)
  voxels = np.moveaxis(np.indices(shown.shape), 0, -1)
  for half in (slice(None, 20), slice(20, None)):
    expected = atlas.expected(1, voxels[:, :, half]).mean(axis=(0, 1, 2))
    true = np.bincount(shown[:, :, half].ravel(), minlength=4) / shown[:, :, half].size
    assert np.abs(expected - true).max() < 0.02
  np.testing.assert_allclose(atlas.expected(0, voxels).sum(axis=-1), 1, rtol=1e-5)


def test_separate_slices_have_a_place_each(tmp_path):
  """Slices of the labelled patient in any order find their own height, to a cell; z spacing means nothing."""
  depth, rows, columns = np.indices((24, 40, 40))
  cone = (depth >= 4) & (depth < 20) & (np.hypot(rows - 20, columns - 15) < 0.6 * depth)
  full = np.where(cone, 1, np.where((abs(rows - 20) < 4) & (abs(columns - 33) < 4), 2, 0)).astype(np.uint8)
  order = np.array([16, 6, 11])
  stack = np.where(full == 1, full, 0)[order]
  shown = dataclasses.replace(
    case(tmp_path / "shown", stack, ("liver",)), separate_slices=True, spacing_mm=(77.0, *SPACING_MM[1:])
  )
  half = np.where(np.arange(3)[:, None, None] == 1, 0, stack)
  half_blind = dataclasses.replace(case(tmp_path / "blind", half, ("liver",)), separate_slices=True)
  atlas = PlacedAtlas(ORGANS, [case(tmp_path / "full", full, ORGANS)], [shown, half_blind])
  assert atlas.without_anchor == ("blind",)  # one of its slices shows nothing
  heights, true = -atlas.anchors_mm["shown"][:, 0], order * SPACING_MM[0]
  assert np.abs((heights - heights[2]) - (true - true[2])).max() <= 2 * CELL_MM
  expected = atlas.expected(0, np.moveaxis(np.indices(stack.shape), 0, -1)).mean(axis=(1, 2))
  counts = np.array([np.bincount(plane.ravel(), minlength=4) / plane.size for plane in full[order]])
  assert np.abs(expected - counts)[:, :3].max() < 0.04


def test_labelled_slices_that_are_no_neighbours_are_not_in_the_atlas(tmp_path):
  full = case(tmp_path / "full", patient(), ORGANS)
  stack = dataclasses.replace(
    case(tmp_path / "stack", patient()[[14, 8, 11]], ORGANS),
    separate_slices=True,
    spacing_mm=(77.0, 4.0, 4.0),
  )
  shown = case(tmp_path / "shown", np.where(patient() == 1, 1, 0), ("liver",))
  voxels = np.moveaxis(np.indices(patient().shape), 0, -1)
  alone, beside = (
    PlacedAtlas(ORGANS, cases, [shown]).expected(0, voxels) for cases in ([full], [full, stack])
  )
  np.testing.assert_array_equal(alone, beside)
  assert PlacedAtlas(ORGANS, [stack], [shown]).without_anchor == ("shown",)
