"""All of it together: off by default, in its order, and around a segmenter."""

import numpy as np
import pytest

from data.input_error import InputError
from deeplab_panns.postprocessing.mending import MendedSegmenter, Mending

ORGANS = ("right kidney", "left kidney")
# a stray piece of the left kidney within the right one's hollow, which has a hole
LABELS = np.zeros((7, 7, 24), np.uint8)
LABELS[1:6, 1:6, 1:6] = 1
LABELS[2:5, 2:5, 2:5] = 0
LABELS[0, 0, 0] = 2
LABELS[1:6, 1:6, 18:23] = 2


def test_by_default_nothing():
  assert Mending().mended(LABELS, ORGANS) is LABELS


def test_each_step_and_all():
  before = LABELS.copy()
  counts = {
    settings: np.bincount(settings.mended(LABELS, ORGANS).ravel(), minlength=3)[1:].tolist()
    for settings in (
      Mending(mend_sides=True),
      Mending(min_piece_share=0.5),
      Mending(fill_holes=True),
      Mending(True, 0.5, True),
    )
  }
  # The stray voxel touches the right kidney at a corner: mended, it is part of it and stays.
  assert list(counts.values()) == [[99, 125], [98, 125], [125, 126], [126, 125]]
  np.testing.assert_array_equal(LABELS, before)


class Segmenter:
  gives_probabilities = True

  def labels(self, volume, spacing_mm):
    return {"labels": LABELS}

  def stored_labels(self, image, spacing_mm):
    return LABELS


def test_a_segmenter_gives_mended_labels_and_the_rest_as_it_is():
  ours = MendedSegmenter(Segmenter(), ORGANS, Mending(fill_holes=True))
  expected = Mending(fill_holes=True).mended(LABELS, ORGANS)
  np.testing.assert_array_equal(ours.labels(volume=0, spacing_mm=0)["labels"], expected)
  np.testing.assert_array_equal(ours.stored_labels(0, 0), expected)
  assert ours.gives_probabilities and not hasattr(ours, "hold")


def test_sides_of_organs_that_have_none_are_refused():
  with pytest.raises(
    InputError, match=r"--mend_sides: none of the organs \(liver, spleen\) comes as a right"
  ):
    MendedSegmenter(Segmenter(), ("liver", "spleen"), Mending(mend_sides=True))
  MendedSegmenter(Segmenter(), ("liver", "spleen"), Mending(fill_holes=True))


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_shares_that_cannot_be(share):
  with pytest.raises(ValueError, match=r"^min_piece_share=.*: must be from 0 \(all pieces stay\) to 1"):
    Mending(min_piece_share=share)
