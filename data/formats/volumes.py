"""CT volumes and label maps in canonical orientation, and label maps back on the input's own grid."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import numpy as np
import numpy.typing as npt

from data.arrays import Affine, Floats, Integers, SpacingMM
from data.formats import dicom, itk, nifti
from data.formats.grid import FileGrid, StoredVoxels, format_mm, spacing_of
from data.input_error import InputError
from data.whole_file import AnyPath

SUFFIXES = (*nifti.SUFFIXES, ".nrrd", ".nhdr", ".mha", ".mhd", *dicom.SUFFIXES)
LABEL_TOLERANCE = 1e-3  # of a label stored as a float, from the nearest integer


@dataclasses.dataclass(frozen=True, eq=False)
class Volume:
  """A volume in canonical orientation (data/formats/grid.py), and the grid of the file it came from.

  Attributes:
    array: [z, y, x]; x grows to the patient's Left, y to Posterior, z to Superior.
    affine: 4x4 float64, canonical voxel (x, y, z) -> RAS mm, as in nibabel.
    grid: the file's own grid, on which `write_label` writes.
    path: the file or the DICOM folder.
  """

  array: npt.NDArray[Any]
  affine: Affine
  grid: FileGrid
  path: str

  @property
  def spacing_mm(self) -> SpacingMM:
    """Voxel spacing (z, y, x) in mm."""
    return spacing_of(self.affine)


def read_image(path: AnyPath) -> Volume:
  """Reads a CT volume: NIfTI, a folder of DICOM slices, or what else SimpleITK reads in 3-D.

  Returns:
    A Volume of float32 HU.
  Raises:
    InputError: If the file is missing, broken, not one volume, without geometry, or holds NaN or infinity.
  """
  stored, grid = _read(path)
  return _volume(path, stored, grid, np.float32)


def read_label(path: AnyPath) -> Volume:
  """Reads a label map.

  Returns:
    A Volume of uint8 where every value fits, else of int32. Floats within 1e-3 of an integer are rounded.
  Raises:
    InputError: As `read_image`, and if a value is not an integer or beyond 32 bits.
  """
  if os.path.isdir(path):
    raise InputError(f"{path}: this is a folder; a label map is one file (.nii.gz, .nrrd, ...).")
  stored, grid = _read(path)
  if stored.dtype.kind == "f":
    rounded = np.rint(stored)
    off = np.abs(stored - rounded) > LABEL_TOLERANCE
    if off.any():
      raise InputError(
        f"{path}: {np.count_nonzero(off)} voxel(s) of the label map are not integers, for "
        f"instance {stored[off][0]:g}; label values must be. If it was resampled, do that "
        "with nearest neighbours; if it is an image or a probability map, name the label map."
      )
    stored = rounded
  low, high = stored.min(), stored.max()
  if low < -(2**31) or high >= 2**31:
    raise InputError(f"{path}: label values run from {low} to {high}; 32-bit integers are allowed.")
  return _volume(path, stored, grid, np.uint8 if low >= 0 and high <= 255 else np.int32)


def require_same_grid(image: Volume, label: Volume) -> None:
  """Refuses a label Volume that does not lie on the image Volume's voxels.

  Raises:
    InputError: If shapes differ, or a corner voxel lies more than half a voxel from its counterpart.
  """
  if image.array.shape != label.array.shape:
    raise InputError(
      f"{label.path}: the label map has {_shape(label)} voxels (z, y, x), the image "
      f"{image.path} has {_shape(image)}; both must be equal. Resample the label map."
    )
  off_mm = float(np.linalg.norm(_corners(image) - _corners(label), axis=1).max())
  allowed_mm = min(image.spacing_mm) / 2
  if off_mm > allowed_mm:
    raise InputError(
      f"{label.path}: the label map's corners lie up to {off_mm:.3g} mm off those of the image "
      f"{image.path}; half a voxel ({allowed_mm:.3g} mm) is allowed. Both have {_shape(image)} voxels "
      f"(z, y, x), the label map's of {format_mm(label.spacing_mm)} mm, the image's of "
      f"{format_mm(image.spacing_mm)} mm: correct the header that is wrong."
    )


def write_label(path: AnyPath, labels: Integers, like: Volume) -> None:
  """Writes a label map as uint8 .nii.gz on the grid of the file that `like` was read from.

  The final name appears once the file is whole.

  Args:
    path: ends in .nii.gz; its folder exists.
    labels: integers in 0 ... 255 of the shape of `like.array`, in canonical orientation.
    like: the Volume that was segmented.
  Raises:
    ValueError: If the shape or a value is out of order.
  """
  labels = np.asarray(labels)
  if labels.shape != like.array.shape:
    raise ValueError(f"received labels of shape {labels.shape} for a volume of {like.array.shape}")
  if labels.dtype != np.uint8:
    if labels.dtype.kind not in "iub" or labels.min() < 0 or labels.max() > 255:
      raise ValueError(f"received {labels.dtype} labels from {labels.min()} to {labels.max()}; not 0 to 255")
    labels = labels.astype(np.uint8)
  nifti.write_labels(path, like.grid.from_canonical(labels), like.grid)


def case_id(path: AnyPath) -> str:
  """A file's or folder's name without the image ending: `a/img0001.nii.gz` -> `img0001`."""
  name = os.path.basename(os.path.abspath(path))
  for suffix in sorted(SUFFIXES, key=len, reverse=True):
    if name.lower().endswith(suffix) and len(name) > len(suffix):
      return name[: -len(suffix)]
  # The dots in a folder's name, often a DICOM UID, set no ending off.
  return name if os.path.isdir(path) else os.path.splitext(name)[0]


def _read(path: AnyPath) -> tuple[StoredVoxels, FileGrid]:
  """(stored [z, y, x] of finite values, FileGrid), by the kind of file."""
  try:
    if os.path.isdir(path):
      return dicom.read_series(path)
    if not os.path.isfile(path):
      raise InputError(f"{path}: there is no such file or folder; correct the path.")
    if str(path).lower().endswith(nifti.SUFFIXES):
      stored, grid = nifti.read(path)
    elif dicom.looks_like_dicom(path):
      raise InputError(f"{path}: this is a single DICOM file; give the folder of its whole series.")
    else:
      stored, grid = itk.read(path)
  except OSError as error:
    raise InputError(
      f"{path}: it cannot be read ({error.strerror or error}); check the file and its permissions."
    ) from error
  bad = stored.size - np.count_nonzero(np.isfinite(stored))
  if bad:
    raise InputError(
      f"{path}: {bad} of {stored.size} voxels are NaN or infinite; only finite values are "
      "allowed. Replace them (air is -1024 HU), or leave the case out."
    )
  return stored, grid


def _volume(path: AnyPath, stored: StoredVoxels, grid: FileGrid, dtype: npt.DTypeLike) -> Volume:
  array = np.ascontiguousarray(grid.to_canonical(stored), dtype=dtype)
  return Volume(array, grid.canonical_affine, grid, str(path))


def _corners(volume: Volume) -> Floats:
  last = np.array(volume.array.shape[::-1]) - 1
  corners = np.array(list(np.ndindex(2, 2, 2))) * last
  return corners @ volume.affine[:3, :3].T + volume.affine[:3, 3]


def _shape(volume: Volume) -> str:
  return " x ".join(map(str, volume.array.shape))
