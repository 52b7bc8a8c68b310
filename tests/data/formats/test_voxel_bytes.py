"""Voxels that are cut, damaged or of another size than the header says are no volume (Kitware/MetaIO#142)."""

import gzip
import pathlib
import zlib

import numpy as np
import pytest

from tests.data.formats.test_itk_header import LPS, is_ramp
from tests.data.formats.volume_files import RAMP, refused

VOXELS = RAMP.astype("<i2").tobytes()


def write_nrrd(folder, content, encoding="raw", sizes="3 4 5", data_file="", extra=()):
  lines = ["NRRD0004", "type: short", "dimension: 3", f"sizes: {sizes}", "endian: little", *LPS, *extra]
  lines += [f"encoding: {encoding}", *([f"data file: {data_file}"] if data_file else [])]
  if data_file:
    (folder / data_file).write_bytes(content)
  path = folder / ("ct.nhdr" if data_file else "ct.nrrd")
  path.write_bytes(("\n".join(lines) + "\n\n").encode() + (b"" if data_file else content))
  return str(path)


def write_meta(folder, content, size=None, sizes="3 4 5"):
  size = len(content) if size is None else size
  lines = ["ObjectType = Image", "NDims = 3", f"DimSize = {sizes}", "ElementSpacing = 0.5 0.75 2"]
  lines += ["TransformMatrix = 1 0 0 0 1 0 0 0 1", "Offset = -40 30 100", "CompressedData = True"]
  lines += [f"CompressedDataSize = {size}"] * bool(size) + [
    "ElementType = MET_SHORT",
    "ElementDataFile = LOCAL",
  ]
  (folder / "ct.mha").write_bytes(("\n".join(lines) + "\n").encode() + content)
  return str(folder / "ct.mha")


def damaged(packed):
  return packed[:-6] + bytes([packed[-6] ^ 255]) + packed[-5:]  # within the checksum


def test_whole_streams_are_read(tmp_path):
  is_ramp(write_meta(tmp_path, zlib.compress(VOXELS)))
  is_ramp(write_nrrd(tmp_path, VOXELS))
  is_ramp(write_nrrd(tmp_path, gzip.compress(VOXELS), "gzip"))
  is_ramp(write_nrrd(tmp_path, gzip.compress(VOXELS) + b"behind it", "gzip"))
  is_ramp(write_nrrd(tmp_path, VOXELS, data_file="ct.raw"))
  is_ramp(write_nrrd(tmp_path, b"before" + VOXELS, data_file="ct.raw", extra=["byte skip: 6"]))


def test_a_filled_block_or_the_end_of_a_line_behind_the_voxels_is_no_fault(tmp_path):
  is_ramp(write_nrrd(tmp_path, VOXELS + b"\n"))
  is_ramp(write_nrrd(tmp_path, VOXELS + bytes(392), data_file="ct.raw"))
  refused(write_nrrd(tmp_path, VOXELS + b"x"), "121 bytes, and 120")


def test_a_compressed_file_of_its_own_needs_no_size(tmp_path):
  path = pathlib.Path(write_meta(tmp_path, b"", size=0))
  text = path.read_text().replace("LOCAL", "ct.zraw")
  path = path.with_suffix(".mhd")
  path.write_text(text)
  (tmp_path / "ct.zraw").write_bytes(zlib.compress(VOXELS))
  is_ramp(str(path))
  (tmp_path / "ct.zraw").write_bytes(zlib.compress(VOXELS)[:-4])
  refused(path, "cut short")


def test_a_compressed_meta_image(tmp_path):
  packed = zlib.compress(VOXELS)
  refused(write_meta(tmp_path, packed[:-5]), "cut short")
  refused(write_meta(tmp_path, packed, sizes="3 4 4"), "120 bytes, and 96 by the header", "another volume")
  refused(write_meta(tmp_path, packed, sizes="4 4 5"), "120 bytes, and 160 by the header", "cut short")
  refused(write_meta(tmp_path, packed, size=0), "not CompressedDataSize")
  refused(write_meta(tmp_path, packed[:-1] + bytes([packed[-1] ^ 1])), "damaged")


@pytest.mark.parametrize("data_file", ["", "ct.raw"])
def test_an_nrrd_file(tmp_path, data_file):
  def write(*args, **options):
    return write_nrrd(tmp_path, *args, data_file=data_file, **options)

  refused(
    write(VOXELS, sizes="3 4 3"), "120 bytes, and 72 by the header (sizes 3 4 3, short)", "another volume"
  )
  refused(write(VOXELS, sizes="2 4 5"), "and 80 by the header")
  packed = gzip.compress(VOXELS)
  refused(write(packed, "gzip", sizes="3 4 3"), "120 bytes, and 72")
  refused(write(damaged(packed), "gzip"), "damaged")
  refused(write(packed[:-9], "gzip"), "cut short")


def test_a_stream_of_many_chunks_and_members_is_counted_whole(tmp_path, monkeypatch):
  monkeypatch.setattr("data.formats.voxel_bytes._CHUNK", 7)
  noise = np.random.default_rng(0).integers(-900, 900, RAMP.shape).astype("<i2")
  parts = noise.tobytes()[:50], noise.tobytes()[50:]
  path = write_nrrd(tmp_path, gzip.compress(parts[0]) + gzip.compress(parts[1]), "gzip", sizes="3 4 4")
  refused(path, "120 bytes, and 96")
