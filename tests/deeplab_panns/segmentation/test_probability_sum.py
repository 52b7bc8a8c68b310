"""The sum on disk against a sum in memory."""

import errno
import os

import numpy as np
import pytest

from data.input_error import InputError
from deeplab_panns.segmentation.probability_sum import ProbabilitySum
from deeplab_panns.segmentation.slabs import SLAB

CLASSES = 4


def test_a_sum_along_three_axes(tmp_path):
  shape = (11, 8, 21)
  rng, expected = np.random.default_rng(0), np.zeros((*shape, CLASSES))
  with open(tmp_path / "sum", "w+b") as file:
    total = ProbabilitySum(file, shape, CLASSES, tmp_path)
    for axis in range(3):
      part = rng.dirichlet(np.ones(CLASSES), shape).astype(np.float32) / 3
      expected += part
      slabs = np.moveaxis(part, axis, 0)
      for number in range(-(-shape[axis] // SLAB)):
        slab = np.take(slabs, np.minimum(np.arange(SLAB) + number * SLAB, shape[axis] - 1), 0)
        for row in range(0, slab.shape[1], 2 * SLAB):
          total.add(axis, (number, row), slab[:, row : row + 2 * SLAB])
    np.testing.assert_allclose(total.probabilities(), expected, atol=6e-4)
    assert np.mean(total.labels() == expected.argmax(-1)) > 0.999


def test_shares_weigh_blocks_and_of_equal_sums_the_lower_class_wins(tmp_path):
  with open(tmp_path / "sum", "w+b") as file:
    total = ProbabilitySum(file, (1, 1, 2), 3, tmp_path)
    for share, voxels in (
      (0.75, [[0.0, 0.0, 1.0], [0.0, 0.5, 0.5]]),
      (0.25, [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]),
    ):
      total.add(0, (0, 0), np.broadcast_to(np.float32(voxels), (SLAB, 1, 2, 3)), share)
    expected = [[[[0, 0.25, 0.75], [0.25, 0.375, 0.375]]]]
    np.testing.assert_allclose(total.probabilities(), expected, atol=5e-4)
    np.testing.assert_array_equal(total.labels(), [[[2, 1]]])


def test_more_rows_than_are_added_at_a_time(tmp_path):
  block = np.random.default_rng(1).dirichlet(np.ones(2), (SLAB, 10 * SLAB + 3, 2)).astype(np.float32)
  with open(tmp_path / "sum", "w+b") as file:
    total = ProbabilitySum(file, block.shape[:3], 2, tmp_path)
    total.add(0, (0, 0), block)
    np.testing.assert_allclose(total.probabilities(), block, atol=6e-4)


def test_room_on_the_disk_is_taken_at_once_or_refused(tmp_path, monkeypatch):
  with open(tmp_path / "sum", "w+b") as file:
    ProbabilitySum(file, (9, 8, 8), 3, tmp_path)
    assert os.path.getsize(file.name) == 2 * 8**3 * 3 * 2  # cubes, voxels, classes, bytes

    def refuse(number):
      def fallocate(*_):
        raise OSError(number, os.strerror(number))

      monkeypatch.setattr(os, "posix_fallocate", fallocate)

    refuse(errno.ENOSPC)
    with pytest.raises(InputError, match=r"has no room for the 2\.9 GB.*400 x 512 x 512 voxels; set TMPDIR"):
      ProbabilitySum(file, (400, 512, 512), 14, tmp_path)
    refuse(errno.EIO)  # no full disk
    with pytest.raises(OSError, match="Input/output"):
      ProbabilitySum(file, (9, 8, 8), 3, tmp_path)
