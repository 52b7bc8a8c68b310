"""Whether the voxels of an NRRD or MetaImage file are all there, and as many as its header says.

Neither of ITK's readers looks: of too many they read the first ones, in rows of another width where that is
wrong, and of a stream that ends early or is damaged they leave in the volume what was in memory.
"""

from __future__ import annotations

import dataclasses
import math
import os
import zlib
from typing import BinaryIO

from data.formats.itk_header import meta_header, nrrd_header
from data.input_error import InputError
from data.whole_file import AnyPath

_META_BYTES = {"MET_CHAR": 1, "MET_UCHAR": 1, "MET_SHORT": 2, "MET_USHORT": 2, "MET_INT": 4, "MET_UINT": 4}
_META_BYTES.update({"MET_LONG": 4, "MET_ULONG": 4, "MET_LONG_LONG": 8, "MET_ULONG_LONG": 8})
_META_BYTES.update({"MET_FLOAT": 4, "MET_DOUBLE": 8})
_NRRD_BYTES = {"float": 4, "double": 8}
_NRRD_BYTES.update(dict.fromkeys(("signed char", "int8", "uchar", "unsigned char", "uint8"), 1))
_NRRD_BYTES.update(dict.fromkeys(("short", "signed short", "int16", "ushort", "unsigned short", "uint16"), 2))
_NRRD_BYTES.update(dict.fromkeys(("int", "signed int", "int32", "uint", "unsigned int", "uint32"), 4))
_NRRD_BYTES.update(dict.fromkeys(("longlong", "long long", "signed long long", "int64"), 8))
_NRRD_BYTES.update(dict.fromkeys(("ulonglong", "unsigned long long", "uint64"), 8))
_CHUNK, _TAIL = 1 << 20, 1 << 12
_GZIP = b"\x1f\x8b"
_ZLIB_OR_GZIP = 32 + zlib.MAX_WBITS


@dataclasses.dataclass(frozen=True)
class _Voxels:
  """Where the voxels lie, and how many bytes they are by the header.

  Attributes:
    file: that holds them.
    begin: where they begin there.
    size: of the part that holds them; None: up to the file's end.
    packed: by zlib or gzip.
    expected: their bytes once unpacked.
    shape: the header's words for that, for messages.
  """

  file: str
  begin: int
  size: int | None
  packed: bool
  expected: int
  shape: str


def require_voxels(path: AnyPath) -> None:
  """Refuses a header whose voxels are not there, damaged, or not as many as it says; passes other formats.

  Raises:
    InputError: If it does.
  """
  voxels = _of_meta(path) or _of_nrrd(path)
  if voxels is None:
    return
  with open(voxels.file, "rb") as file:
    file.seek(voxels.begin)
    if voxels.packed:
      found = _unpacked_bytes(path, file, voxels.size)
    else:
      found = os.path.getsize(voxels.file) - voxels.begin
      file.seek(min(voxels.expected, found), os.SEEK_CUR)
      if 0 < found - voxels.expected < _TAIL and not file.read(_TAIL).strip(b"\0 \r\n"):
        found = voxels.expected  # filled up to whole blocks, or the end of a line
  if found != voxels.expected:
    raise InputError(
      f"{path}: its voxels are {found} bytes, and {voxels.expected} by the header ({voxels.shape}): they are "
      f"{'cut short' if found < voxels.expected else 'those of another volume'}. Fetch or write the file "
      "again."
    )


