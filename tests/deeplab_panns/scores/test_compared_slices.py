"""Which slices the report shows, and the file that holds them."""

import types

import numpy as np
import pytest

from data.input_error import InputError
from data.organs import IGNORE
from deeplab_panns.scores import compared_slices, metrics

ORGANS = ("liver", "spleen", "aorta")


def volumes():
  """(image, reference, predicted) [z, y, x]: slice 1 has liver and spleen, 3 the aorta; the spleen is badly
  missed in slice 2."""
  image = np.zeros((5, 30, 40), np.uint8)
  image[:, 5:25, 10:30] = 100  # the body
  reference = np.zeros(image.shape, np.uint8)
  reference[1, 6:10, 11:15] = 1
  reference[1, 12, 12] = reference[2, 12:18, 12:18] = 2
  reference[3, 20, 20] = 3
  predicted = np.where(reference == 2, 0, reference).astype(np.uint8)
  predicted[1, 12, 12] = 2
  return image, reference, predicted


def scores(reference, predicted):
  return metrics.score_organs(reference, predicted, ORGANS, (1, 1, 1))


def test_the_three_slices_by_hand():
  _, reference, predicted = volumes()
  found = compared_slices.choose(reference, predicted, ORGANS, scores(reference, predicted))
  assert found == {1: "most organs", 3: "other organs", 2: "worst: spleen"}


def test_the_first_two_do_not_depend_on_the_prediction():
  _, reference, _ = volumes()
  nothing = np.zeros_like(reference)
  found = compared_slices.choose(reference, nothing, ORGANS, scores(reference, nothing))
  assert list(found)[:2] == [1, 3]
  # of three missed organs the one with the most wrong voxels
  assert found[2] == "worst: spleen"


def test_a_perfect_prediction_and_an_empty_reference():
  _, reference, _ = volumes()
  assert list(compared_slices.choose(reference, reference, ORGANS, scores(reference, reference))) == [
    1,
    3,
  ]
  nothing = np.zeros_like(reference)
  assert compared_slices.choose(nothing, nothing, ORGANS, scores(nothing, nothing)) == {0: "most organs"}


def test_slices_are_cropped_to_the_body_and_survive_the_file(tmp_path):
  image, reference, predicted = volumes()
  reference[1, 20, 20] = IGNORE
  case = types.SimpleNamespace(id="a", spacing_mm=(3.0, 1.5, 0.75))
  parts = compared_slices.cut(case, image, reference, predicted, ORGANS, scores(reference, predicted))
  assert all(part.image.shape == part.reference.shape == part.predicted.shape == (20, 20) for part in parts)
  compared_slices.write(tmp_path / "slices.npz", parts)
  assert [entry.name for entry in tmp_path.iterdir()] == ["slices.npz"]
  for ours, theirs in zip(parts, compared_slices.read(tmp_path / "slices.npz")):
    assert (ours.case, ours.z, ours.spacing_mm, ours.why) == (
      theirs.case,
      theirs.z,
      theirs.spacing_mm,
      theirs.why,
    )
    np.testing.assert_array_equal(theirs.reference, reference[theirs.z, 5:25, 10:30])
    np.testing.assert_array_equal(theirs.predicted, predicted[theirs.z, 5:25, 10:30])
    assert theirs.image.dtype == np.uint8 and theirs.spacing_mm == (1.5, 0.75)


def test_an_empty_image_stays_whole():
  image, reference, predicted = volumes()
  case = types.SimpleNamespace(id="a", spacing_mm=(1.0, 1.0, 1.0))
  parts = compared_slices.cut(
    case, np.zeros_like(image), reference, predicted, ORGANS, scores(reference, predicted)
  )
  assert parts[0].image.shape == (30, 40)


@pytest.mark.parametrize("content", [b"", b"not a zip file", b"PK\x03\x04broken"])
def test_a_damaged_file_is_one_line_for_the_user(tmp_path, content):
  (tmp_path / "slices.npz").write_bytes(content)
  with pytest.raises(InputError, match=r"slices\.npz.*evaluate"):
    compared_slices.read(tmp_path / "slices.npz")
