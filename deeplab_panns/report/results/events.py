"""Scalars of a run's TensorBoard events."""

from __future__ import annotations

import pathlib

import tensorflow as tf

Scalars = dict[str, tuple[tuple[int, ...], tuple[float, ...]]]
"""{tag: (steps, values)}, sorted by step."""


def read_scalars(folder: pathlib.Path) -> Scalars:
  """The scalars of a folder's event files; empty where there are none.

  A run that was interrupted has several files, whose names begin with the second they were made in, and which
  may tell of the same steps: the latest file counts. A file that breaks off or is damaged counts up to there.
  """
  found: dict[str, dict[int, float]] = {}
  for file in sorted(folder.glob("events.out.tfevents.*")):
    try:
      for event in tf.compat.v1.train.summary_iterator(str(file)):
        for value in event.summary.value:
          if value.tensor.dtype == tf.float32.as_datatype_enum and not value.tensor.tensor_shape.dim:
            found.setdefault(value.tag, {})[event.step] = float(tf.make_ndarray(value.tensor))
    except tf.errors.DataLossError:
      continue
  return {
    name: (tuple(sorted(points)), tuple(points[step] for step in sorted(points)))
    for name, points in found.items()
  }
