"""How trained networks are applied to volumes: at which scales, where, and in how much memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # TensorFlow is imported where a network is applied: commands read flags without it
  from deeplab_panns.segmentation.ensemble import Ensemble
  from deeplab_panns.segmentation.slabs import SlabSegmenter

LEAST_SCALE, MOST_SCALE = 0.25, 4.0
_LARGE_SLICE = 1024**2  # pixels; a slab of these is not divided where the memory is enough for it


@dataclasses.dataclass(frozen=True)
class Application:
  """How networks are applied; the defaults are what training validates by.

  Attributes:
    test_scales: sizes of the image that the probabilities are averaged over. In 2-D each slice is resized
      (see MultiScaleNetwork); in 3-D the whole volume is, and windows of the same voxels swept over it.
    crop_to_body: nothing is computed outside a box around the body.
    memory_gb: what the activations of a 2-D network may take, in 10^9 bytes; None: half of what is free. A
      3-D network is given one window at a time, whatever there is.
  Raises:
    ValueError: Beginning with "<name>=<value>: ", if a setting is not allowed.
  """

  test_scales: tuple[float, ...] = (1.0,)
  crop_to_body: bool = False
  memory_gb: float | None = None

  def __post_init__(self) -> None:
    scales = self.test_scales
    if not scales or not all(LEAST_SCALE <= scale <= MOST_SCALE for scale in scales):
      raise ValueError(
        f"test_scales={_listed(scales)}: must be one or several factors from {LEAST_SCALE:g} to "
        f"{MOST_SCALE:g}, as 0.75,1,1.25"
      )
    if len(set(scales)) < len(scales):
      raise ValueError(f"test_scales={_listed(scales)}: names a factor twice")
    if self.memory_gb is not None and not self.memory_gb > 0:
      raise ValueError(f"memory_gb={self.memory_gb:g}: must be above 0")

  @property
  def record(self) -> dict[str, Any]:
    """What labels depend on, for JSON."""
    return {"test_scales": list(self.test_scales), "crop_to_body": self.crop_to_body}


def applied(segmenters: Sequence[SlabSegmenter], how: Application) -> SlabSegmenter | Ensemble:
  """Segmenters as one, applied as is wanted.

  Args:
    segmenters: at least one, all with the same number of classes; each has the same weight in the mean.
  Returns:
    An Ensemble where grids differ: in view, spacing or network, or by the scales of a 3-D network.
  """
  from deeplab_panns.segmentation.ensemble import Ensemble

  every = [one for segmenter in segmenters for one in _at_scales(segmenter, how)]
  if len(every) == 1:
    return every[0]
  return Ensemble(every)


def _at_scales(segmenter: SlabSegmenter, how: Application) -> list[SlabSegmenter]:
  from deeplab_panns.segmentation.multi_scale import MultiScaleNetwork
  from deeplab_panns.segmentation.pixels_at_once import chosen_memory_bytes, pixels_at_once
  from deeplab_panns.segmentation.slabs import SLAB
  from deeplab_panns.segmentation.slice_segmenter import SliceSegmenter
  from deeplab_panns.segmentation.sliding_window import VolumeSegmenter

  if isinstance(segmenter, VolumeSegmenter):
    grids = [
      dataclasses.replace(segmenter.grid, scale=scale, crop_to_body=how.crop_to_body)
      for scale in how.test_scales
    ]
    return [VolumeSegmenter(segmenter.network, grid, segmenter.class_count) for grid in grids]
  if not isinstance(segmenter, SliceSegmenter):
    raise TypeError(f"{type(segmenter).__name__}: neither 2-D nor 3-D")
  grid = dataclasses.replace(segmenter.grid, crop_to_body=how.crop_to_body)
  network = segmenter.network
  memory_bytes, most = chosen_memory_bytes(how.memory_gb), None
  if memory_bytes is not None:
    most = pixels_at_once(network, grid.slices_per_input, memory_bytes)
    if most >= SLAB * _LARGE_SLICE * max(how.test_scales) ** 2:
      most = None
  if how.test_scales != (1.0,) or most is not None:
    network = MultiScaleNetwork(network, how.test_scales, most)
  return [SliceSegmenter(network, grid, segmenter.class_count)]


def _listed(scales: Sequence[float]) -> str:
  return ",".join(f"{scale:g}" for scale in scales)
