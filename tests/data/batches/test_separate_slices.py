"""Slices that are no neighbours are looked at one by one, or not at all."""

import dataclasses

import numpy as np
import pytest

from data.batches.patches import PatchSampling
from data.batches.separate_slices import require_single_slices
from data.batches.slices import SliceSampling
from data.input_error import InputError
from tests.data.batches.conftest import saved_case


@pytest.fixture
def cases(tmp_path):
  case = saved_case(tmp_path / "a", np.zeros((2, 20, 20)), np.zeros((2, 20, 20)))
  return [case, dataclasses.replace(case, id="b", separate_slices=True)]


@pytest.mark.parametrize(
  "sampling, says",
  [
    (SliceSampling(slices_per_input=3), "--slices_per_input=3 takes neighbours"),
    (SliceSampling(slices_per_input=1, view="coronal"), "--view=coronal cuts across"),
    (PatchSampling(), "3-D"),
  ],
)
def test_neighbours_are_refused_in_one_line(cases, sampling, says):
  with pytest.raises(InputError, match=says) as error:
    require_single_slices(cases, sampling)
  assert "the slices of b are separate" in str(error.value) and len(str(error.value)) <= 300
  require_single_slices(cases[:1], sampling)


def test_one_axial_slice_is_taken(cases):
  require_single_slices(cases, SliceSampling(slices_per_input=1))
