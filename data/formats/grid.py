"""Where a file's voxels lie, and how they turn into the canonical orientation.

Canonical is LPS voxel order: x grows to the patient's Left, y to Posterior, z to Superior. Arrays are
[z, y, x], so that an axial slice displays upright with the patient's right on the picture's left.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel import orientations

from data.arrays import Affine, Floats, SpacingMM
from data.formats.nifti_geometry import NiftiGeometry
from data.input_error import InputError
from data.whole_file import AnyPath

StoredVoxels = npt.NDArray[Any]
"""[z, y, x], integers or floats, in the orientation of the file."""

CANONICAL = orientations.axcodes2ornt("LPS")
UNIT_MM = {"mm": 1.0, "meter": 1000.0, "micron": 0.001}  # NIfTI's names of spatial units
# Of the voxel axes' cosine: 0.06 degrees, half a millimetre over a body's length.
SHEAR_TOLERANCE = 1e-3
SPACING_RANGE_MM = (0.01, 100.0)  # outside it the header has another unit than it says


@dataclasses.dataclass(frozen=True, eq=False)
class FileGrid:
  """The grid of a file as stored.

  Attributes:
    shape: (x, y, z) voxels, and trailing ones if the file has more axes.
    affine: 4x4 float64, stored voxel (x, y, z) -> RAS in `unit`.
    unit: one of UNIT_MM.
    nifti: what the header of a NIfTI file says of it; None for other files, and where it had to be mended.
  """

  shape: tuple[int, ...]
  affine: Affine
  unit: str = "mm"
  nifti: NiftiGeometry | None = None

  @property
  def affine_mm(self) -> Affine:
    """4x4 float64, stored voxel (x, y, z) -> RAS mm."""
    return np.diag([UNIT_MM[self.unit]] * 3 + [1.0]) @ self.affine

  @property
  def canonical_affine(self) -> Affine:
    """4x4 float64, canonical voxel (x, y, z) -> RAS mm."""
    return self.affine_mm @ orientations.inv_ornt_aff(self._to_canonical(), self.shape[:3])

  def to_canonical(self, stored: StoredVoxels) -> StoredVoxels:
    """A view of `stored` [z, y, x] in canonical orientation, [z, y, x] again."""
    return orientations.apply_orientation(stored.T, self._to_canonical()).T

  def from_canonical(self, canonical: StoredVoxels) -> StoredVoxels:
    """The inverse of `to_canonical`."""
    back = orientations.ornt_transform(CANONICAL, orientations.io_orientation(self.affine))
    return orientations.apply_orientation(canonical.T, back).T

  def _to_canonical(self) -> npt.NDArray[Any]:
    return orientations.ornt_transform(orientations.io_orientation(self.affine), CANONICAL)


@dataclasses.dataclass(frozen=True, eq=False)
class StoredVolume:
  """A volume as a reader gives it.

  Attributes:
    voxels: [z, y, x] in the file's orientation, its values as the header means them.
    grid: where they lie.
    notes: what the user should know of how the file was read, one line each.
    scaling: (slope, intercept) that the header asked for and that `voxels` have; (1, 0) if none.
    slice_files: of a DICOM series, the files of the planes in their order; () of others.
    frame_of_reference: FrameOfReferenceUID of a DICOM series; "" where it is not known.
    slice_notes: those of `notes` that are of the slices of a series and not of what lies beside them.
  """

  voxels: StoredVoxels
  grid: FileGrid
  notes: tuple[str, ...] = ()
  scaling: tuple[float, float] = (1.0, 0.0)
  slice_files: tuple[str, ...] = ()
  frame_of_reference: str = ""
  slice_notes: tuple[str, ...] = ()


def spacing_of(affine: Affine) -> SpacingMM:
  """Voxel spacing (z, y, x), in the unit of the 4x4 `affine`."""
  x, y, z = (float(length) for length in np.linalg.norm(affine[:3, :3], axis=0))
  return z, y, x


def require_usable(path: AnyPath, grid: FileGrid) -> None:
  """Refuses a grid that spacing, rotation and origin cannot stand for.

  Raises:
    InputError: If the affine is not finite, is what programs write that know no geometry, is sheared, or its
      spacing is absurd.
  """
  if not np.isfinite(grid.affine).all():
    raise InputError(f"{path}: the affine holds values that are not finite; correct the header.")
  # with two axes turned it is what SimpleITK makes of an array
  if np.array_equal(np.abs(grid.affine), np.eye(4)):
    raise InputError(
      f"{path}: the affine is the identity (1 mm, unturned, from 0, 0, 0), as programs write it that know "
      "no geometry, so spacing and orientation are unknown. Write both into the header (from the original "
      "DICOM, for instance), or leave the case out."
    )
  spacing_mm = spacing_of(grid.affine_mm)
  low, high = SPACING_RANGE_MM
  if not low <= min(spacing_mm) <= max(spacing_mm) <= high:
    raise InputError(
      f"{path}: the spacing (z, y, x) is {format_mm(spacing_mm)} mm (the header's unit: {grid.unit}); each "
      f"must lie in [{low:g}, {high:g}] mm. Correct the header."
    )
  axes = grid.affine_mm[:3, :3] / spacing_mm[::-1]
  cosine = np.abs(axes.T @ axes - np.eye(3)).max()
  if cosine > SHEAR_TOLERANCE:
    raise InputError(
      f"{path}: the voxel axes meet at {np.degrees(np.arccos(min(cosine, 1))):.1f} degrees instead of 90 "
      "(sheared affine); only orthogonal grids are read. Resample the case to one first, for instance with "
      "nibabel.processing.resample_to_output or a registration tool."
    )
  off_mm = farthest_apart(grid.affine_mm, _nearest_orthogonal(grid.affine_mm), grid.shape[:3])
  if off_mm > min(spacing_mm) / 2:
    raise InputError(
      f"{path}: the voxel axes are not quite at right angles, which over the volume makes {off_mm:.3g} mm; "
      "half a voxel is allowed. Resample the case to an orthogonal grid first, for instance with "
      "nibabel.processing.resample_to_output."
    )


def corners(affine: Affine, shape_xyz: Sequence[int]) -> Floats:
  """[8, 3]: where `affine` puts the centres of the corner voxels."""
  at = np.array(list(np.ndindex(2, 2, 2))) * (np.array(shape_xyz) - 1)
  return at @ affine[:3, :3].T + affine[:3, 3]


def farthest_apart(affine: Affine, other: Affine, shape_xyz: Sequence[int]) -> float:
  """How far two affines put the same voxel of a grid from each other at most, in their unit."""
  apart = corners(affine, shape_xyz) - corners(other, shape_xyz)
  return float(np.linalg.norm(apart, axis=1).max())


def axis_codes(affine: Affine) -> str:
  """Where the voxel axes run, as letters: "L,P,S"."""
  return ",".join(letter or "?" for letter in nib.aff2axcodes(affine))


def _nearest_orthogonal(affine: Affine) -> Affine:
  """The affine of the same spacing and centre whose axes are at right angles."""
  spacing = np.linalg.norm(affine[:3, :3], axis=0)
  left, _, right = np.linalg.svd(affine[:3, :3] / spacing)
  nearest = affine.copy()
  nearest[:3, :3] = left @ right * spacing
  return nearest


def format_mm(values: Iterable[float]) -> str:
  """Millimetres for a message: (2, 0.97656, 0.97656)."""
  return "(" + ", ".join(f"{value:.5g}" for value in values) + ")"
