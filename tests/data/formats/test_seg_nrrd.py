"""3D Slicer's segmentations, as slicerio (of Slicer's authors) writes them."""

import numpy as np
import pytest

from data.formats.seg_nrrd import read_seg_nrrd
from data.input_error import InputError

slicerio = pytest.importorskip("slicerio")

IJK_TO_LPS = np.array([[0.5, 0, 0, -40], [0, 0.75, 0, 30], [0, 0, 2, 100], [0, 0, 0, 1.0]])


def write(path, voxels, segments):
  content = {"voxels": voxels, "ijkToLPS": IJK_TO_LPS, "segments": segments}
  slicerio.write_segmentation(str(path), content)
  return path


def test_segments_of_one_layer(tmp_path):
  voxels = np.zeros((3, 4, 5), np.uint8)
  voxels[0, 1, 2], voxels[2, 3, 4] = 7, 9
  path = write(
    tmp_path / "a.seg.nrrd",
    voxels,
    [{"id": "a", "name": "Leber xx", "labelValue": 7}, {"id": "b", "name": "b", "labelValue": 9}],
  )
  path.write_bytes(path.read_bytes().replace(b"Leber xx", "Leber \u00c5".encode()))  # slicerio writes ASCII
  liver, other = read_seg_nrrd(path)
  assert (liver.name, liver.number, other.name, other.number) == ("Leber \u00c5", 7, "b", 9)
  assert np.argwhere(liver.blocks[0].mask).tolist() == [[2, 1, 0]]  # [k, row, column]
  np.testing.assert_allclose(liver.blocks[0].affine, np.diag([-1, -1, 1, 1]) @ IJK_TO_LPS)


def test_layers_hold_segments_that_overlap(tmp_path):
  voxels = np.zeros((2, 3, 4, 5), np.uint8)
  voxels[0, :2], voxels[1, 1:] = 1, 1
  path = write(
    tmp_path / "a.seg.nrrd",
    voxels,
    [{"id": name, "name": name, "labelValue": 1, "layer": layer} for layer, name in enumerate("ab")],
  )
  first, second = (segment.blocks[0].mask for segment in read_seg_nrrd(path))
  assert first.shape == (5, 4, 3)
  assert (np.unique(np.argwhere(first)[:, 2]).tolist(), np.unique(np.argwhere(second)[:, 2]).tolist()) == (
    [0, 1],
    [1, 2],
  )


def test_files_that_name_no_segments_or_layers_that_are_not_there(tmp_path):
  voxels = np.zeros((3, 4, 5), np.uint8)
  with pytest.raises(InputError, match="names no segments"):
    read_seg_nrrd(write(tmp_path / "a.seg.nrrd", voxels, []))
  segments = [{"id": "a", "name": "a", "labelValue": 1, "layer": 3}]
  with pytest.raises(InputError, match="layer 3"):
    read_seg_nrrd(write(tmp_path / "b.seg.nrrd", voxels, segments))
