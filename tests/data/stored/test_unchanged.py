"""An array that is written to, replaced or deleted is noticed; one that is read is not."""

import os
import shutil

import numpy as np
import pytest

from data.stored.store import read_store
from data.stored.unchanged import Unchanged


@pytest.fixture
def store(tiny_store, tmp_path):
  return read_store(shutil.copytree(tiny_store, tmp_path / "store"))


def test_reading_changes_nothing(store):
  unchanged = Unchanged(store.cases)
  for case in store.cases:
    case.image().sum(), case.label().sum()
  assert unchanged.first_change() == ""


def test_what_happened_is_said(store):
  file = store.cases[1].folder / "label.npy"
  unchanged = Unchanged(store.cases)
  array = np.load(file)
  np.save(file.with_suffix(".other.npy"), array)
  os.replace(file.with_suffix(".other.npy"), file)  # the same bytes, but nobody has verified them
  assert unchanged.first_change() == f"{file}: was written to"
  file.unlink()
  assert unchanged.first_change() == f"{file}: is gone"
  shutil.rmtree(store.path)
  assert unchanged.first_change() == f"{store.cases[0].folder / 'image.npy'}: is gone"


def test_a_byte_written_in_place_is_noticed(store):
  file = store.cases[0].folder / "image.npy"
  os.utime(file, (0, 0))
  unchanged = Unchanged(store.cases)
  with open(file, "r+b") as opened:
    opened.seek(-1, os.SEEK_END)
    opened.write(b"\x07")
  assert unchanged.first_change() == f"{file}: was written to"
