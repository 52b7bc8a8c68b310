"""In which numbers a network computes; its weights are float32 throughout."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf

_POLICIES = {"off": "float32", "float16": "mixed_float16", "bfloat16": "mixed_bfloat16"}
PRECISIONS = tuple(_POLICIES)


@contextlib.contextmanager
def computing_in(precision: str) -> Iterator[None]:
  """Networks built inside compute in `precision`, one of PRECISIONS; "off" is float32.

  Batch norm adds up in float32, and logits come out as float32: softmax, losses and the prior see no other.
  """
  before = tf.keras.mixed_precision.global_policy()
  tf.keras.mixed_precision.set_global_policy(_POLICIES[precision])
  try:
    yield
  finally:
    tf.keras.mixed_precision.set_global_policy(before)
