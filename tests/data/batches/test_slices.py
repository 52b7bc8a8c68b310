"""Slices: which is drawn when, its neighbours as channels, and what a sampling refuses."""

import collections
import dataclasses
import itertools
import os
import resource

import numpy as np
import pytest

from data.batches.slices import SliceSampler, SliceSampling
from data.organs import IGNORE
from tests.data.batches.conftest import saved_case


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
    ours.example(number).image[1, :rows, :cols].tobytes() for number in range(len(ours))
  )
  assert drawn == expected


def folder_case(folder, slices, value):
  """A case of `slices` slices, of which slice z holds value + z."""
  volume = np.broadcast_to(np.arange(slices, dtype=np.uint8)[:, None, None] + np.uint8(value), (slices, 8, 9))
  return saved_case(folder, volume, np.zeros_like(volume))


def drawn_slices(ours, numbers):
  return [int(ours.example(number).image[1, 0, 0]) for number in numbers]


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


def test_root_weighting_draws_sets_by_the_root_of_their_number_of_cases(tmp_path):
  """Sets of 9, 4 and 1 cases have 3, 2 and 1 draws of a round of 6; cases of a set come equally often."""
  organs = ["liver"] * 9 + ["spleen"] * 4 + ["pancreas"]
  cases = tuple(
    dataclasses.replace(folder_case(tmp_path / str(k), slices=2, value=10 * k), annotated=(organ,))
    for k, organ in enumerate(organs)
  )
  ours = sampler(cases, case_weighting="root")
  drawn = drawn_slices(ours, range(6 * 18))
  rounds = [[organs[value // 10] for value in drawn[first : first + 6]] for first in range(0, len(drawn), 6)]
  assert all(collections.Counter(one) == {"liver": 3, "spleen": 2, "pancreas": 1} for one in rounds)
  assert len({tuple(one) for one in rounds}) > 1
  # 54 draws of 18 liver slices, 36 of 8 spleen slices (nine turns, an odd number, of four cases), 18 of 2
  counts = collections.Counter(drawn)
  assert all(counts[value] == 3 for k in range(9) for value in (10 * k, 10 * k + 1))
  assert all(counts[10 * k] + counts[10 * k + 1] == 9 for k in range(9, 13))
  assert counts[130] == counts[131] == 9
  assert drawn_slices(sampler(cases, case_weighting="root"), [77, 5]) == [drawn[77], drawn[5]]


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
    planes = ours.example(number).image
    index = next(z for z in range(6) if np.array_equal(image[z], planes[1]))
    np.testing.assert_array_equal(planes[0], image[max(index - 1, 0)])
    np.testing.assert_array_equal(planes[2], image[min(index + 1, 5)])


@pytest.mark.parametrize(
  "setting, message",
  [
    ({"view": "oblique"}, "view=oblique: must be one of axial, coronal, sagittal"),
    ({"case_weighting": "slices"}, "case_weighting=slices: must be one of size, equal, root"),
    ({"slices_per_input": 2}, "slices_per_input=2: must be odd, so that one slice is the middle"),
    ({"slices_per_input": -1}, "slices_per_input=-1: must be odd and at least 1"),
    ({"crop_size": 16}, "crop_size=16: must be at least 17 pixels"),
    ({"scales": ()}, "scales=: must be at least one number, each above 0"),
    ({"scales": (1.0, 0.0)}, "scales=1,0: must be at least one number, each above 0"),
    ({"max_rotation_degrees": 46.0}, "max_rotation_degrees=46.0: must be in [0, 45]"),
  ],
)
def test_a_setting_that_is_not_allowed_is_named(setting, message):
  with pytest.raises(ValueError) as error:
    SliceSampling(**setting)
  assert str(error.value) == message


@pytest.mark.parametrize("view", ["axial", "coronal", "sagittal"])
def test_every_pixel_of_a_crop_is_known_by_its_place_in_the_case(view, tmp_path):
  """A label map that can be read off the coordinates, in crops that are turned and scaled."""
  z, y, x = np.indices((30, 40, 44))
  label = ((z // 6 + y // 8 + x // 8) % 4).astype(np.uint8)
  sampling = SliceSampling(view, 1, 33, (0.75, 1.5), 15.0)
  ours = SliceSampler((saved_case(tmp_path / "case", label, label),), sampling, seed=0)
  for number in range(4):
    example = ours.example(number)
    _, shown = ours.crop(example)
    at = np.floor(ours.voxels(example) + 0.5).astype(int)
    inside = np.all((at >= 0) & (at < label.shape), axis=-1) & (shown != IGNORE)
    same = label[tuple(np.moveaxis(at[inside], -1, 0))] == shown[inside]
    assert inside.mean() > 0.4 and same.mean() > 0.99
