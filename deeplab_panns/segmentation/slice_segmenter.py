"""2-D networks applied to whole volumes, slice by slice."""

from __future__ import annotations

import dataclasses
import functools

import tensorflow as tf

from data.allowed import require_choice
from data.arrays import WantedSpacingMM
from data.batches.slices import SLICE_AXIS
from data.spacing import NATIVE
from data.stored import preprocess
from deeplab_panns.segmentation.body_box import body_box_in_graph, on_network_axis
from deeplab_panns.segmentation.in_graph_resampling import (
  require_wanted_spacing,
  resample_side,
  slices_at,
  spacing_ratios,
)
from deeplab_panns.segmentation.slabs import SLAB, Convert, Prepare, SlabSegmenter, slab_count, slab_indices


@dataclasses.dataclass(frozen=True)
class InputGrid:
  """How a 2-D network expects its slices.

  Attributes:
    view: axial, coronal or sagittal.
    slices_per_input: odd; neighbouring slices are the channels, and the middle one is labelled.
    spacing_mm: (z, y, x) of training; None where training kept each volume's own.
    crop_to_body: the network sees a box around the body, and what lies outside is background.
  Raises:
    ValueError: Beginning with "<name>=<value>: ", if a setting is not allowed.
  """

  view: str = "axial"
  slices_per_input: int = 3
  spacing_mm: WantedSpacingMM = NATIVE
  crop_to_body: bool = False

  def __post_init__(self) -> None:
    require_choice("view", self.view, SLICE_AXIS)
    if self.slices_per_input < 1 or self.slices_per_input % 2 == 0:
      raise ValueError(f"slices_per_input={self.slices_per_input}: must be odd and at least 1")
    require_wanted_spacing(self.spacing_mm)


MARGIN = 32  # of the network's pixels around the body's box
GRID = 32  # the largest output stride: a box that begins on it is sampled at the same pixels


