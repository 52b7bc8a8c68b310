"""Values of label maps and names of segments."""

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from data.input_error import InputError
from data.manifest.contents import Contents, contents_of
from tests.conftest import write_nifti


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_the_values_of_a_label_map(tmp_path, dtype):
  array = np.zeros((3, 4, 5), dtype)
  array[1, 2, 3], array[0, 0, 0] = 7, 2
  write_nifti(tmp_path / "a.nii.gz", array)
  assert contents_of(tmp_path / "a.nii.gz") == Contents(values=(2, 7))


def test_values_beyond_bytes_and_no_label_map(tmp_path):
  write_nifti(tmp_path / "a.nii.gz", np.full((2, 2, 2), 500, np.int16))
  assert contents_of(tmp_path / "a.nii.gz").values == (500,)
  write_nifti(tmp_path / "b.nii.gz", np.full((2, 2, 2), 0.5, np.float32))
  with pytest.raises(InputError, match=r"b\.nii\.gz"):
    contents_of(tmp_path / "b.nii.gz")


def test_the_names_of_segments(tmp_path):
  image = sitk.GetImageFromArray(np.eye(4, dtype=np.uint8)[None] * 3)
  image.SetSpacing((0.8, 0.8, 3.0))
  for key, value in {
    "ID": "a",
    "Name": "Liver",
    "LabelValue": "3",
    "Layer": "0",
    "Extent": "0 3 0 3 0 0",
  }.items():
    image.SetMetaData(f"Segment0_{key}", value)
  sitk.WriteImage(image, str(tmp_path / "a.seg.nrrd"))
  assert contents_of(tmp_path / "a.seg.nrrd") == Contents(names=("Liver",))


def test_slices_as_pictures(tmp_path):
  for number in range(2):
    Image.fromarray(np.full((4, 5), 3 * number, np.uint8)).save(tmp_path / f"{number}.png")
  assert contents_of(tmp_path) == Contents(values=(3,))
