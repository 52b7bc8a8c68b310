"""CT volumes and label maps in canonical orientation, and label maps back on the input's own grid."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import unicodedata
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from nibabel import orientations

from data.arrays import Affine, Integers, SpacingMM
from data.cases import AS_IT_SAYS, Reading
from data.dicom import series as dicom
from data.formats import itk, nifti
from data.formats.grid import FileGrid, StoredVolume, farthest_apart, format_mm, spacing_of
from data.formats.label_values import label_integers
from data.input_error import InputError
from data.whole_file import AnyPath

SUFFIXES = (*nifti.SUFFIXES, ".nrrd", ".nhdr", ".mha", ".mhd", *dicom.SUFFIXES)


@dataclasses.dataclass(frozen=True, eq=False)
class Volume:
  """A volume in canonical orientation (data/formats/grid.py), and the grid of the file it came from.

  Attributes:
    array: [z, y, x]; x grows to the patient's Left, y to Posterior, z to Superior.
    affine: 4x4 float64, canonical voxel (x, y, z) -> RAS mm, as in nibabel.
    grid: the file's own grid, on which `write_label` writes.
    path: the file or the DICOM folder.
    notes: what the user should know of how the file was read, one line each, without the path.
    slice_files: of a DICOM series, the files of the planes of `grid` in their order; () of others.
    frame_of_reference: FrameOfReferenceUID of a DICOM series; "" where it is not known.
    slice_notes: those of `notes` that are of the slices of a series and not of what lies beside them.
  """

  array: npt.NDArray[Any]
  affine: Affine
  grid: FileGrid
  path: str
  notes: tuple[str, ...] = ()
  slice_files: tuple[str, ...] = ()
  frame_of_reference: str = ""
  slice_notes: tuple[str, ...] = ()

  @property
  def spacing_mm(self) -> SpacingMM:
    """Voxel spacing (z, y, x) in mm."""
    return spacing_of(self.affine)


def read_image(path: AnyPath, believed: str = "", reading: Reading = AS_IT_SAYS) -> Volume:
  """Reads a CT volume: NIfTI, NRRD, MetaImage, or a folder of DICOM slices.

  Args:
    believed: "sform" or "qform" for a NIfTI file in which they disagree; "" refuses it.
    reading: what is known beyond the headers; `mirrored` and `placed_by` are not looked at here.
  Returns:
    A Volume of float32 HU.
  Raises:
    InputError: If the file is missing, broken, not one volume, without geometry, or holds NaN or infinity.
  """
  return _volume(path, _read(path, believed, reading), np.float32)


def read_label(path: AnyPath, believed: str = "", reading: Reading = AS_IT_SAYS) -> Volume:
  """Reads a label map.

  Args:
    believed, reading: as for `read_image`.
  Returns:
    A Volume of uint8 where every value fits, else of int32. Floats within 1e-3 of an integer are rounded.
  Raises:
    InputError: As `read_image`, and if the values are those of no label map.
  """
  with system_errors(path):
    if os.path.isdir(path) or (os.path.isfile(path) and is_dicom(path)):
      raise dicom.not_a_label_map(path)
  stored = _read(path, believed, reading)
  voxels = label_integers(path, stored)
  fits = voxels.min() >= 0 and voxels.max() <= 255
  return _volume(path, dataclasses.replace(stored, voxels=voxels), np.uint8 if fits else np.int32)


class GridsDiffer(InputError):
  """A label map has its image's shape, and by its header lies elsewhere."""


def require_same_grid(image: Volume, label: Volume) -> Volume:
  """Refuses a label Volume that does not lie on the image Volume's voxels.

  Returns:
    The label map with the axes of the image: near 45 degrees two files of the same grid may have been turned
    into canonical orientation by other axes.
  Raises:
    InputError: If shapes differ.
    GridsDiffer: If a corner voxel lies more than half a voxel from its counterpart.
  """
  label = _with_axes_of(image, label)
  if image.array.shape != label.array.shape:
    raise InputError(
      f"{label.path}: the label map has {_shape(label)} voxels (z, y, x), the image {image.path} has "
      f"{_shape(image)}; both must be equal. Resample the label map."
    )
  off_mm = farthest_apart(image.affine, label.affine, image.array.shape[::-1])
  allowed_mm = min(image.spacing_mm) / 2
  if off_mm > allowed_mm:
    spacings = (
      ""
      if np.allclose(image.spacing_mm, label.spacing_mm, rtol=1e-3)
      else (f" Spacing (z, y, x): {format_mm(label.spacing_mm)} against {format_mm(image.spacing_mm)} mm.")
    )
    raise GridsDiffer(
      f"{label.path}: the label map's corners lie up to {off_mm:.3g} mm off those of the image {image.path}; "
      f"half a voxel ({allowed_mm:.3g} mm) is allowed.{spacings} Correct the header that is wrong."
    )
  return label


