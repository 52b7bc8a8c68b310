"""What predicts, opened: a segmenter for arrays of NumPy, its organs, and what tells it from others."""

from __future__ import annotations

import dataclasses
from typing import Any

from deeplab_panns.segmentation.familiar_scans import ScanRanges


@dataclasses.dataclass(frozen=True)
class OpenedModel:
  """
  Attributes:
    segmenter: labels volumes, as prediction.Segmenter.
    organs: in the order of the labels 1…K.
    scans: the ranges of the scans in training; {} where they are not known.
    identity: a hash that differs where the weights do.
  """

  segmenter: Any
  organs: tuple[str, ...]
  scans: ScanRanges
  identity: str


def on_tensorflow(opened: Any, identity: str) -> OpenedModel:
  """A run, several runs or a SavedModel: what has a segmenter of TensorFlow, organs and scans."""
  from deeplab_panns.prediction.on_tensorflow import OnTensorFlow  # models without TensorFlow are opened too

  return OpenedModel(OnTensorFlow(opened.segmenter), tuple(opened.organs), opened.scans, identity)
