"""Dice of validation cases on their annotated organs, ignored voxels apart."""

import numpy as np
import pytest

from data.organs import IGNORE
from deeplab_panns.training import validation
from deeplab_panns.training.validation import Validation, Validator

ORGANS = ("liver", "spleen", "pancreas")


class Case:
  """A stored case of three axial slices, 2 x 4 voxels each."""

  id, spacing_mm = "a", (1.0, 1.0, 1.0)

  def __init__(self, label, annotated=ORGANS):
    self._label, self.annotated = np.array(label, np.uint8).reshape(1, 2, 4), annotated

  def label(self):
    return self._label

  def image(self):
    return np.zeros(self._label.shape, np.uint8)


def validate(cases, predicted, monkeypatch, **settings):
  monkeypatch.setattr(
    validation, "segment_stored", lambda segmenter, case: np.array(predicted, np.uint8).reshape(1, 2, 4)
  )
  return Validator(None, ORGANS, tuple(cases), held_out=True, **settings).validate()


def test_dice_is_the_mean_over_cases_that_have_the_organ(monkeypatch):
  predicted = [1, 1, 0, 0, 2, 0, 0, 0]
  cases = [Case([1, 0, 0, 0, 2, 2, 0, 0]), Case([1, 1, 0, 0, 0, 0, 0, 0])]
  found = validate(cases, predicted, monkeypatch)
  assert found.dice["liver"] == pytest.approx((2 / 3 + 1) / 2)
  assert found.dice["spleen"] == pytest.approx((2 / 3 + 0) / 2)
  assert np.isnan(found.dice["pancreas"])
  assert found.mean_dice == pytest.approx((5 / 6 + 1 / 3) / 2)


def test_ignored_voxels_and_organs_that_are_not_annotated_do_not_count(monkeypatch):
  predicted = [1, 1, 0, 0, 2, 2, 2, 2]
  found = validate([Case([1, IGNORE, 0, 0, 0, 0, 0, 0], ("liver",))], predicted, monkeypatch)
  assert found.dice["liver"] == 1.0 and np.isnan(found.dice["spleen"])


def test_pictures_are_of_the_first_three_cases(monkeypatch):
  cases = [Case([1, 0, 0, 0, 0, 0, 0, 0])] * 4
  assert len(validate(cases, [0] * 8, monkeypatch).overlays) == 3
  planes = validate(cases, [0] * 8, monkeypatch, three_planes=True).overlays
  assert len(planes) == 3 and planes.dtype == np.uint8


def test_no_organ_in_any_case_is_undefined():
  assert np.isnan(Validation({"liver": float("nan")}, np.zeros([0])).mean_dice)