def _with_axes_of(image: Volume, label: Volume) -> Volume:
  """`label` with its axes in the order and direction of the image's, where turns by right angles do that."""
  turn = np.linalg.solve(image.affine, label.affine)[:3, :3]
  whole = np.rint(turn)
  if np.array_equal(whole, np.eye(3)) or np.abs(turn - whole).max() > 0.1:
    return label
  if not np.array_equal(np.abs(whole) @ np.ones(3), np.ones(3)):
    return label
  padded = np.eye(4)
  padded[:3, :3] = whole
  orientation = orientations.io_orientation(padded)
  array = orientations.apply_orientation(label.array.T, orientation).T
  affine = label.affine @ orientations.inv_ornt_aff(orientation, label.array.shape[::-1])
  return dataclasses.replace(label, array=np.ascontiguousarray(array), affine=affine)


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


def _read(path: AnyPath, believed: str, reading: Reading) -> StoredVolume:
  """The volume, of finite values, by the kind of file."""
  with system_errors(path):
    stored = _read_kind(path, believed, reading)
  voxels = stored.voxels
  bad = voxels.size - np.count_nonzero(np.isfinite(voxels))
  if voxels.dtype == np.float64 and not bad:  # volumes are of 32 bits
    bad = np.count_nonzero(np.abs(voxels) > np.finfo(np.float32).max)
  if bad:
    raise InputError(
      f"{path}: {bad} of {voxels.size} voxels are NaN or infinite; only finite values are allowed. Replace "
      "them (in an image by air, -1024 HU, in a label map by 0), or leave the case out."
    )
  return stored


def _read_kind(path: AnyPath, believed: str, reading: Reading) -> StoredVolume:
  if reading.spacing_mm is not None and not str(path).lower().endswith(nifti.SUFFIXES):
    raise InputError(f"{path}: a spacing is given for a file that is no NIfTI file; take it out of the list.")
  if os.path.isdir(path):
    return dicom.read_series(path, reading.one_series, reading.series, reading.slices)
  if not os.path.isfile(path):
    raise InputError(f"{path}: there is no such file or folder{_namesake(path)}; correct the path.")
  if str(path).lower().endswith(nifti.SUFFIXES):
    return nifti.read(path, believed, reading.spacing_mm, reading.first_of_four_axes)
  if dicom.looks_like_dicom(str(path)):
    raise dicom.not_an_image(path)
  return itk.read(path)


def is_dicom(path: AnyPath) -> bool:
  """Whether a file is DICOM, by its content or its name."""
  return not str(path).lower().endswith(nifti.SUFFIXES) and dicom.looks_like_dicom(str(path))


def _namesake(path: AnyPath) -> str:
  """Explains a path that leads nowhere: a broken link, or a file whose accents are encoded differently."""
  if os.path.islink(path):
    return " (the link leads nowhere: fetch what it stands for)"
  folder, name = os.path.split(os.path.abspath(path))
  looks = unicodedata.normalize("NFC", name)
  others = os.listdir(folder) if os.path.isdir(folder) else []
  if any(unicodedata.normalize("NFC", other) == looks for other in others):
    return (
      ", but there is one whose name looks the same and encodes its accents otherwise (Unicode NFC or NFD)"
    )
  return ""


@contextlib.contextmanager
def system_errors(path: AnyPath) -> Iterator[None]:
  """Turns an error of the operating system into an InputError that names the file."""
  try:
    yield
  except OSError as error:
    where = error.filename if isinstance(error.filename, (str, os.PathLike)) else path
    raise InputError(
      f"{where}: it cannot be read ({error.strerror or error}); check the file and its permissions."
    ) from error


def _volume(path: AnyPath, stored: StoredVolume, dtype: npt.DTypeLike) -> Volume:
  array = np.ascontiguousarray(stored.grid.to_canonical(stored.voxels), dtype=dtype)
  return Volume(
    array,
    stored.grid.canonical_affine,
    stored.grid,
    str(path),
    stored.notes,
    stored.slice_files,
    stored.frame_of_reference,
    stored.slice_notes,
  )


def _shape(volume: Volume) -> str:
  return " x ".join(map(str, volume.array.shape))
