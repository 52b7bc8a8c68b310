"""A store at another spacing: its cases resampled when training starts, and kept in a cache."""

from __future__ import annotations

import dataclasses
import pathlib
import sys

import numpy as np
import tensorflow as tf
import tqdm

from data.arrays import SpacingMM, WantedSpacingMM
from data.files.file_lock import locked
from data.input_error import InputError
from data.listed import listed
from data.organs import BACKGROUND
from data.spacing import describe_spacing, fill_spacing
from data.stored import case_folder, preprocess
from data.stored.case_folder import Entry, Recipe
from data.stored.size_limit import require_size
from data.stored.store import FORMAT, Store, StoredCase
from data.stored.vanished import keep_vanished
from data.whole_file import AnyPath

_SAME_MM = 1e-3  # relative difference below which two spacings are the same


def at_spacing(store: Store, spacing_mm: WantedSpacingMM, cache_dir: AnyPath, max_voxels: int) -> Store:
  """A store of the same cases at another spacing.

  The image is resampled from the store's 8 bits, so it is within a grey level or two of what data.prepare
  makes from the original files at that spacing; the label map is the same. A case that has the spacing
  already, to 0.1 %, stays where it is.

  Args:
    spacing_mm: (z, y, x); None keeps what each case has along that axis.
    cache_dir: where resampled arrays are kept, one folder for each spacing and case. Those made from the same
      arrays are used again; after a killed call the next one goes on from what is finished.
    max_voxels: a case that would become larger is refused.
  Returns:
    A Store with `path`, ids, annotations and folds of `store`; `store` itself if it has that spacing already.
  Raises:
    InputError: If the store was itself resampled to a coarser spacing, a case would become too large, or the
      cache cannot be written.
  """
  shared = _agreed(store.spacing_mm, spacing_mm)
  if shared == store.spacing_mm:
    return store
  _require_coarser(store, shared)
  separate = [case.id for case in store.cases if case.separate_slices and shared[0] != store.spacing_mm[0]]
  if separate:
    raise InputError(
      f"{store.path}: {listed(separate, 2)} have separate slices, which cannot be resampled along z: leave z "
      "out of the spacing (--spacing_mm=y,x)."
    )
  targets = [fill_spacing(_agreed(case.spacing_mm, shared), case.spacing_mm) for case in store.cases]
  for case, target_mm in zip(store.cases, targets):
    if target_mm != case.spacing_mm:
      require_size(case.folder, case.shape, case.spacing_mm, target_mm, max_voxels)
  folder = pathlib.Path(cache_dir) / "x".join("own" if value is None else f"{value:g}" for value in shared)
  work = tqdm.tqdm(list(zip(store.cases, targets)), "resample", unit="case", disable=not sys.stderr.isatty())
  try:
    # Two runs that start together make each case once.
    with locked(folder.with_name(f".{folder.name}.lock")):
      cases = tuple(_resampled(case, target_mm, folder, store.organs) for case, target_mm in work)
  except OSError as error:
    raise InputError(
      f"{error.filename or folder}: the resampled arrays of {store.path} cannot be kept there "
      f"({error.strerror or error}); make room, or name a folder that can be written to."
    ) from error
  return dataclasses.replace(store, cases=cases, spacing_mm=shared)


def _agreed(own_mm: WantedSpacingMM, wanted_mm: WantedSpacingMM) -> WantedSpacingMM:
  """Along each axis the wanted spacing, unless there is none or the own one is the same."""
  z, y, x = map(_agreed_on_axis, own_mm, wanted_mm)
  return z, y, x


def _agreed_on_axis(own_mm: float | None, wanted_mm: float | None) -> float | None:
  if wanted_mm is None or (own_mm is not None and abs(own_mm - wanted_mm) <= _SAME_MM * own_mm):
    return own_mm
  return float(wanted_mm)


def _require_coarser(store: Store, spacing_mm: WantedSpacingMM) -> None:
  finer = any(
    own is not None and wanted is not None and wanted < own
    for own, wanted in zip(store.spacing_mm, spacing_mm)
  )
  if finer:
    flag = ",".join(f"{value:g}" for value in spacing_mm if value is not None)
    raise InputError(
      f"{store.path}: the store was resampled to {describe_spacing(store.spacing_mm)} (z, y, x), and "
      f"--spacing_mm={flag} is finer: prepare it anew with --spacing_mm={flag}, from the original files."
    )


def _resampled(
  case: StoredCase, target_mm: SpacingMM, cache_dir: pathlib.Path, organs: tuple[str, ...]
) -> StoredCase:
  """The case at `target_mm`, from the cache or made now."""
  if target_mm == case.spacing_mm:
    return case
  folder = cache_dir / case.id
  recipe = {
    "format": FORMAT,
    "organs": list(organs),
    "stored_image": case.sha256["image"],
    "stored_label": case.sha256["label"],
    "spacing_mm": list(case.spacing_mm),
    "affine": np.asarray(case.affine).tolist(),
    "target_spacing_mm": list(target_mm),
  }
  entry = case_folder.finished(folder, recipe) or _make(case, target_mm, folder, recipe)
  return dataclasses.replace(
    case,
    folder=folder,
    spacing_mm=target_mm,
    affine=np.array(entry["affine"]),
    shape=tuple(entry["shape"]),
    voxels=entry["voxels"],
    sha256=entry["sha256"],
  )


def _make(case: StoredCase, target_mm: SpacingMM, folder: pathlib.Path, recipe: Recipe) -> Entry:
  with tf.device("CPU:0"):  # a volume fills a GPU, and TF32 would round its grey levels
    image, label = tf.cast(np.asarray(case.image()), tf.float32), np.asarray(case.label())
    resampled = preprocess.store_label(label, case.spacing_mm, target_mm)
    arrays = {
      "image": preprocess.to_uint8(preprocess.resample(image, case.spacing_mm, target_mm)).numpy(),
      "label": keep_vanished(label, resampled, case.spacing_mm, target_mm)[0],  # as prepare does
    }
  shape = arrays["image"].shape
  entry = {
    "affine": preprocess.resampled_affine(
      case.affine, case.shape, shape, case.spacing_mm, target_mm
    ).tolist(),
    "shape": list(shape),
    "voxels": case_folder.voxel_counts(arrays["label"], (BACKGROUND, *recipe["organs"])),
    "sha256": {name: case.sha256[name] for name in ("source_image", "source_label")},
  }
  case_folder.write(folder, arrays, entry, recipe)
  return entry
