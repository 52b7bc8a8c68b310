"""NIfTI-1 and NIfTI-2 files: single (.nii, .nii.gz) or header and data apart (.hdr, .img).

nibabel interprets the header; the voxels are read here, in one pass that ends at the last byte. So a file
that is cut or damaged is noticed by its length and its CRC, and the stream is decompressed once only.
SimpleITK fills a cut file and NaN with zeros, takes the qform of a sheared sform, and aborts the process on
five axes; nibabel stops before the CRC.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import math
import os
import zlib
from collections.abc import Iterator, Sequence

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.spatialimages import HeaderDataError

from data.arrays import Labels, SpacingMM
from data.formats.grid import FileGrid, StoredVolume, StoredVoxels, require_usable
from data.formats.nifti_affine import Header, bare_affine, nifti_affine, unit_of, with_spacing
from data.formats.nifti_geometry import geometry_of
from data.formats.nifti_writer import ALIGNED, new_image, write_image
from data.input_error import InputError
from data.whole_file import AnyPath

SUFFIXES = (".nii", ".nii.gz", ".hdr", ".img", ".hdr.gz", ".img.gz")
HEADERS = {348: nib.Nifti1Header, 540: nib.Nifti2Header}  # by their own first field, the length in bytes
MAX_DEFLATE_RATIO = 1032  # what zlib can reach at most
_LAST_EXTENSION_CODE = 64  # 44 is the last that was given out by 2026


def read(
  path: AnyPath, believed: str = "", spacing_mm: SpacingMM | None = None, first_volume: bool = False
) -> StoredVolume:
  """Reads a three-dimensional NIfTI image.

  Args:
    path: either half of a pair will do.
    believed: "sform" or "qform" for a file in which they disagree; "" refuses such a file.
    spacing_mm: (z, y, x) of a file that `lacks_spacing`.
    first_volume: of a file of four axes, the first volume is meant.
  Returns:
    The volume with scl_slope and scl_inter applied; its grid by sform if its code is above 0, else by qform.
  Raises:
    InputError: If the file is cut or damaged, not a scalar volume, or has no usable geometry.
  """
  header_path, voxels_path = _halves(path)
  with _whole_gzip(path):
    with _open(header_path) as stream:
      header, consumed = _read_header(header_path, stream, paired=header_path != voxels_path)
      shape = _volume_shape(path, header, first_volume)
      if spacing_mm is None:
        affine, notes = nifti_affine(path, header, shape, believed)
      else:
        affine, notes = (
          with_spacing(path, header, spacing_mm),
          ("the spacing was given, the header has none",),
        )
      # Notes tell of a header that does not hold as it is.
      grid = FileGrid(shape, affine, unit_of(header), None if notes else geometry_of(header))
      require_usable(path, grid)
      if header_path == voxels_path:
        voxels, scaling, more = _read_voxels(path, stream, header, shape, consumed)
    if header_path != voxels_path:
      with _open(voxels_path) as stream:
        voxels, scaling, more = _read_voxels(voxels_path, stream, header, shape, 0)
  if more and not first_volume:
    notes += (f"behind its voxels the file has room for {more} more slices, which the header does not know",)
  return StoredVolume(voxels, grid, notes, scaling)


def read_voxels(path: AnyPath) -> StoredVolume:
  """Reads the voxels of a single file whose geometry is not to be believed.

  Returns:
    A volume whose grid is voxel numbers only.
  Raises:
    InputError: If the file is cut or damaged, or not a scalar volume.
  """
  with _whole_gzip(path), _open(path) as stream:
    header, consumed = _read_header(path, stream, paired=False)
    shape = _volume_shape(path, header, False)
    voxels, scaling, _ = _read_voxels(path, stream, header, shape, consumed)
  return StoredVolume(voxels, FileGrid(shape, np.eye(4)), (), scaling)


def lacks_spacing(path: AnyPath) -> bool:
  """Whether a header's affine is the identity, but for signs and the origin: its spacing was lost.

  Raises:
    InputError: If it is no NIfTI file.
  """
  with _whole_gzip(path), _open(_halves(path)[0]) as stream:
    return bare_affine(_read_header(path, stream, paired=_halves(path)[0] != _halves(path)[1])[0]) is not None


@contextlib.contextmanager
def _whole_gzip(path: AnyPath) -> Iterator[None]:
  try:
    yield
  except (EOFError, zlib.error, gzip.BadGzipFile) as error:
    raise InputError(
      f"{path}: the gzip stream is cut or damaged ({error}); fetch or write the file again."
    ) from error


def write_labels(
  path: AnyPath,
  stored: Labels,
  grid: FileGrid,
  extensions: Sequence[tuple[int, bytes]] = (),
  slope: float | None = None,
) -> None:
  """Writes an array of bytes as .nii.gz on a file's own grid.

  A NIfTI file's geometry is written as its header has it, so that affines are equal to the bit.

  Args:
    path: ends in .nii.gz.
    stored: uint8 [z, y, x] in the orientation of `grid`.
    extensions: (code, content) of the header's extensions.
    slope: what readers multiply the values by; None for labels.
  Raises:
    ValueError: If the name ends otherwise.
  """
  voxels = stored.T.reshape(grid.shape, order="F")
  if grid.nifti is None:
    image = new_image(voxels, grid.affine, ALIGNED, grid.unit)
  else:
    image = (nib.Nifti1Image if grid.nifti.version == 1 else nib.Nifti2Image)(voxels, None)
    grid.nifti.put_into(image.header)
    image.header.set_xyzt_units(grid.unit)
  if slope is not None:
    image.header.set_slope_inter(slope, 0)
  for code, content in extensions:
    image.header.extensions.append(nib.nifti1.Nifti1Extension(code, content))
  write_image(path, image)


def _halves(path: AnyPath) -> tuple[str, str]:
  """The files that hold header and voxels: the same one unless it is a pair."""
  path = str(path)
  stem, gz = (path[:-3], path[-3:]) if path.lower().endswith(".gz") else (path, "")
  stem, suffix = os.path.splitext(stem)
  if suffix.lower() not in (".hdr", ".img"):
    return path, path
  header, voxels = (".HDR", ".IMG") if suffix.isupper() else (".hdr", ".img")
  for half in (header, voxels):
    if not os.path.isfile(stem + half + gz):
      raise InputError(
        f"{path}: {os.path.basename(stem + half + gz)} is missing beside it; a pair needs both the .hdr "
        "(geometry) and the .img (voxels)."
      )
  return stem + header + gz, stem + voxels + gz


def _open(path: AnyPath) -> io.BufferedIOBase:
  """A stream of the uncompressed bytes; the content decides, as .gz in the name is sometimes wrong."""
  with open(path, "rb") as file:
    compressed = file.read(2) == b"\x1f\x8b"
  return gzip.open(path) if compressed else open(path, "rb")


def _read_header(path: AnyPath, stream: io.BufferedIOBase, paired: bool) -> tuple[Header, int]:
  first = stream.read(4)
  sizes = (int.from_bytes(first, "little"), int.from_bytes(first, "big"))
  known = [size for size in sizes if size in HEADERS]
  block = first + stream.read(known[0] - 4) if known else b""
  if not known or len(block) < known[0]:
    raise InputError(
      f"{path}: this is not a NIfTI file (no header of 348 or 540 bytes); give the image itself, or correct "
      "the name's ending if it is of another format."
    )
  # check=False: nibabel's check prints to stderr and mends a zero spacing to 1 without asking.
  header = HEADERS[known[0]](block, check=False)
  magic = bytes(header["magic"].tobytes())[:3]
  if magic not in ((b"ni1", b"ni2") if paired else (b"n+1", b"n+2")):
    raise InputError(
      f"{path}: the header lacks NIfTI's mark (found {magic!r}); an Analyze file has no orientation and is "
      "refused. Convert the case from its original to .nii.gz."
    )
  return header, known[0]


def _volume_shape(path: AnyPath, header: Header, first_volume: bool) -> tuple[int, ...]:
  axes = int(header["dim"][0])
  shape = tuple(int(n) for n in header["dim"][1 : axes + 1])
  if first_volume and axes == 4:
    shape, axes = shape[:3], 3  # the last axis is the slowest: the first volume comes first
  if not 3 <= axes <= 7 or any(n != 1 for n in shape[3:]) or min(shape) < 1:
    raise InputError(
      f"{path}: the image is {axes}-D of size {' x '.join(map(str, shape))}; one volume of three axes is "
      "allowed. Split it, or name another file."
    )
  return shape


def _read_voxels(
  path: AnyPath, stream: io.BufferedIOBase, header: Header, shape: tuple[int, ...], consumed: int
) -> tuple[StoredVoxels, tuple[float, float], int]:
  """Reads [z, y, x] from `stream`, which stands `consumed` bytes after its start, to the stream's end.

  Returns:
    The voxels, the slope and intercept that were applied, and for how many slices more bytes follow.
  """
  try:
    dtype = header.get_data_dtype()
  except (KeyError, HeaderDataError):
    dtype = np.dtype("V")
  if dtype.kind not in "iuf":
    raise InputError(
      f"{path}: the voxel type (NIfTI datatype {int(header['datatype'])}) is not a number; integers and "
      "floats are allowed. Convert the image."
    )
  # An offset inside the header of a single file is a known slip; the voxels then follow the header's end.
  offset = max(int(header["vox_offset"]), consumed + 4 if consumed else 0)
  expected = math.prod(shape) * dtype.itemsize
  extended = _extensions_end(stream, header, consumed) if consumed else 0
  found = os.path.getsize(path) * (MAX_DEFLATE_RATIO if isinstance(stream, gzip.GzipFile) else 1)
  buffer = np.empty(expected if found >= expected else 0, np.uint8)
  if not len(buffer) or stream.seek(offset) != offset or _fill(stream, buffer) < expected:
    raise InputError(
      f"{path}: the file is cut short: {' x '.join(map(str, shape))} voxels of {dtype} need {expected} bytes "
      f"after byte {offset}. Fetch or write the file again."
    )
  after, zeros = 0, 0
  while rest := stream.read(io.DEFAULT_BUFFER_SIZE * 128):  # gzip compares length and CRC at the end only
    after += len(rest)
    zeros += sum(map(rest.count, (b"\0", b" ", b"\r", b"\n")))
  if 0 < extended - offset <= after:
    raise InputError(
      f"{path}: the header's extensions reach to byte {extended}, but by vox_offset the voxels begin at "
      f"{offset}: they would be read shifted. Correct vox_offset, or convert the case from its original."
    )
  more = after // (expected // shape[2])
  if not more and zeros < after:
    raise InputError(
      f"{path}: behind the voxels {after} bytes follow that are neither empty nor a slice: the voxels do not "
      f"begin where the header says (byte {offset}), or are those of another volume. Convert the case from "
      "its original."
    )
  stored = buffer.view(dtype).reshape(shape[2::-1])
  slope, intercept = _scaling(path, header)
  if (slope, intercept) == (1, 0):
    return stored, (1, 0), more
  scaled = stored.astype(np.float32)
  scaled *= np.float32(slope)
  scaled += np.float32(intercept)
  return scaled, (slope, intercept), more


def _extensions_end(stream: io.BufferedIOBase, header: Header, consumed: int) -> int:
  """Where the chain of extensions ends that follows the header of a single file; 0 if there is none."""
  end = consumed + 4
  if not stream.read(4).startswith(b"\x01"):
    return 0
  while True:
    size, code = np.frombuffer(stream.read(8).ljust(8, b"\0"), f"{header.endianness}i4")
    if size < 16 or size % 16 or code % 2 or not 0 <= code <= _LAST_EXTENSION_CODE:
      return end
    end += int(size)
    stream.seek(end)


def _fill(stream: io.BufferedIOBase, buffer: npt.NDArray[np.uint8]) -> int:
  """Fills `buffer` from `stream`; the number of bytes that there were."""
  view, filled = buffer.data, 0
  while filled < len(view):
    count = stream.readinto(view[filled : filled + (1 << 22)])
    if not count:
      break
    filled += count
  return filled


def _scaling(path: AnyPath, header: Header) -> tuple[float, float]:
  if np.isinf(header["scl_slope"]):  # nibabel takes it for none
    raise InputError(f"{path}: scl_slope is infinite; correct the header.")
  try:
    slope, intercept = header.get_slope_inter()
  except HeaderDataError as error:
    raise InputError(f"{path}: scl_slope or scl_inter is unusable ({error}); correct the header.") from error
  return (1, 0) if slope is None else (float(slope), float(intercept or 0))
