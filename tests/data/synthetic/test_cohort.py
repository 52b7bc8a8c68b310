"""Cohorts: who has which organs annotated, the oracle of the same images, and fields of view."""

import json

import nibabel
import numpy as np
import pytest

from data.organs import BTCV_ORGANS
from data.synthetic.cohort import (
  Cohort,
  PartialCases,
  choose_annotated,
  keep_annotated,
  manifest_entries,
  write_cohort,
)
from data.synthetic.synthetic_case import SyntheticCase

ORGANS = ("spleen", "pancreas", "liver")
IN_TURN = PartialCases(annotated_in_turn=ORGANS)


def draw(seed, role, index):
  """Three organs, one voxel wide along x, in a volume of random numbers."""
  rng = np.random.default_rng([seed, {"labeled": 0, "partial": 1, "test": 2}[role], index])
  label = np.zeros((6, 8, 10), np.uint8)
  for value in (1, 2, 3):
    label[2:4, 3:5, 2 * value] = value
  image = rng.integers(-100, 100, label.shape).astype(np.int16)
  return SyntheticCase(image, label, np.diag([-2.0, -2, 30, 1]))


def cohort(partial=IN_TURN, test_cases=1):
  return Cohort(1, 5, test_cases, seed=3, organs=ORGANS, partial=partial)


def arrays(folder, kind):
  return {path.name: np.asarray(nibabel.load(path).dataobj).T for path in sorted((folder / kind).iterdir())}


@pytest.mark.parametrize("organs_per_case", [0, 1, 5, 8, 13])
@pytest.mark.parametrize("cases", [1, 7, 18])
def test_organs_are_annotated_equally_often(organs_per_case, cases):
  choices = choose_annotated(4, cases, BTCV_ORGANS, organs_per_case)
  assert all(len(set(choice)) == len(choice) == organs_per_case for choice in choices)
  counts = [sum(organ in choice for choice in choices) for organ in BTCV_ORGANS]
  assert max(counts) - min(counts) <= 1


def test_choice_depends_on_the_seed_and_not_on_the_number_of_cases():
  assert choose_annotated(1, 20, BTCV_ORGANS, 5)[:6] == choose_annotated(1, 6, BTCV_ORGANS, 5)
  assert choose_annotated(1, 6, BTCV_ORGANS, 5) != choose_annotated(2, 6, BTCV_ORGANS, 5)


def test_keep_annotated_by_hand():
  label = np.array([0, 1, 2, 6, 13], np.uint8)
  np.testing.assert_array_equal(keep_annotated(label, ["spleen", "liver"], BTCV_ORGANS), [0, 1, 0, 6, 0])
  nothing = keep_annotated(label, [], BTCV_ORGANS)
  assert nothing.dtype == np.uint8 and not nothing.any()


def test_without_test_cases_there_are_no_folds():
  assert not any("fold" in entry for entry in manifest_entries(cohort(test_cases=0)))


def test_fixed_organs_hold_for_every_partial_case():
  entries = manifest_entries(cohort(PartialCases(annotated=("liver", "spleen"))))
  assert [entry["annotated"] for entry in entries] == ["all", *5 * [["spleen", "liver"]], "all"]


def test_in_turn_a_case_has_one_organ_and_each_organ_its_cases():
  annotated = [entry["annotated"] for entry in manifest_entries(cohort())]
  assert annotated == ["all", ["spleen"], ["pancreas"], ["liver"], ["spleen"], ["pancreas"], "all"]


def test_the_oracle_has_the_same_images_and_every_organ(tmp_path):
  write_cohort(tmp_path / "partial", cohort(), draw)
  write_cohort(tmp_path / "oracle", cohort(PartialCases(annotated_in_turn=ORGANS, oracle=True)), draw)
  ours, theirs = arrays(tmp_path / "partial", "images"), arrays(tmp_path / "oracle", "images")
  assert list(ours) == list(theirs) and len(ours) == 7
  for name in ours:
    np.testing.assert_array_equal(ours[name], theirs[name])
  labels = arrays(tmp_path / "oracle", "labels")
  assert all(set(np.unique(label)) == {0, 1, 2, 3} for label in labels.values())
  entries = json.loads((tmp_path / "oracle" / "dataset.json").read_text())["cases"]
  assert all(entry["annotated"] == "all" for entry in entries)
  # Only the test case is held out: the former partial ones train.
  assert [entry["fold"] for entry in entries] == [1, 1, 1, 1, 1, 1, 0]


def test_fields_of_view_are_of_partial_cases_and_in_turn(tmp_path):
  partial = PartialCases(annotated_in_turn=ORGANS, fields=("full", "upper"))
  write_cohort(tmp_path, cohort(partial), draw)
  depths = [image.shape[0] for image in arrays(tmp_path, "images").values()]
  assert depths == [6, 6, 3, 6, 3, 6, 6]