class SliceSegmenter(SlabSegmenter):
  """A 2-D network, float32 [batch, h, w, channels] to logits, applied to every slice of a volume.

  The network's input for each slice is resampled from the volume: in-plane to the spacing of training, and
  across the slices to neighbours at the distance of training. The probabilities are resampled back in-plane.

  Cropped to the body, slabs of slices beyond it are background without being computed, and of the others the
  network sees the body's box and MARGIN pixels around it, on the same grid of GRID pixels. A network that
  looks no further than MARGIN gives the same labels in the box; DeepLab looks at the whole image.
  """

  grid: InputGrid

  def __init__(self, network: tf.keras.Model, grid: InputGrid, class_count: int) -> None:
    super().__init__(network, grid, class_count, SLICE_AXIS[grid.view])
    self._sides = [side for side in range(3) if side != self.axis]

  def with_network(self, network: tf.keras.Model) -> SliceSegmenter:
    """The same segmenter with another network."""
    return SliceSegmenter(network, self.grid, self.class_count)

  def _slabs(
    self, volume: tf.Tensor, prepare: Prepare, spacing_mm: tf.Tensor, convert: Convert, dtype: tf.DType
  ) -> tf.TensorArray:
    ratios, sizes = spacing_ratios(self.grid.spacing_mm, spacing_mm), tf.shape(volume)
    depth = sizes[self.axis]
    body = body_box_in_graph(volume, prepare) if self.grid.crop_to_body else None
    outputs = tf.TensorArray(dtype, size=slab_count(depth), infer_shape=False)
    for number in tf.range(slab_count(depth)):
      # One at a time: TensorFlow would otherwise start ten slabs at once, which takes ten times the memory.
      tf.autograph.experimental.set_loop_options(parallel_iterations=1)
      indices = slab_indices(number, depth)
      if body is None:
        slab = self._slab(volume, prepare, indices, ratios, None)
      else:
        first, end = body[self.axis][0], body[self.axis][1]
        slab = tf.cond(
          (indices[0] < end) & (indices[-1] >= first),
          functools.partial(self._slab, volume, prepare, indices, ratios, body),
          functools.partial(self._background, sizes),
        )
      outputs = outputs.write(number, convert(number, 0, slab))
    return outputs

  def _slab(
    self,
    volume: tf.Tensor,
    prepare: Prepare,
    indices: tf.Tensor,
    ratios: list[tf.Tensor],
    body: tf.Tensor | None,
  ) -> tf.Tensor:
    """Probabilities of SLAB slices, [SLAB, h, w, K + 1]."""
    sizes = tf.shape(volume)
    inputs = self._inputs(volume, prepare, indices, ratios)
    if body is None:
      return self._back(self._classify(inputs), sizes, ratios)
    network_sizes = tf.shape(inputs)[1:3]
    (top, bottom), (left, right) = (
      _with_margin(*on_network_axis(body[side], sizes[side], size, ratios[side]), size)
      for side, size in zip(self._sides, tf.unstack(network_sizes))
    )
    probabilities = self._classify(inputs[:, top:bottom, left:right])
    around = [[0, 0], [top, network_sizes[0] - bottom], [left, network_sizes[1] - right], [0, 0]]
    background = tf.pad(probabilities[..., :1], around, constant_values=1.0)
    probabilities = tf.concat([background, tf.pad(probabilities[..., 1:], around)], -1)
    return self._back(probabilities, sizes, ratios)

  def _background(self, sizes: tf.Tensor) -> tf.Tensor:
    """Probabilities of SLAB slices of background."""
    rows, columns = (sizes[side] for side in self._sides)
    slab = tf.broadcast_to(tf.one_hot(0, self.class_count), [SLAB, rows, columns, self.class_count])
    return tf.ensure_shape(slab, [SLAB, None, None, self.class_count])

  def _inputs(
    self, volume: tf.Tensor, prepare: Prepare, indices: tf.Tensor, ratios: list[tf.Tensor]
  ) -> tf.Tensor:
    """The network's input for SLAB slices: float32 [SLAB, h', w', channels], whole numbers in [0, 255]."""
    channels, ratio, sizes = self.grid.slices_per_input, ratios[self.axis], tf.shape(volume)
    offsets = tf.cast(tf.range(channels) - channels // 2, tf.float64) * ratio
    centres = tf.reshape(tf.cast(indices, tf.float64)[:, None] + offsets[None, :], [-1])
    centres = tf.clip_by_value(centres, 0.0, tf.cast(sizes[self.axis] - 1, tf.float64))
    neighbours = slices_at(volume, self.axis, prepare, centres, ratio)
    for image_axis, side in enumerate(self._sides, 1):
      size_out = preprocess.resampled_size(sizes[side], 1.0, ratios[side])
      neighbours = resample_side(neighbours, image_axis, size_out, ratios[side])
    shape = tf.concat([[SLAB, channels], tf.shape(neighbours)[1:]], 0)
    inputs = tf.transpose(tf.reshape(tf.round(neighbours), shape), [0, 2, 3, 1])
    return tf.ensure_shape(inputs, [SLAB, None, None, channels])

  def _back(self, probabilities: tf.Tensor, sizes: tf.Tensor, ratios: list[tf.Tensor]) -> tf.Tensor:
    """Probabilities [SLAB, h', w', K + 1] resampled to the volume's own pixels, [SLAB, h, w, K + 1]."""
    for image_axis, side in enumerate(self._sides, 1):
      probabilities = resample_side(probabilities, image_axis, sizes[side], 1.0 / ratios[side])
    return tf.ensure_shape(probabilities, [SLAB, None, None, self.class_count])


def _with_margin(low: tf.Tensor, high: tf.Tensor, size: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
  """(low, high), int32, MARGIN pixels further apart on each side and k · GRID + 1 pixels from a multiple of
  GRID on, but within the image of `size` pixels."""
  low = tf.maximum(0, low - MARGIN) // GRID * GRID
  cells = (tf.minimum(size, high + MARGIN) - low - 1 + GRID - 1) // GRID
  return low, tf.minimum(size, low + cells * GRID + 1)
