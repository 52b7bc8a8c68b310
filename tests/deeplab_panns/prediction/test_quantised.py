"""Probabilities as bytes; test_on_tensorflow.py has those that come block by block."""

import errno

import numpy as np
import pytest

from data.input_error import InputError
from deeplab_panns.prediction import quantised
from deeplab_panns.prediction.quantised import quantised_probabilities, require_probabilities

VOLUME = np.zeros((19, 3, 4), np.float32)  # more slices than are taken at a time


class Whole:
  def __init__(self):
    self.given = np.random.default_rng(0).random((19, 3, 4, 3)).astype(np.float16)

  def probabilities(self, volume, spacing_mm):
    return {"probabilities": self.given}


def test_every_organs_bytes_are_its_probabilities_rounded():
  segmenter = Whole()
  with quantised_probabilities(segmenter, VOLUME, (1, 1, 1), 2) as organs:
    found = list(organs)
  assert len(found) == 2 and found[0].dtype == np.uint8
  for number, organ in enumerate(found, 1):
    np.testing.assert_array_equal(organ, np.rint(segmenter.given[..., number].astype(np.float32) * 255))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_blocks_along_any_axis_make_up_the_same(axis):
  """Slabs of 4 slices, in two blocks of rows; the last slab repeats its last slice."""
  given = Whole().given

  class InBlocks:
    def each_block(self, volume, spacing_mm, take):
      slices = np.moveaxis(given, axis, 0)
      for start in range(0, len(slices), 4):
        slab = slices[np.minimum(np.arange(start, start + 4), len(slices) - 1)]
        for row in range(0, slab.shape[1], 2):
          take(axis, start, row, slab[:, row : row + 2])

  with quantised_probabilities(InBlocks(), VOLUME, (1, 1, 1), 2) as organs:
    np.testing.assert_array_equal(np.stack(list(organs)), quantised.as_bytes(given))


def test_a_full_disk_is_one_line_and_errors_of_the_caller_are_his(monkeypatch):
  with pytest.raises(OSError, match="mine"), quantised_probabilities(Whole(), VOLUME, (1, 1, 1), 2):
    raise OSError("mine")

  def refuse(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")

  monkeypatch.setattr(quantised.np, "memmap", refuse)
  with (
    pytest.raises(InputError, match=r"cannot be kept \(No space left on device\); .* TMPDIR"),
    quantised_probabilities(Whole(), VOLUME, (1, 1, 1), 2),
  ):
    pass


def test_a_segmenter_of_labels_alone_is_refused():
  require_probabilities(Whole())
  with pytest.raises(InputError, match="gives labels alone"):
    require_probabilities(object())
