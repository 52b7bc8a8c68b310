"""DICOM SEG as highdicom writes it: three kinds, frames that end within a byte, the empty ones left out."""

import numpy as np
import pytest

from data.dicom.segmentation import read_segmentation
from data.input_error import InputError
from tests.data.dicom.dicom_files import RAMP
from tests.data.dicom.label_files import write_scan, write_seg


def two_masks():
  """On 4 slices of 5 x 6; no voxel in both."""
  liver, spleen = np.zeros(RAMP.shape, bool), np.zeros(RAMP.shape, bool)
  liver[1, 1:4, 0:3], liver[2, 2, 1] = True, True
  spleen[2:, 3:, 4:] = True
  return {"Liver": liver, "Spleen": spleen}


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_frames_lie_where_their_slices_lie(tmp_path, kind):
  masks = two_masks()
  path = write_seg(tmp_path / "seg.dcm", write_scan(tmp_path / "ct", RAMP), masks, kind)
  segments = read_segmentation(str(path))
  assert [(one.name, one.number) for one in segments] == [("Liver", 1), ("Spleen", 2)]
  for segment, mask in zip(segments, masks.values()):
    found = set()
    for block in segment.blocks:
      assert block.mask.shape == (1, 5, 6)
      for _, row, column in np.argwhere(block.mask):
        found.add(tuple(np.round(block.affine @ [column, row, 0, 1], 6)[:3]))
    # LPS: origin (-20, -30, 10), 0.5 mm between columns, 0.75 between rows, 2 between slices
    expected = {(20 - x * 0.5, 30 - y * 0.75, 10.0 + z * 2) for z, y, x in np.argwhere(mask)}
    assert found == expected


def test_files_that_are_cut_or_of_another_kind_are_one_line(tmp_path):
  path = write_seg(tmp_path / "seg.dcm", write_scan(tmp_path / "ct", RAMP), two_masks())
  content = path.read_bytes()
  path.write_bytes(content.replace(b"BINARY", b"OTHERS"))
  with pytest.raises(InputError, match="SegmentationType is OTHERS"):
    read_segmentation(str(path))
  path.write_bytes(content[: len(content) // 2])
  with pytest.raises(InputError, match="export it again") as caught:
    read_segmentation(str(path))
  assert "\n" not in str(caught.value)
