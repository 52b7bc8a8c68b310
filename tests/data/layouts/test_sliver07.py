"""SLIVER07: MetaImage in two files, scans mirrored against their header."""

import numpy as np
import pytest

from data.layouts.by_name import Choice, find_cases
from data.stored.preparation import CasesFailed
from tests.data.layouts.raw_files import assert_phantom, canonical, canonical_affine, of, phantom, prepare


def write_meta(path, array, affine, kind):
  """A MetaImage header and its .raw, little-endian; array [z, y, x] and affine of LPS axes."""
  path.parent.mkdir(parents=True, exist_ok=True)
  spacing, origin = np.abs(np.diag(affine)[:3]), affine[:3, 3] * [-1, -1, 1]
  path.with_suffix(".raw").write_bytes(np.ascontiguousarray(array).tobytes())
  lines = {
    "ObjectType": "Image",
    "NDims": 3,
    "BinaryData": "True",
    "BinaryDataByteOrderMSB": "False",
    "TransformMatrix": "1 0 0 0 1 0 0 0 1",
    "Offset": " ".join(map(str, origin)),
    "ElementSpacing": " ".join(map(str, spacing)),
    "DimSize": " ".join(map(str, array.shape[::-1])),
    "ElementType": kind,
    "ElementDataFile": path.with_suffix(".raw").name,
  }
  path.write_text("".join(f"{key} = {value}\n" for key, value in lines.items()))


def write_case(folder, number, index, mirrored=np.s_[:]):
  case = phantom(index)
  affine = canonical_affine(case)
  image, label = canonical(case.image_hu)[mirrored], canonical(of(["liver"], index, {1: "liver"}))[mirrored]
  write_meta(folder / "training-scans" / f"liver-orig{number:03d}.mhd", image, affine, "MET_SHORT")
  write_meta(folder / "training-labels" / f"liver-seg{number:03d}.mhd", label, affine, "MET_UCHAR")


def test_case_flips_turn_scan_and_label(tmp_path):
  write_case(tmp_path, 1, 0)
  write_case(tmp_path, 7, 1, np.s_[:, :, ::-1])
  cases, _ = prepare("sliver07", tmp_path, tmp_path, mirrored={"sliver_007": "x"})
  assert_phantom(cases["sliver_001"], ["liver"])
  assert_phantom(cases["sliver_007"], ["liver"], 1)


def test_a_header_without_its_voxels_is_named(tmp_path):
  write_case(tmp_path, 1, 0)
  (tmp_path / "training-scans" / "liver-orig001.raw").unlink()
  with pytest.raises(CasesFailed, match=r"names liver-orig001\.raw .* not there; keep the two files"):
    prepare("sliver07", tmp_path, tmp_path)


def test_scans_of_the_test_set_count_from_one_again_and_are_left_out(tmp_path):
  write_case(tmp_path, 1, 0)
  (tmp_path / "test-scans").mkdir()
  (tmp_path / "test-scans" / "liver-orig001.mhd").touch()
  manifest = find_cases("sliver07", tmp_path, Choice())
  assert [case.image.parent.name for case in manifest.cases] == ["training-scans"]
  assert any("test set" in note for note in manifest.notes)
