"""Files of named segments on a scan: .seg.nrrd cropped to its segments, DICOM SEG, RTSTRUCT, and spelling."""

import dataclasses

import numpy as np
import pydicom
import pytest

from data.input_error import InputError
from data.reading.named_segments import Wanted, has_segments, read_segments
from data.reading.volumes import read_image
from tests.data.dicom.dicom_files import RAMP
from tests.data.dicom.label_files import write_rtstruct, write_scan, write_seg

LIVER, SPLEEN = np.zeros(RAMP.shape, bool), np.zeros(RAMP.shape, bool)
LIVER[1, 1:4, 0:3], SPLEEN[2:, 3:, 4:] = True, True
NAMES = Wanted({"Liver": "liver", "Spleen": "spleen", "Body": ""}, {}, ())


@pytest.fixture
def scan(tmp_path):
  paths = write_scan(tmp_path / "ct", RAMP)
  return paths, read_image(tmp_path / "ct")


def write_nrrd(path):
  """Cropped to the voxels from (1, 1, 0) on, [z, row, column]; LPS as in write_slice."""
  slicerio = pytest.importorskip("slicerio")
  voxels = (LIVER * 1 + SPLEEN * 2)[1:, 1:].T.astype(np.uint8)
  affine = np.array([[0.5, 0, 0, -20], [0, 0.75, 0, -30 + 0.75], [0, 0, 2, 10 + 2], [0, 0, 0, 1.0]])
  segments = [{"id": n, "name": n, "labelValue": v} for v, n in enumerate(("Liver", "Spleen"), 1)]
  slicerio.write_segmentation(str(path), {"voxels": voxels, "ijkToLPS": affine, "segments": segments})


def square(rows, columns, z):
  """The contour round whole pixels, in LPS mm."""
  (top, bottom), (left, right) = rows, columns
  corners = [
    (left - 0.5, top - 0.5),
    (right - 0.5, top - 0.5),
    (right - 0.5, bottom - 0.5),
    (left - 0.5, bottom - 0.5),
  ]
  return [[-20 + 0.5 * x, -30 + 0.75 * y, 10 + 2 * z] for x, y in corners]


def write_label(kind, folder, paths):
  if kind == "nrrd":
    write_nrrd(folder / "label.seg.nrrd")
    return folder / "label.seg.nrrd"
  (folder / "label").mkdir()
  if kind == "seg":
    write_seg(folder / "label" / "seg.dcm", paths, {"Liver": LIVER, "Spleen": SPLEEN})
  else:
    spleen = [square((3, 5), (4, 6), z) for z in (2, 3)]
    write_rtstruct(folder / "label" / "rt.dcm", {"Liver": [square((1, 4), (0, 3), 1)], "Spleen": spleen})
  return folder / "label"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["nrrd", "seg", "rtstruct"])
def test_segments_lie_on_the_scans_voxels(tmp_path, scan, kind):
  path = write_label(kind, tmp_path, scan[0])
  assert has_segments(path)
  masks, notes = read_segments(path, scan[1], NAMES, ("liver", "spleen"))
  np.testing.assert_array_equal(masks["liver"], LIVER)
  np.testing.assert_array_equal(masks["spleen"], SPLEEN)
  assert notes == ()


def test_by_number_and_united(tmp_path, scan):
  path = write_label("rtstruct", tmp_path, scan[0])
  masks, _ = read_segments(path, scan[1], Wanted({}, {1: "liver", 2: "liver"}, ()), ("liver",))
  np.testing.assert_array_equal(masks["liver"], LIVER | SPLEEN)


def test_names_that_are_not_there_and_names_not_mentioned(tmp_path, scan):
  path = write_label("rtstruct", tmp_path, scan[0])
  with pytest.raises(InputError, match=r'no segment of liver; it has "Liver" \(1\), "Spleen" \(2\)'):
    read_segments(path, scan[1], Wanted({"LIVER": "liver"}, {}, ()), ("liver",))
  masks, notes = read_segments(path, scan[1], Wanted({"Liver": "liver"}, {}, ()), ("liver",))
  assert masks.organs() == ["liver"] and "Spleen" in notes[0]


def test_an_annotated_organ_alone_is_read(tmp_path, scan):
  path = write_label("rtstruct", tmp_path, scan[0])
  masks, notes = read_segments(path, scan[1], NAMES, ("spleen",))
  assert masks.organs() == ["spleen"] and notes == ()


def test_a_folder_of_slices_has_no_segments(scan):
  assert not has_segments(scan[1].path)


def test_labels_of_another_frame_of_reference_are_refused(tmp_path, scan):
  """The same positions in another frame are another place: the patient may have been moved."""
  path = write_label("rtstruct", tmp_path, scan[0]) / "rt.dcm"
  data = pydicom.dcmread(path)
  data.FrameOfReferenceUID = "1.2.70"
  data.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = "1.2.7"  # the scan's
  data.save_as(path)
  read_segments(path, scan[1], NAMES, ("liver",))
  with pytest.raises(
    InputError, match=r"rt\.dcm: lies in the frame of reference \.\.\.1\.2\.70, the scan .*ct in"
  ):
    read_segments(path, scan[1], NAMES, ("liver", "spleen"))
  unknown = dataclasses.replace(scan[1], frame_of_reference="")
  assert read_segments(path, unknown, NAMES, ("liver", "spleen"))[0].organs() == ["liver", "spleen"]


@pytest.mark.slow
def test_a_seg_of_another_frame_of_reference_is_refused(tmp_path, scan):
  path = write_label("seg", tmp_path, scan[0]) / "seg.dcm"
  data = pydicom.dcmread(path)
  data.FrameOfReferenceUID = "1.2.70"
  data.save_as(path)
  with pytest.raises(InputError, match=r"seg\.dcm: lies in the frame of reference"):
    read_segments(path, scan[1], NAMES, ("liver", "spleen"))


def test_a_number_does_not_overrule_the_name_of_another_organ(tmp_path, scan):
  path = write_label("rtstruct", tmp_path, scan[0])
  swapped = Wanted({}, {1: "spleen", 2: "liver"}, ())
  with pytest.raises(
    InputError, match=r'its segment 1 is "Liver", and "labels" takes it for spleen; map it by'
  ):
    read_segments(path, scan[1], swapped, ("liver", "spleen"))


def test_an_annotated_organ_that_nobody_drew_is_told(tmp_path, scan):
  path = write_rtstruct(tmp_path / "rt.dcm", {"Liver": [], "Spleen": [square((3, 5), (4, 6), 2)]})
  _, (note,) = read_segments(path, scan[1], NAMES, ("liver", "spleen"))
  assert note.startswith("segments of liver hold nothing, and all of the scan counts as background of it")
