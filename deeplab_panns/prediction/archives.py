"""A scan in a zip archive, as browsers hand out DICOM series, unpacked for as long as it is used.

An archive is a stranger's: what it says of paths and sizes is checked before and while it is unpacked.
"""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence

from data.dicom.folder import SKIPPED_NAMES, SUFFIXES
from data.files.file_hash import stream_sha256
from data.input_error import InputError
from data.reading import volumes

SUFFIX = ".zip"
MOST_BYTES = 16 << 30  # unpacked: 8,000 slices of 512 x 512 and 4 bytes a pixel
MOST_FILES = 50_000
_LOOKED_INTO = 20  # files at the start of an archive in which DICOM's mark is looked for
_UNPACK = "unpack it yourself, and name the folder"
_BLOCK = 1 << 20


def may_hold_scans(archive: pathlib.Path) -> bool:
  """Whether an archive has a file that is named like an image or has DICOM's mark, or cannot be opened."""
  try:
    with zipfile.ZipFile(archive) as opened:
      members = _files(opened)
      if any(member.filename.lower().endswith((*volumes.SUFFIXES, *SUFFIXES)) for member in members):
        return True
      for member in members[:_LOOKED_INTO]:
        with opened.open(member) as file:
          if file.read(132)[128:] == b"DICM":
            return True
  except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError):
    return True  # its case tells what is wrong
  return False


@contextlib.contextmanager
def unpacked(
  archive: pathlib.Path, most_bytes: int = MOST_BYTES, only: Collection[str] = ()
) -> Iterator[pathlib.Path]:
  """Gives a folder with the archive's files, which is removed in the end.

  Args:
    only: paths in the archive of the files that are unpacked; () for all.
  Raises:
    InputError: If it is damaged, encrypted, too large, or holds names that lead elsewhere or occur twice.
  """
  with tempfile.TemporaryDirectory(prefix="panns-") as folder:
    with _plain_errors(archive), zipfile.ZipFile(archive) as opened:
      members = _files(opened, only)
      _require_harmless(archive, members, min(most_bytes, shutil.disk_usage(folder).free))
      left = most_bytes
      for member in members:
        left -= _unpack(opened, member, pathlib.Path(folder), left)
        if left < 0:
          raise _too_large(archive, "more", most_bytes)
    yield pathlib.Path(folder)


def member_sha256(archive: pathlib.Path, names: Collection[str]) -> dict[str, str]:
  """{path in the archive: sha256 of what it holds}, sorted; errors as of `unpacked`."""
  found = {}
  with _plain_errors(archive), zipfile.ZipFile(archive) as opened:
    for member in _files(opened, names):
      with opened.open(member) as source:
        found[_path_in(member)] = stream_sha256(source)
  return dict(sorted(found.items()))


@contextlib.contextmanager
def _plain_errors(archive: pathlib.Path) -> Iterator[None]:
  try:
    yield
  except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
    raise InputError(f"{archive}: the archive is cut or damaged ({error}); fetch it again.") from None
  except RuntimeError as error:  # zipfile's word for encryption
    raise InputError(f"{archive}: the archive cannot be unpacked ({error}); {_UNPACK}.") from None


def _files(opened: zipfile.ZipFile, only: Collection[str] = ()) -> list[zipfile.ZipInfo]:
  """What is no folder and no file that a file manager leaves behind."""
  members = [member for member in opened.infolist() if not member.is_dir() and not _is_left_over(member)]
  wanted = set(only)
  return [member for member in members if not wanted or _path_in(member) in wanted]


def _path_in(member: zipfile.ZipInfo) -> str:
  """As `unpacked` writes it."""
  return str(pathlib.PurePosixPath(member.filename))


def _is_left_over(member: zipfile.ZipInfo) -> bool:
  *folders, name = member.filename.split("/")
  hidden = name.startswith(".") and name not in (".", "..")
  return hidden or name.lower() in SKIPPED_NAMES or "__MACOSX" in folders


def _require_harmless(archive: pathlib.Path, members: Sequence[zipfile.ZipInfo], most_bytes: int) -> None:
  if len(members) > MOST_FILES:
    raise InputError(f"{archive}: holds {len(members)} files; at most {MOST_FILES} are unpacked; {_UNPACK}.")
  size = sum(member.file_size for member in members)
  if size > most_bytes:
    raise _too_large(archive, f"{size / 1e9:.1f} GB", most_bytes)
  seen = set()
  for member in members:
    parts = pathlib.PurePosixPath(member.filename).parts
    name = member.filename[:60]
    if ".." in parts or not parts or parts[0] == "/" or "\\" in member.filename or ":" in parts[0]:
      raise InputError(f"{archive}: the name {name!r} in it leads out of the archive; it is not unpacked.")
    if stat.S_ISLNK(member.external_attr >> 16):
      raise InputError(f"{archive}: {name!r} in it is a link; it is not unpacked. Pack the file itself.")
    if member.flag_bits & 1:
      raise InputError(f"{archive}: {name!r} in it is encrypted; {_UNPACK}.")
    if parts in seen:
      raise InputError(f"{archive}: holds {name!r} twice, and one would be lost; {_UNPACK}.")
    seen.add(parts)


def _too_large(archive: pathlib.Path, size: str, most_bytes: int) -> InputError:
  return InputError(
    f"{archive}: unpacks to {size}, and there is room for {most_bytes / 1e9:.1f} GB in "
    f"{tempfile.gettempdir()}; {_UNPACK}, or name a larger disk by the variable TMPDIR."
  )


def _unpack(opened: zipfile.ZipFile, member: zipfile.ZipInfo, folder: pathlib.Path, most_bytes: int) -> int:
  """Writes one file; how many bytes it had, or would have had, as sizes in archives may lie."""
  target = folder.joinpath(*pathlib.PurePosixPath(member.filename).parts)
  target.parent.mkdir(parents=True, exist_ok=True)
  size = 0
  with opened.open(member) as source, open(target, "wb") as file:
    while size <= most_bytes:
      block = source.read(_BLOCK)
      if not block:
        break
      size += len(block)
      file.write(block)
  return size
