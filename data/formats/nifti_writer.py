"""Writing NIfTI-1 files, .nii.gz: equal volumes give equal bytes, and a file is whole or not there."""

from __future__ import annotations

import gzip
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from data.arrays import Affine
from data.whole_file import AnyPath, whole, write_bytes

SCANNER, ALIGNED = 1, 2  # xform codes: coordinates of the scanner, or aligned to another file's
GZIP_LEVEL = 6


def write_nifti(
  path: AnyPath,
  voxels_xyz: npt.NDArray[Any],
  affine: Affine,
  code: int,
  unit: str = "mm",
  gzip_level: int = GZIP_LEVEL,
  in_one_piece: bool = False,
) -> None:
  """Writes a volume.

  Args:
    path: ends in .nii.gz.
    voxels_xyz: [x, y, z], of the type to store.
    affine: voxel indices to RAS, in `unit`; goes into sform and qform.
    code: SCANNER or ALIGNED, for both.
    unit: of lengths, as nibabel names it.
    gzip_level: from 0 to 9.
    in_one_piece: compress in memory instead of as a stream. The compressed voxels are the same, but from
      Python 3.11 on the gzip header names another operating system: byte 9 is 3 instead of 255.
  Raises:
    ValueError: If the name ends otherwise.
  """
  image = new_image(voxels_xyz, affine, code, unit)
  if in_one_piece:
    _require_ending(path)
    write_bytes(path, gzip.compress(image.to_bytes(), gzip_level, mtime=0))
  else:
    write_image(path, image, gzip_level)


def new_image(voxels_xyz: npt.NDArray[Any], affine: Affine, code: int, unit: str = "mm") -> nib.Nifti1Image:
  """A NIfTI-1 image; arguments as of `write_nifti`."""
  image = nib.Nifti1Image(voxels_xyz, affine)
  image.set_sform(affine, code)
  image.set_qform(affine, code)
  image.header.set_xyzt_units(unit)
  return image


def write_image(
  path: AnyPath, image: nib.Nifti1Image | nib.Nifti2Image, gzip_level: int = GZIP_LEVEL
) -> None:
  """Writes an image of nibabel, compressed as a stream. Raises ValueError if the name does not end in
  .nii.gz."""
  _require_ending(path)
  # Without name and time in the gzip header the same volume gives the same bytes.
  with (
    whole(path) as unfinished,
    open(unfinished, "wb") as file,
    gzip.GzipFile("", "wb", gzip_level, fileobj=file, mtime=0) as stream,
  ):
    image.to_stream(stream)


def _require_ending(path: AnyPath) -> None:
  if not str(path).endswith(".nii.gz"):
    raise ValueError(f"path={path}: a NIfTI file is written as .nii.gz")


def as_stored(array_zyx: npt.NDArray[Any]) -> npt.NDArray[Any]:
  """[z, y, x] as NIfTI has it, [x, y, z]; a view."""
  return np.transpose(array_zyx)
