"""The store: what training reads. Memory-mapped uint8 arrays of one orientation, and one index.

Layout: STORE/index.json, STORE/cases/<id>/image.npy, label.npy, case.json. Axes are (z, y, x), LPS order.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from data.arrays import Affine, Labels, SpacingMM, StoredImage, WantedSpacingMM
from data.files.file_hash import file_sha256
from data.input_error import InputError
from data.listed import listed
from data.whole_file import AnyPath

FORMAT = 1


@dataclasses.dataclass(frozen=True)
class StoredCase:
  """One case of a store.

  Attributes:
    folder: holds image.npy and label.npy.
    annotated: organs that the label map is known to hold, in the store's order.
    fold: cross-validation fold, or None (partial cases, stores without folds).
    spacing_mm: (z, y, x).
    affine: [4, 4], voxel (x, y, z) to RAS mm.
    shape: (z, y, x).
    voxels: count of each organ and of "background" in the stored label map.
    sha256: of the stored arrays, "image" and "label", and of the files that they were made from,
      "source_image" and "source_label".
  """

  folder: pathlib.Path
  id: str
  annotated: tuple[str, ...]
  fold: int | None
  spacing_mm: SpacingMM
  affine: Affine
  shape: tuple[int, int, int]
  voxels: dict[str, int]
  sha256: dict[str, str]

  def image(self) -> StoredImage:
    """uint8 [z, y, x], memory-mapped: [-125, 275] HU as [0, 255]."""
    image: StoredImage = np.load(self.folder / "image.npy", mmap_mode="r")
    return image

  def label(self) -> Labels:
    """uint8 [z, y, x], memory-mapped: 1 + the organ's index in the store's list, 255 ignore."""
    label: Labels = np.load(self.folder / "label.npy", mmap_mode="r")
    return label


@dataclasses.dataclass(frozen=True)
class Store:
  """A prepared data set.

  Attributes:
    path: the folder that holds index.json.
    organs: of the label maps, in the order of their values from 1 on.
    spacing_mm: (z, y, x), the spacing that all cases were resampled to; None along an axis where each keeps
      its own.
  """

  path: pathlib.Path
  organs: tuple[str, ...]
  cases: tuple[StoredCase, ...]
  spacing_mm: WantedSpacingMM

  def is_full(self, case: StoredCase) -> bool:
    """Whether every organ of the store is annotated in this case."""
    return len(case.annotated) == len(self.organs)


def read_store(path: AnyPath) -> Store:
  """Opens a store.

  Raises:
    InputError: If there is no store, it is of another format, or a case's arrays are missing.
  """
  path = pathlib.Path(path)
  index_path = path / "index.json"
  try:
    index: dict[str, Any] = json.loads(index_path.read_text(encoding="utf-8"))
  except (FileNotFoundError, NotADirectoryError):
    raise InputError(
      f"{path}: holds no index.json, so it is no finished store; make one with "
      f"`python -m data.prepare --manifest=RAW/dataset.json --output_dir={path}`."
    ) from None
  except json.JSONDecodeError as error:
    raise InputError(
      f"{index_path}: is not JSON ({error}); run data.prepare again to write it anew."
    ) from None
  if index.get("format") != FORMAT:
    raise InputError(
      f"{index_path}: the store has format {index.get('format')}, this program reads format {FORMAT}; "
      "run data.prepare again into an empty folder to convert it."
    )
  cases = tuple(_stored_case(path / "cases" / entry["id"], entry) for entry in index["cases"])
  spacing_z, spacing_y, spacing_x = index["spacing_mm"]
  return Store(path, tuple(index["organs"]), cases, (spacing_z, spacing_y, spacing_x))


def _stored_case(folder: pathlib.Path, entry: dict[str, Any]) -> StoredCase:
  for name in ("image.npy", "label.npy"):
    if not (folder / name).is_file():
      raise InputError(
        f"{folder / name}: is missing though the store's index lists it; run data.prepare again."
      )
  return StoredCase(
    folder=folder,
    id=entry["id"],
    annotated=tuple(entry["annotated"]),
    fold=entry["fold"],
    spacing_mm=tuple(entry["spacing_mm"]),
    affine=np.array(entry["affine"]),
    shape=tuple(entry["shape"]),
    voxels=entry["voxels"],
    sha256=entry["sha256"],
  )


def verify(cases: Iterable[StoredCase]) -> None:
  """Compares the sha256 of the cases' arrays with the index.

  Raises:
    InputError: On the first array with another sha256: it was changed or damaged after data.prepare.
  """
  for case in cases:
    for name in ("image", "label"):
      file = case.folder / f"{name}.npy"
      found = file_sha256(file)
      if found != case.sha256[name]:
        raise InputError(
          f"{file}: has sha256 {found[:12]}…, the index says {case.sha256[name][:12]}…; the array was "
          f"changed or damaged: delete {case.folder} and run data.prepare again."
        )


def require_organs(store: Store, organs: Sequence[str]) -> None:
  """Raises InputError if the store has other organs than an experiment is about, or the same in another
  order."""
  if organs and tuple(organs) != store.organs:
    raise InputError(
      f"{store.path}: has {len(store.organs)} organs ({listed(store.organs, 4)}), and --organs asks for "
      f"{len(organs)} "
      f"({listed(organs, 4)}); prepare a store of these, or give --organs= to take any."
    )
