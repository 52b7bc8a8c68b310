"""One case: scores, volumes and confusions of the same voxels."""

import numpy as np
import pytest

from data.organs import IGNORE
from deeplab_panns.scores.scored_case import Reference, score_case

ORGANS = ("liver", "spleen", "aorta")


def test_a_case_by_hand():
  labels = np.array([[[1, 1, 1, 2, 0, IGNORE]]], np.uint8)
  predicted = np.array([[[1, 1, 2, 2, 0, 1]]], np.uint8)
  found = score_case("a", Reference(labels, ORGANS, ORGANS, (5.0, 2.0, 2.0), "0"), predicted)
  liver, spleen, aorta = found.scores
  assert (liver.dice, spleen.dice) == (4 / 5, 2 / 3) and np.isnan(aorta.dice)
  # voxels of 20 mm3; the ignored one counts for neither map
  assert [(volume.reference_ml, volume.predicted_ml) for volume in found.volumes] == [
    (0.06, 0.04),
    (0.02, 0.04),
    (0.0, 0.0),
  ]
  assert found.confusion.tolist() == [[1, 0, 0, 0], [0, 2, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


def test_a_partial_case_tells_about_its_annotated_organs_alone():
  labels = np.array([[[2, 2, 0, 0]]], np.uint8)
  predicted = np.array([[[2, 0, 1, 3]]], np.uint8)
  found = score_case("a", Reference(labels, ORGANS, ("spleen",), (1.0, 1.0, 1.0), "0"), predicted)
  assert [score.organ for score in found.scores] == [volume.organ for volume in found.volumes] == ["spleen"]
  # the unannotated voxels may hold other organs, so the background's row is not counted
  assert found.confusion.tolist() == [[0] * 4, [0] * 4, [1, 0, 1, 0], [0] * 4]


def test_volume_errors_agree_with_the_volumes():
  rng = np.random.default_rng(0)
  labels, predicted = rng.integers(0, 4, (2, 5, 8, 7)).astype(np.uint8)
  labels[0, 0] = IGNORE
  scored = score_case("a", Reference(labels, ORGANS, ORGANS, (2.5, 1.0, 0.8), "0"), predicted)
  for score, volume in zip(scored.scores, scored.volumes):
    assert volume.organ == score.organ
    assert volume.predicted_ml - volume.reference_ml == pytest.approx(score.volume_error_ml)
