"""Reading with SimpleITK, without the lines that its libraries print."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from data.formats.grid import FileGrid, StoredVolume, require_usable
from data.formats.itk_header import nrrd_affine, require_stated_geometry
from data.formats.voxel_bytes import require_voxels
from data.input_error import InputError
from data.whole_file import AnyPath

ALLOWED = (
  "Allowed are whole .nii, .nii.gz, .hdr/.img, .nrrd, .mha and .mhd files (with the data file they name), "
  "and folders of DICOM slices"
)
_LOCK = threading.Lock()
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read(path: AnyPath) -> StoredVolume:
  """Reads a three-dimensional scalar image (.nrrd, .nhdr, .mha, .mhd).

  Raises:
    InputError: If SimpleITK refuses the file, it is not one scalar volume, or its header leaves the geometry
      open.
  """
  stated = nrrd_affine(path)
  require_voxels(path)
  image = _read_scalar_volume(path)
  lps = np.eye(4)
  lps[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
  lps[:3, 3] = image.GetOrigin()
  affine = LPS_TO_RAS @ lps if stated is None else stated
  if stated is None:
    require_stated_geometry(path, affine)
  if np.array_equal(lps, np.eye(4)):
    raise InputError(
      f"{path}: the header gives no spacing, origin or direction (all are the defaults), so the geometry is "
      "unknown. Write it into the header, or leave the case out."
    )
  grid = FileGrid(tuple(image.GetSize()), affine)
  require_usable(path, grid)
  return StoredVolume(sitk.GetArrayFromImage(image), grid)


def read_layers(path: AnyPath) -> npt.NDArray[Any]:
  """The values [layer, z, y, x] of an NRRD file of three axes, or of four with the layers first.

  Raises:
    InputError: If SimpleITK refuses the file, its voxels are not all there, or it has other axes.
  """
  require_voxels(path)
  reader = sitk.ImageFileReader()
  reader.SetImageIO("NrrdImageIO")
  reader.SetFileName(_text_name(path))
  try:
    with quiet():
      image = reader.Execute()
  except RuntimeError as error:
    raise InputError(f"{path}: SimpleITK cannot read it ({reason(error)}); save the file again.") from error
  if image.GetDimension() != 3:
    raise InputError(
      f"{path}: has {image.GetDimension()} axes in space; three, and a list of layers before them, are "
      "allowed."
    )
  array = sitk.GetArrayFromImage(image)
  return np.moveaxis(array, -1, 0) if image.GetNumberOfComponentsPerPixel() > 1 else array[None]


def _read_scalar_volume(path: AnyPath) -> sitk.Image:
  reader = sitk.ImageFileReader()
  reader.SetFileName(_text_name(path))
  # Legacy VTK, GIPL, TIFF and others have no orientation; SimpleITK then takes the patient's axes.
  kind = reader.GetImageIOFromFileName(_text_name(path))
  if kind not in ("", "NrrdImageIO", "MetaImageIO"):
    raise InputError(
      f"{path}: is a file of another format ({kind.replace('ImageIO', '')}), many of which leave the "
      f"orientation open. {ALLOWED}; convert it from its original."
    )
  try:
    with quiet():
      reader.ReadImageInformation()
      size, components = reader.GetSize(), reader.GetNumberOfComponents()
      if len(size) == 3 and components == 1:
        return reader.Execute()
      if len(size) == 4 and size[3] == 1 and components == 1:
        return reader.Execute()[:, :, :, 0]
  except RuntimeError as error:
    why = reason(error)
    if why.endswith("No such file or directory"):  # errno of something else: require_voxels has looked
      why = "the voxels are cut short or damaged"
    raise InputError(f"{path}: SimpleITK cannot read it ({why}). {ALLOWED}.") from error
  raise InputError(
    f"{path}: the image is {len(size)}-D of size {' x '.join(map(str, size))} with {components} value(s) per "
    "voxel; one volume of three axes and one value is allowed. Split it, or name another file."
  )


def read_slice(path: AnyPath) -> npt.NDArray[Any]:
  """The one slice [row, column] of a DICOM file, RescaleSlope and RescaleIntercept applied.

  Raises:
    InputError: If the name is no UTF-8.
    RuntimeError: If GDCM cannot read the pixels.
  """
  reader = sitk.ImageFileReader()
  reader.SetImageIO("GDCMImageIO")
  reader.SetFileName(_text_name(path))
  image = reader.Execute()
  if image.GetNumberOfComponentsPerPixel() != 1:
    raise RuntimeError(f"it holds {image.GetNumberOfComponentsPerPixel()} values per pixel")
  # A copy: a view of an image that goes out of scope is garbage.
  return sitk.GetArrayFromImage(image)[0]


def _text_name(path: AnyPath) -> str:
  """The path, if it is text: SimpleITK aborts the process on a name that is no UTF-8."""
  try:
    str(path).encode("utf-8")
  except UnicodeEncodeError as error:
    raise InputError(
      f"{path}: the name is no UTF-8, and SimpleITK cannot open it; rename the file, or convert it to "
      ".nii.gz."
    ) from error
  return str(path)


def reason(error: Exception) -> str:
  """What SimpleITK's exception says, without the source lines and object addresses before it."""
  lines = [line for line in str(error).splitlines() if line.strip()]
  text = lines[-1].split("ERROR: ")[-1].split("): ", 1)[-1].strip() if lines else ""
  text = text.rstrip(".") or "no reason given"
  return text if len(text) <= 80 else text[:77] + "..."


@contextlib.contextmanager
def quiet() -> Iterator[None]:
  """Keeps what C++ libraries write to stderr (MetaIO, GDCM, JPEG codecs) off it."""
  with _LOCK:  # the descriptor belongs to the whole process
    sys.stderr.flush()
    kept, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
      os.dup2(sink, 2)
      yield
    finally:
      os.dup2(kept, 2)
      os.close(kept)
      os.close(sink)
