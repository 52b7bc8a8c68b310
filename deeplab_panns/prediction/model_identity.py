"""What tells one trained model from another: the hash of its weights and of how they are applied."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np

from data.files.file_hash import file_sha256
from data.whole_file import AnyPath


class Weights(Protocol):
  """What has a name and gives its numbers, as TensorFlow's variables."""

  @property
  def name(self) -> str: ...
  def numpy(self) -> Any: ...


def identity_of_weights(members: Iterable[tuple[str, Iterable[Weights]]]) -> str:
  """sha256 of networks.

  Args:
    members: of each network how it is applied, as text, and its weights.
  """
  digest = hashlib.sha256()
  for applied, weights in members:
    digest.update(applied.encode())
    for one in weights:
      values = np.ascontiguousarray(one.numpy())
      digest.update(f"{one.name} {values.dtype} {values.shape}".encode())
      digest.update(values.tobytes())
  return digest.hexdigest()


def identity_of_files(path: AnyPath) -> str:
  """sha256 of an exported model: a file, or a folder with all in it."""
  return file_sha256(path)
