"""A patient of three organs."""

import numpy as np

SPACING_MM = (5.0, 4.0, 4.0)


def patient():
  """uint8 [z, y, x]: organs 1 and 2 in the middle, a small third one."""
  label = np.zeros((24, 40, 40), np.uint8)
  label[8:16, 12:24, 10:20], label[6:12, 14:22, 24:30], label[17:20, 20:25, 18:24] = 1, 2, 3
  return label


def moved(label, voxels):
  """The label map with its content shifted; nothing but background may leave it."""
  return np.roll(label, voxels, axis=(0, 1, 2))
