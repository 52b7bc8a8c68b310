"""What viewers find in the NIfTI files: names, colours, and organs where they are in the patient."""

import xml.etree.ElementTree as ElementTree

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from deeplab_panns.outputs import nifti_outputs
from deeplab_panns.outputs.organ_looks import organ_looks
from tests.deeplab_panns.outputs.segmented_files import (
  ORGANS,
  ORIENTATIONS,
  centroid_of,
  centroids_ras,
  nifti_case,
)


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_organs_lie_where_they_are_in_every_orientation_by_two_readers(tmp_path, codes):
  case = nifti_case(tmp_path, codes)
  nifti_outputs.write_label_map(tmp_path / "labels.nii.gz", case)
  scan, labels = nibabel.load(tmp_path / "scan.nii.gz"), nibabel.load(tmp_path / "labels.nii.gz")
  assert labels.affine.tobytes() == scan.affine.tobytes() and labels.get_data_dtype() == np.uint8
  image = sitk.ReadImage(str(tmp_path / "labels.nii.gz"))
  shapes = sitk.LabelShapeStatisticsImageFilter()
  shapes.Execute(image)
  for value, organ in enumerate(ORGANS, 1):
    np.testing.assert_allclose(
      centroid_of(np.asarray(labels.dataobj) == value, labels.affine), centroids_ras()[organ], atol=1e-4
    )
    by_itk = np.array(shapes.GetCentroid(value)) * [-1, -1, 1]
    np.testing.assert_allclose(by_itk, centroids_ras()[organ], atol=1e-4)


def test_the_header_names_the_labels_as_totalsegmentators_reader_wants_it(tmp_path):
  """Its load_multilabel_nifti takes the first extension and these elements."""
  nifti_outputs.write_label_map(tmp_path / "labels.nii.gz", nifti_case(tmp_path))
  extension = nibabel.load(tmp_path / "labels.nii.gz").header.extensions[0]
  assert extension.get_code() == 0
  content = extension.get_content()
  root = ElementTree.fromstring((content if isinstance(content, str) else content.decode()).rstrip("\0"))
  found = root.findall("VolumeInformation/LabelTable/Label")
  assert root.tag == "CaretExtension" and [label.text for label in found] == list(ORGANS)
  assert [int(label.get("Key")) for label in found] == [1, 2, 3]
  assert float(found[0].get("Green")) == pytest.approx(140 / 255, abs=1e-6)


def test_a_name_full_of_markup_stays_one_name():
  table = nifti_outputs.label_table(organ_looks(['<b>&"]]>', "é"]))
  names = [label.text for label in ElementTree.fromstring(table).iter("Label")]
  assert names == ['<b>&"]] >', "é"]


def test_masks_are_zero_and_one_and_an_organ_that_is_not_there_has_an_empty_one(tmp_path):
  case = nifti_case(tmp_path, organs=(*ORGANS, "right kidney"))
  nifti_outputs.write_masks(tmp_path / "masks", case)
  masks = {path.name: nibabel.load(path) for path in (tmp_path / "masks").iterdir()}
  assert set(masks) == {"liver.nii.gz", "left_kidney.nii.gz", "duodenum.nii.gz", "right_kidney.nii.gz"}
  labels = case.stored.T
  np.testing.assert_array_equal(np.asarray(masks["left_kidney.nii.gz"].dataobj), labels == 2)
  assert not np.asarray(masks["right_kidney.nii.gz"].dataobj).any()
  assert masks["liver.nii.gz"].affine.tobytes() == nibabel.load(tmp_path / "scan.nii.gz").affine.tobytes()


def test_probabilities_are_read_back_to_half_a_step(tmp_path):
  case = nifti_case(tmp_path, "PIR")
  wanted = np.random.default_rng(0).random((3, *case.labels.shape)).astype(np.float32)
  quantised = np.rint(wanted * 255).astype(np.uint8)
  nifti_outputs.write_probabilities(tmp_path / "p", case, iter(quantised))
  for values, name in zip(wanted, nifti_outputs.mask_names(ORGANS)):
    image = nibabel.load(tmp_path / "p" / name)
    assert image.get_data_dtype() == np.uint8
    stored = case.volume.grid.from_canonical(values).T
    np.testing.assert_allclose(image.get_fdata(), stored, atol=0.5 / 255 + 1e-6)