def _of_meta(path: AnyPath) -> _Voxels | None:
  """Of a MetaImage; None of another format, or where the header does not tell, which ITK refuses."""
  header = meta_header(path)
  if header is None:
    return None
  fields, end = header
  name = fields["elementdatafile"]
  if name.upper().startswith("LIST") or "%" in name:
    raise InputError(
      f"{path}: ElementDataFile is {name[:40]}: the voxels lie in several files, and ITK does not notice if "
      "one is missing. Write the volume into one file."
    )
  local = name.upper() == "LOCAL"
  file = str(path) if local else _require_file(path, name, "ElementDataFile")
  try:
    skipped = int(fields.get("headersize", "0"))
    count = math.prod(int(size) for size in fields["dimsize"].split())
    count *= int(fields.get("elementnumberofchannels", "1"))
    packed_size = int(fields.get("compresseddatasize", "0"))
  except (KeyError, ValueError):
    return None
  if skipped > 0 and local:
    raise InputError(
      f"{path}: HeaderSize is {skipped}, and the voxels follow this header: ITK would read it as voxels. "
      "Remove HeaderSize from the header."
    )
  packed = fields.get("compresseddata", "false").lower()[:1] not in ("f", "0")
  if packed and not packed_size and local:
    raise InputError(
      f"{path}: the header says CompressedData, but not CompressedDataSize, without which ITK does not find "
      "the voxels behind it. Write the file again."
    )
  each = _META_BYTES.get(fields.get("elementtype", "").upper())
  if fields.get("binarydata", "true").lower()[:1] not in ("t", "1") or each is None or skipped < 0:
    return None
  shape = f"DimSize {fields['dimsize'][:40]}, {fields['elementtype'][:20]}"
  begin = end if local else skipped
  return _Voxels(file, begin, packed_size or None if packed else None, packed, count * each, shape)


def _of_nrrd(path: AnyPath) -> _Voxels | None:
  """Of an NRRD file; None of another format, and where teem looks for itself or the header does not tell."""
  header = nrrd_header(path)
  if header is None:
    return None
  fields, end = header
  name = fields.get("data file", fields.get("datafile", ""))
  if "%" in name or name.startswith("LIST"):
    return None
  file = _require_file(path, name, "data file") if name else str(path)
  kind = fields.get("type", "").lower().removesuffix("_t").removesuffix(" int") or "none"
  each, encoding = _NRRD_BYTES.get(kind), fields.get("encoding", "").lower()
  lines, skipped = (fields.get(f"{what} skip", fields.get(f"{what}skip", "0")) for what in ("line", "byte"))
  if each is None or encoding not in ("raw", "gzip", "gz") or lines != "0" or not skipped.isdigit():
    return None
  try:
    count = math.prod(int(size) for size in fields["sizes"].split())
  except (KeyError, ValueError):
    return None
  packed, begin = encoding != "raw", 0 if name else end
  shape = f"sizes {fields['sizes'][:40]}, {fields['type'][:20]}"
  expected = count * each + (int(skipped) if packed else 0)  # which are those before the voxels once unpacked
  return _Voxels(file, begin if packed else begin + int(skipped), None, packed, expected, shape)


def _require_file(path: AnyPath, name: str, field: str) -> str:
  """The path of a file of voxels, which must be there."""
  file = os.path.join(os.path.dirname(os.path.abspath(path)), name)
  if not os.path.isfile(file):
    raise InputError(
      f"{path}: the header names {name[:80]} for its voxels ({field}), which is not there; keep the two "
      "files in one folder, under the names that they came with."
    )
  return file


def _unpacked_bytes(path: AnyPath, file: BinaryIO, size: int | None) -> int:
  """How many bytes a zlib stream, or the members of a gzip file, unpack to.

  Args:
    size: of the packed bytes; None: all that follow.
  Raises:
    InputError: If they end early, or a checksum is wrong.
  """
  left = size

  def more() -> bytes:
    nonlocal left
    found = file.read(_CHUNK if left is None else min(_CHUNK, left))
    left = None if left is None else left - len(found)
    return found

  count, packed, stream = 0, b"", zlib.decompressobj(_ZLIB_OR_GZIP)
  try:
    while True:
      packed = packed or more()
      unpacked = stream.decompress(packed, _CHUNK)
      count += len(unpacked)
      if stream.eof:
        packed = stream.unused_data or more()
        if not packed.startswith(_GZIP):
          return count
        stream = zlib.decompressobj(_ZLIB_OR_GZIP)
      elif packed or unpacked:
        packed = stream.unconsumed_tail
      else:
        raise InputError(f"{path}: the compressed voxels are cut short; fetch or write the file again.")
  except zlib.error:
    raise InputError(f"{path}: the compressed voxels are damaged; fetch or write the file again.") from None
