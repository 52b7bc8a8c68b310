"""Cells: a class's volume is kept, and lies where its voxels do."""

import numpy as np

from data.atlas.cells import CELL_MM, cell_of, count_cells
from data.organs import IGNORE


def test_volumes_are_those_of_the_voxels_and_ignore_counts_nowhere():
  label = np.zeros((6, 10, 12), np.uint8)
  label[2:4, 3:7, 5:9], label[0] = 2, IGNORE
  counted = count_cells(label, (4.0, 2.0, 2.0), 3, np.zeros(3))
  voxel = 4 * 2 * 2 / CELL_MM**3
  np.testing.assert_allclose(counted.volume.sum((1, 2, 3)), np.array([600 - 32, 0, 32]) * voxel, rtol=1e-5)


def test_a_full_cell_is_one_and_lies_where_it_should():
  """Voxels of 2 mm: 4 to 7 of them along each axis are the cell of 8 mm whose middle is at 12 mm."""
  label = np.zeros((12, 12, 12), np.uint8)
  label[4:8, 4:8, 4:8] = 1
  counted = count_cells(label, (2.0, 2.0, 2.0), 2, np.full(3, 12.0))
  assert counted.first == (-1, -1, -1) and counted.volume.shape == (2, 3, 3, 3)
  assert counted.volume[1, 1, 1, 1] == 1 and counted.volume[1].sum() == 1


def test_skipped_voxels_change_little():
  """A scan of 1 mm voxels looks at every second one."""
  z, y, x = np.mgrid[:48, :48, :48]
  label = ((z - 24) ** 2 + (y - 20) ** 2 + (x - 28) ** 2 < 15**2).astype(np.uint8)
  counted = count_cells(label, (1.0, 1.0, 1.0), 2, np.zeros(3))
  assert abs(counted.volume[1].sum() * CELL_MM**3 / label.sum() - 1) < 0.03


def test_a_cell_reaches_half_of_its_side_from_its_middle():
  np.testing.assert_array_equal(cell_of(np.array([-4.1, -4.0, 0.0, 3.9, 4.0, 12.0])), [-1, 0, 0, 0, 1, 2])
