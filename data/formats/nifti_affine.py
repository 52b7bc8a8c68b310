"""Where a NIfTI header puts its voxels: by the sform, by the qform, or refused where the two disagree.

Programs differ in which of the two they believe, so an image in which both are valid and disagree lies at one
position in one program and at another in the next.
"""

from __future__ import annotations

from typing import Union

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError

from data.arrays import Affine, SpacingMM
from data.formats.grid import (
  UNIT_MM,
  FileGrid,
  axis_codes,
  farthest_apart,
  format_mm,
  require_usable,
  spacing_of,
)
from data.input_error import InputError
from data.whole_file import AnyPath

Header = Union[nib.Nifti1Header, nib.Nifti2Header]
FORMS = ("sform", "qform")


def nifti_affine(
  path: AnyPath, header: Header, shape: tuple[int, ...], believed: str = ""
) -> tuple[Affine, tuple[str, ...]]:
  """The affine of a header, in its own unit, and notes on how it was found.

  Args:
    shape: of the image.
    believed: "sform" or "qform" for a file in which they disagree; "" refuses it.
  Raises:
    InputError: If neither is valid, or both are and put a voxel more than half a voxel apart.
  """
  if believed not in ("", *FORMS):
    raise ValueError(f"believed={believed!r}: one of {FORMS}, or nothing, is allowed")
  pixdim = _spacing(path, header)
  sform = header.get_sform().astype(np.float64) if header["sform_code"] > 0 else None
  qform = _qform(path, header, required=sform is None) if header["qform_code"] > 0 else None
  if sform is None and qform is None:
    raise InputError(
      f"{path}: sform and qform code are both 0, so the orientation is unknown. Write an affine into the "
      "header (from the original DICOM, for instance), or leave the case out."
    )
  if sform is None or (qform is not None and believed == "qform"):
    assert qform is not None
    return qform, (("the qform was taken, as asked for",) if sform is not None else ())
  _require_same_spacing(path, sform, pixdim)
  if qform is not None and not believed:
    require_usable(path, FileGrid(shape, sform, unit_of(header)))  # a sheared sform has no equal qform
    _require_agreement(path, sform, qform, shape)
  notes = []
  if qform is not None and believed:
    notes = ["the sform was taken, as asked for"]
  elif qform is None and header["qform_code"] > 0:
    notes = ["the sform was taken; the qform is no rotation"]
  return sform, tuple(notes)


def bare_affine(header: Header) -> Affine | None:
  """The affine of a header whose spacing was lost: 1 mm along every axis, no axis turned. Else None.

  Signs and origin are the header's own; where it has no affine at all, the axes run to R, A, S.
  """
  coded = header["sform_code"] > 0 or header["qform_code"] > 0
  try:
    affine = np.asarray(header.get_best_affine(), np.float64) if coded else np.eye(4)
  except (HeaderDataError, ValueError):
    return None
  pixdim = np.asarray(header["pixdim"], np.float64)[1:4]
  bare = np.array_equal(np.abs(affine[:3, :3]), np.eye(3)) and np.array_equal(pixdim, np.ones(3))
  return affine if bare else None


def with_spacing(path: AnyPath, header: Header, spacing_mm: SpacingMM) -> Affine:
  """The affine of a header without spacing, given one.

  Args:
    spacing_mm: (z, y, x).
  Raises:
    InputError: If the header has a spacing.
  """
  affine = bare_affine(header)
  if affine is None:
    raise InputError(
      f"{path}: a spacing is given, but the header has one of its own (pixdim: x, y, z): "
      f"{format_mm(np.asarray(header['pixdim'], np.float64)[1:4])} mm; take the case out of the list of "
      "spacings."
    )
  scaled = affine.copy()
  scaled[:3, :3] = affine[:3, :3] * spacing_mm[::-1]
  return scaled


def unit_of(header: Header) -> str:
  """The spatial unit, one of UNIT_MM."""
  try:
    unit = header.get_xyzt_units()[0]
  except KeyError:
    return "mm"
  return unit if unit in UNIT_MM else "mm"  # unknown is common, and then means mm


def _spacing(path: AnyPath, header: Header) -> tuple[float, ...]:
  pixdim = np.asarray(header["pixdim"], np.float64)[1:4]
  if not np.isfinite(pixdim).all() or pixdim.min() <= 0:
    raise InputError(
      f"{path}: the spacing in the header (pixdim: x, y, z) is {pixdim.tolist()}; each must be finite and "
      "above 0. Correct the header."
    )
  return tuple(pixdim.tolist())


def _require_same_spacing(path: AnyPath, sform: Affine, pixdim: tuple[float, ...]) -> None:
  """An image of the wrong size is worse than none."""
  if not np.allclose(spacing_of(sform)[::-1], pixdim, rtol=0.01):
    raise InputError(
      f"{path}: the spacing (x, y, z) is {format_mm(spacing_of(sform)[::-1])} by the sform and "
      f"{format_mm(pixdim)} by pixdim; correct the header."
    )


def _qform(path: AnyPath, header: Header, required: bool) -> Affine | None:
  """None where it is no rotation and is not required."""
  if header["pixdim"][0] not in (-1, 1):
    header["pixdim"][0] = 1  # the standard reads 0 as 1; nibabel refuses it
  try:
    return np.asarray(header.get_qform(), np.float64)
  except (HeaderDataError, ValueError) as error:
    if not required:
      return None
    raise InputError(f"{path}: the qform is no rotation ({error}); correct the header.") from error


def _require_agreement(path: AnyPath, sform: Affine, qform: Affine, shape: tuple[int, ...]) -> None:
  apart = farthest_apart(sform, qform, shape[:3])
  if apart <= min(spacing_of(sform)) / 2:
    return
  axes, origins = (
    [axis_codes(form) for form in (sform, qform)],
    [format_mm(form[:3, 3]) for form in (sform, qform)],
  )
  if axes[0] != axes[1]:
    says = f"the axes run to {axes[0]} by the sform, to {axes[1]} by the qform"
  elif origins[0] != origins[1]:
    says = f"the first voxel lies at {origins[0]} by the sform, at {origins[1]} by the qform"
  else:
    says = "one is turned against the other"
  raise InputError(
    f"{path}: sform and qform disagree by up to {apart:.3g} mm: {says}. Correct the wrong one, or name "
    "the one that holds by --nifti_header=sform or --nifti_header=qform."
  )
