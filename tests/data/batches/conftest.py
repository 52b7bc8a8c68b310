"""Stored cases that batches are made from."""

import numpy as np
import pytest

from data.stored.splits import split
from data.stored.store import StoredCase, read_store


def saved_case(folder, image, label):
  """A case of these arrays [z, y, x], saved into a new folder of its own."""
  folder.mkdir(parents=True)
  np.save(folder / "image.npy", np.asarray(image, np.uint8))
  np.save(folder / "label.npy", np.asarray(label, np.uint8))
  return StoredCase(
    folder=folder,
    id=folder.name,
    annotated=(),
    fold=None,
    spacing_mm=(1.0, 1.0, 1.0),
    affine=np.eye(4),
    shape=image.shape,
    voxels={},
    sha256={},
  )


@pytest.fixture(scope="session")
def store(tiny_store):
  return read_store(tiny_store)


@pytest.fixture(scope="session")
def splits(store):
  return split(store, 0, 0.0, 0)
