"""The geometry of a NIfTI header, field by field: as it is, it means the same in every program."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Union

import nibabel as nib

Header = Union[nib.Nifti1Header, nib.Nifti2Header]
_SFORM = ("sform_code", "srow_x", "srow_y", "srow_z")
_QFORM = ("qform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z")


@dataclasses.dataclass(frozen=True, eq=False)
class NiftiGeometry:
  """Where a header puts its voxels.

  An affine that is taken apart and put together again differs in its last bits, and a program that compares
  the grids of a scan and its label map exactly calls them different.

  Attributes:
    version: 1 or 2 of NIfTI.
    fields: {name: value} of the sform, the qform and their codes.
    pixdim: the qform's handedness and the spacing (x, y, z), in the header's unit.
  """

  version: int
  fields: Mapping[str, Any]
  pixdim: tuple[float, ...]

  def put_into(self, header: Header) -> None:
    """Writes the fields into another header of the same version."""
    for name, value in self.fields.items():
      header[name] = value
    header["pixdim"][:4] = self.pixdim


def geometry_of(header: Header) -> NiftiGeometry:
  """The geometry that a header states."""
  version = 2 if int(header["sizeof_hdr"]) == 540 else 1
  fields = {name: header[name].copy() for name in _SFORM + _QFORM}
  return NiftiGeometry(version, fields, tuple(float(value) for value in header["pixdim"][:4]))
