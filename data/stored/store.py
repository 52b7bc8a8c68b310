"""The store: what training reads. Memory-mapped uint8 arrays of one orientation, and one index.

Layout: STORE/index.json, STORE/cases/<id>/image.npy, label.npy, case.json. Axes are (z, y, x), LPS order.
"""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from data.arrays import Affine, Labels, SpacingMM, StoredImage, WantedSpacingMM
from data.cases import is_case_id
from data.files.file_hash import file_sha256
from data.guards.voxel_sketch import read_sketch
from data.input_error import InputError
from data.listed import listed
from data.organs import BACKGROUND, IGNORE, is_organ_name
from data.whole_file import AnyPath

FORMAT = 1


@dataclasses.dataclass(frozen=True)
class StoredCase:
  """One case of a store.

  Attributes:
    folder: holds image.npy and label.npy.
    annotated: organs that the label map is known to hold, in the store's order.
    fold: cross-validation fold, or None (stores without folds, and partial cases where they always train).
    spacing_mm: (z, y, x).
    affine: [4, 4], voxel (x, y, z) to RAS mm.
    shape: (z, y, x).
    voxels: count of each organ and of "background" in the stored label map.
    sha256: of the stored arrays, "image" and "label", and of the files that they were made from,
      "source_image" and "source_label".
    separate_slices: the slices are no neighbours.
    sketch: of the scan's own voxels (data/guards/voxel_sketch.py); "" where that is not known.
    patient: whose scan it is, as the manifest says; "" where each scan is of another patient.
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
  separate_slices: bool = False
  sketch: str = ""
  patient: str = ""

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
    InputError: If there is no store, it is of another format, its index is damaged, or a case's arrays are
      missing.
  """
  path = pathlib.Path(path)
  index_path = path / "index.json"
  try:
    index = json.loads(index_path.read_text(encoding="utf-8"))
  except (FileNotFoundError, NotADirectoryError):
    raise InputError(
      f"{path}: holds no index.json, so it is no finished store; make one with "
      f"`python -m data.prepare --manifest=RAW/dataset.json --output_dir={path}`."
    ) from None
  except (ValueError, RecursionError) as error:
    raise InputError(
      f"{index_path}: is not JSON ({error}); run data.prepare again to write it anew."
    ) from None
  found = index.get("format") if isinstance(index, dict) else None
  if found != FORMAT or isinstance(found, bool):
    raise InputError(
      f"{index_path}: the store has format {found}, this program reads format {FORMAT}; "
      "run data.prepare again into an empty folder to convert it."
    )
  try:
    organs = tuple(index["organs"])
    _require(
      all(map(is_organ_name, organs)) and 0 < len(organs) < IGNORE and len(set(organs)) == len(organs),
      "organs",
    )
    cases = tuple(_stored_case(path, entry, organs) for entry in index["cases"])
    _require(bool(cases) and len({case.id for case in cases}) == len(cases), "cases")
    spacing_z, spacing_y, spacing_x = (None if mm is None else _length(mm) for mm in index["spacing_mm"])
  except InputError:
    raise
  except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
    raise InputError(
      f"{index_path}: is damaged ({error!r:.80}); run data.prepare again to write it anew."
    ) from None
  return Store(path, organs, cases, (spacing_z, spacing_y, spacing_x))


def _stored_case(path: pathlib.Path, entry: dict[str, Any], organs: tuple[str, ...]) -> StoredCase:
  _require(is_case_id(entry["id"]), "id")  # it names a folder, here and where results are written
  folder = path / "cases" / entry["id"]
  for name in ("image.npy", "label.npy"):
    if not (folder / name).is_file():
      raise InputError(
        f"{folder / name}: is missing though the store's index lists it; run data.prepare again."
      )
  annotated = tuple(_text(organ) for organ in entry["annotated"])
  _require(set(annotated) <= set(organs) and len(set(annotated)) == len(annotated), "annotated")
  _require(type(entry.get("separate_slices", False)) is bool, "separate_slices")
  read_sketch(entry.get("sketch", ""))
  fold, affine = entry["fold"], np.array(entry["affine"], np.float64)
  _require(fold is None or (type(fold) is int and fold >= 0), "fold")
  _require(affine.shape == (4, 4) and bool(np.isfinite(affine).all()), "affine")
  spacing_z, spacing_y, spacing_x = map(_length, entry["spacing_mm"])
  depth, height, width = map(_count, entry["shape"])
  _require(min(depth, height, width) > 0, "shape")
  return StoredCase(
    folder=folder,
    id=entry["id"],
    annotated=annotated,
    fold=fold,
    spacing_mm=(spacing_z, spacing_y, spacing_x),
    affine=affine,
    shape=(depth, height, width),
    voxels={_text(name): _count(entry["voxels"][name]) for name in (BACKGROUND, *organs)},
    # a case without a label map has None for its source
    sha256={**entry["sha256"], **{name: _text(entry["sha256"][name]) for name in ("image", "label")}},
    separate_slices=entry.get("separate_slices", False),
    sketch=entry.get("sketch", ""),
    patient=_text(entry["patient"]) if "patient" in entry else "",
  )


def _require(condition: bool, what: str) -> None:
  if not condition:
    raise ValueError(what)


def _text(value: Any) -> str:
  _require(isinstance(value, str) and bool(value), f"{value!r:.40} for a text")
  return str(value)


def _count(value: Any) -> int:
  _require(type(value) is int and value >= 0, f"{value!r:.40} for a count")
  return int(value)


def _length(value: Any) -> float:
  _require(type(value) in (int, float) and 0 < value < math.inf, f"{value!r:.40} for a length")
  return float(value)


def verify(cases: Iterable[StoredCase]) -> None:
  """Compares the sha256 of the cases' arrays with the index.

  Raises:
    InputError: On the first array with another sha256: it was changed or damaged after data.prepare. Or with
      another shape than the index says: that was changed.
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
    for array in (case.image(), case.label()):
      if array.shape != case.shape or array.dtype != np.uint8:
        raise InputError(
          f"{case.folder}: the index says uint8 of {case.shape}, an array is {array.dtype} of {array.shape}; "
          "run data.prepare again to write the index anew."
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
