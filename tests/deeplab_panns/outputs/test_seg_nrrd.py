"""3D Slicer's segmentations, read by slicerio (of Slicer's authors) and by SimpleITK."""

import numpy as np
import pytest
import SimpleITK as sitk
import slicerio

from data.reading import volumes
from deeplab_panns.outputs.organ_looks import organ_looks
from deeplab_panns.outputs.seg_nrrd import terminology, write_seg_nrrd
from tests.deeplab_panns.outputs.segmented_files import (
  ORGANS,
  ORIENTATIONS,
  centroid_of,
  centroids_ras,
  nifti_case,
)


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_slicerio_finds_every_organ_where_it_is_in_every_orientation(tmp_path, codes):
  case = nifti_case(tmp_path, codes)
  write_seg_nrrd(tmp_path / "case.seg.nrrd", case)
  found = slicerio.read_segmentation(str(tmp_path / "case.seg.nrrd"))
  lps_to_ras = np.diag([-1.0, -1, 1, 1])
  affine = lps_to_ras @ found["ijkToLPS"]
  np.testing.assert_array_equal(affine, case.volume.grid.affine_mm)
  assert [segment["name"] for segment in found["segments"]] == list(ORGANS)
  for segment in found["segments"]:
    mask = found["voxels"] == segment["labelValue"]
    np.testing.assert_allclose(centroid_of(mask, affine), centroids_ras()[segment["name"]], atol=1e-6)
    box = [side for index in np.argwhere(mask).T for side in (index.min(), index.max())]
    assert segment["extent"] == box


def test_names_colours_and_codes(tmp_path):
  write_seg_nrrd(tmp_path / "case.seg.nrrd", nifti_case(tmp_path, organs=("liver", "left kidney", "aorta")))
  found = slicerio.read_segmentation(str(tmp_path / "case.seg.nrrd"))
  kidney = found["segments"][1]
  assert kidney["terminology"]["type"] == ["SCT", "64033007", "Kidney"]
  assert kidney["terminology"]["typeModifier"] == ["SCT", "7771000", "Left"]
  assert kidney["terminology"]["category"] == ["SCT", "123037004", "Anatomical Structure"]
  assert kidney["color"] == pytest.approx([46 / 255, 138 / 255, 184 / 255], abs=1e-5)
  assert found["containedRepresentationNames"] == ["Binary labelmap"]


def test_simpleitk_reads_it_and_so_do_we(tmp_path):
  case = nifti_case(tmp_path, "ASL")
  write_seg_nrrd(tmp_path / "case.seg.nrrd", case)
  np.testing.assert_array_equal(
    sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "case.seg.nrrd"))), case.stored
  )
  np.testing.assert_array_equal(volumes.read_label(tmp_path / "case.seg.nrrd").array, case.labels)


def test_an_organ_that_is_not_there_is_an_empty_segment_and_bytes_are_the_same_again(tmp_path):
  case = nifti_case(tmp_path, organs=(*ORGANS, "spleen"))
  for name in ("a", "b"):
    write_seg_nrrd(tmp_path / f"{name}.seg.nrrd", case)
  assert (tmp_path / "a.seg.nrrd").read_bytes() == (tmp_path / "b.seg.nrrd").read_bytes()
  spleen = slicerio.read_segmentation(str(tmp_path / "a.seg.nrrd"))["segments"][3]
  assert spleen["name"] == "spleen" and spleen["extent"] == [0, -1, 0, -1, 0, -1]


def test_names_cannot_break_the_entry():
  entry = terminology(organ_looks(["a~b^c|d\ne"])[0])
  assert entry.count("~") == 6 and "|" not in entry and "\n" not in entry
