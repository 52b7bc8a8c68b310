"""A label map as a folder of PNG files, one a slice: no geometry, only the order of their names."""

from __future__ import annotations

import os
import re
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from data.arrays import Integers
from data.input_error import InputError
from data.listed import listed
from data.whole_file import AnyPath

_MODES = {"1": np.uint8, "L": np.uint8, "P": np.uint8, "I": np.int32, "I;16": np.uint16}


def is_png_stack(path: AnyPath) -> bool:
  """Whether a path is a folder with PNG files in it."""
  return os.path.isdir(path) and bool(_names(path))


def read_png_stack(folder: AnyPath) -> Integers:
  """Reads the PNG files of a folder, not of its sub-folders.

  Returns:
    Integers [slice, row, column], slices by name; white of a 1-bit picture is 1, a palette counts by index.
  Raises:
    InputError: If there are none, one is in colour or cannot be read, or their sizes differ.
  """
  slices: list[npt.NDArray[np.integer[Any]]] = []
  for name in _names(folder):
    path = os.path.join(folder, name)
    array = _read(path)
    if slices and array.shape != slices[0].shape:
      raise InputError(
        f"{path}: has {array.shape[0]} x {array.shape[1]} pixels, the slices before it "
        f"{slices[0].shape[0]} x {slices[0].shape[1]}; all of a stack must be alike."
      )
    slices.append(array)
  if not slices:
    raise InputError(f"{folder}: there is no PNG file in the folder; give the folder of the label's slices.")
  return np.stack(slices)


def by_name(name: str) -> tuple[tuple[int, int, str], ...]:
  """The key that sorts file names as people count: slice 2 before slice 10."""
  parts = re.findall(r"[0-9]+|[^0-9]+", os.path.basename(name))
  return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)


def _names(folder: AnyPath) -> list[str]:
  names = [name for name in os.listdir(folder) if name.lower().endswith(".png") and name[0] != "."]
  return sorted(names, key=by_name)


def _read(path: str) -> npt.NDArray[np.integer[Any]]:
  try:
    with Image.open(path) as picture:
      picture.load()
      if picture.mode not in _MODES:
        raise InputError(
          f"{path}: is a picture of mode {picture.mode}; a slice of a label map has one value a pixel "
          f"({listed(_MODES, 5)}). Convert it, or name the folder of the label map."
        )
      return np.asarray(picture).astype(_MODES[picture.mode])
  except OSError as error:
    raise InputError(f"{path}: cannot be read ({error}); fetch or write the file again.") from error
