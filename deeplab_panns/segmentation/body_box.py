"""Where the body lies in a scan: a box around the patient, without the table and the air."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy import ndimage

from data.arrays import Integers
from data.stored import preprocess
from deeplab_panns.segmentation.in_graph_resampling import reach
from deeplab_panns.segmentation.slabs import Prepare

_SAMPLES = 128  # about as many voxels are looked at along each axis: one in 3 mm of a scan of the abdomen
_LEAST_PART = 0.02  # of the largest piece; what is smaller than this is no part of a body
_LEAST_SHARE = 0.01  # of the volume; what is smaller than this is no body, and nothing is cut off


def body_box(image: npt.NDArray[Any], shape: Sequence[int], steps: Sequence[int]) -> Integers:
  """The smallest box found around the largest thing denser than fat's lower end, rounded outwards.

  Thin connections, as to the table, are cut by an opening within the slices. What lies above or below the
  largest piece belongs to it: a blank slice cuts a patient in two. Where no body is found (a volume of air or
  of noise), the box is the whole volume.

  Args:
    image: every steps-th voxel of the volume, windowed to [0, 255]; above 0 is denser than -125 HU.
    shape: voxels (z, y, x) of the whole volume.
    steps: (z, y, x), at least 1.
  Returns:
    int32 [3, 2]: for z, y, x the first voxel and the one after the last.
  """
  dense = np.asarray(image) >= 1
  opened = ndimage.binary_opening(dense, np.ones((1, 3, 3), bool))
  pieces, count = ndimage.label(opened)
  whole = np.array([[0, size] for size in shape], np.int32)
  if not count:
    return whole
  sizes = np.bincount(pieces.ravel())[1:]
  largest = int(sizes.argmax())
  if sizes[largest] < _LEAST_SHARE * dense.size:
    return whole
  boxes = np.array([[(axis.start, axis.stop) for axis in one] for one in ndimage.find_objects(pieces)])
  body = boxes[_of_one_body(boxes, sizes, largest)]
  # A voxel that was looked at stands for those up to its neighbours, and the opening may take one layer more.
  low = (body[:, :, 0].min(axis=0) - 2) * steps
  high = (body[:, :, 1].max(axis=0) + 1) * steps + 1
  return np.clip(np.stack([low, high], 1), 0, whole[:, 1:]).astype(np.int32)


def _of_one_body(boxes: Integers, sizes: Integers, largest: int) -> npt.NDArray[np.bool_]:
  """[pieces]: the largest, and the large ones that lie above or below it, by their boxes [pieces, 3, 2]."""
  in_plane = boxes[:, 1:]
  both = np.minimum(in_plane[..., 1], in_plane[largest, :, 1]) - np.maximum(
    in_plane[..., 0], in_plane[largest, :, 0]
  )
  shared = np.prod(np.maximum(both, 0), axis=1) / np.prod(in_plane[..., 1] - in_plane[..., 0], axis=1)
  return (shared > 0.5) & (sizes >= _LEAST_PART * sizes[largest])


def body_box_in_graph(volume: tf.Tensor, prepare: Prepare) -> tf.Tensor:
  """`body_box` of a volume [z, y, x] of any type that `prepare` takes: int32 [3, 2]; not to be exported."""
  steps = tf.maximum(1, tf.shape(volume) // _SAMPLES)
  part = prepare(volume[:: steps[0], :: steps[1], :: steps[2]])
  box = tf.numpy_function(body_box, [part, tf.shape(volume), steps], tf.int32)
  return tf.ensure_shape(box, [3, 2])


def on_network_axis(
  extent: tf.Tensor, size: tf.Tensor, network_size: tf.Tensor, ratio: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
  """What interpolation reads of the network's grid for a range of the volume's voxels, along an axis.

  Args:
    extent: int32 [2], the first voxel and the one after the last; they may be equal.
    size: voxels of the volume.
    network_size: voxels of the network's grid.
    ratio: the network's spacing divided by the volume's, float64.
  Returns:
    (low, high), int32: the voxels low … high - 1.
  """
  ends = preprocess.positions(tf.stack([extent[0], extent[1] - 1]), size, network_size, 1.0 / ratio)
  return reach(ends[0], ends[1], 1.0 / ratio, network_size)
