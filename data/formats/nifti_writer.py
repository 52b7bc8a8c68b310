"""Writing NIfTI-1 files, .nii.gz: equal volumes give equal bytes, and a file is whole or not there."""

from __future__ import annotations

import gzip
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from data.arrays import Affine
from data.whole_file import AnyPath, whole

SCANNER, ALIGNED = 1, 2  # xform codes: coordinates of the scanner, or aligned to another file's
GZIP_LEVEL = 6


def write_nifti(
  path: AnyPath,
  voxels_xyz: npt.NDArray[Any],
  affine: Affine,
  code: int,
  unit: str = "mm",
  gzip_level: int = GZIP_LEVEL,
) -> None:
  """Writes a volume.

  Args:
    path: ends in .nii.gz.
    voxels_xyz: [x, y, z], of the type to store.
    affine: voxel indices to RAS, in `unit`; goes into sform and qform.
    code: SCANNER or ALIGNED, for both.
    unit: of lengths, as nibabel names it.
  Raises:
    ValueError: If the name ends otherwise.
  """
  if not str(path).endswith(".nii.gz"):
    raise ValueError(f"path={path}: a NIfTI file is written as .nii.gz")
  image = nib.Nifti1Image(voxels_xyz, affine)
  image.set_sform(affine, code)
  image.set_qform(affine, code)
  image.header.set_xyzt_units(unit)
  # Without name and time in the gzip header the same volume gives the same bytes.
  with (
    whole(path) as unfinished,
    open(unfinished, "wb") as file,
    gzip.GzipFile("", "wb", gzip_level, fileobj=file, mtime=0) as stream,
  ):
    image.to_stream(stream)


def as_stored(array_zyx: npt.NDArray[Any]) -> npt.NDArray[Any]:
  """[z, y, x] as NIfTI has it, [x, y, z]; a view."""
  return np.transpose(array_zyx)
