"""NRRD and MetaImage: as the same NIfTI, and without the lines of the libraries."""

import os

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from data.reading import volumes
from tests.data.formats.volume_files import CANONICAL_AFFINE, RAMP, ramp_file, refused, save, stored_as


@pytest.mark.parametrize("ending", [".nrrd", ".mha", ".mhd"])
def test_other_formats_equal_the_nifti(tmp_path, ending):
  stored, affine = stored_as((1, 0, 2), (1, -1, 1))
  nifti = save(tmp_path / "ct.nii.gz", stored, affine)
  other = str(tmp_path / ("ct" + ending))
  sitk.WriteImage(sitk.ReadImage(nifti), other)
  left, right = volumes.read_image(nifti), volumes.read_image(other)
  np.testing.assert_array_equal(left.array, right.array)
  np.testing.assert_allclose(left.affine, right.affine, atol=1e-4)
  volumes.write_label(str(tmp_path / "out.nii.gz"), right.array.astype(np.uint8), right)
  np.testing.assert_array_equal(np.asarray(nib.load(tmp_path / "out.nii.gz").dataobj), stored)


@pytest.mark.parametrize("ending", [".vtk", ".gipl", ".hdf5", ".tif", ".mrc"])
def test_formats_that_may_have_no_orientation_are_refused(tmp_path, ending):
  """SimpleITK writes and reads them, and of the flipped axes nothing is left."""
  image = sitk.ReadImage(ramp_file(tmp_path))
  image.SetDirection((1, 0, 0, 0, -1, 0, 0, 0, 1))
  sitk.WriteImage(image, str(tmp_path / f"ct{ending}"))
  refused(tmp_path / f"ct{ending}", "another format", "orientation", ".nrrd")


def test_simpleitk_prints_nothing(tmp_path, capfd):
  sitk.WriteImage(sitk.ReadImage(ramp_file(tmp_path)), str(tmp_path / "ct.mhd"))
  data = next(tmp_path.glob("ct.*raw"))
  os.truncate(data, 7)
  capfd.readouterr()  # SimpleITK's own words on writing
  refused(tmp_path / "ct.mhd", ".mhd")
  os.remove(data)
  refused(tmp_path / "ct.mhd", "ElementDataFile", "not there")
  assert capfd.readouterr().err == ""


def test_a_fourth_axis_of_one_is_none(tmp_path):
  image = sitk.JoinSeries([sitk.ReadImage(ramp_file(tmp_path))])
  sitk.WriteImage(image, str(tmp_path / "ct.mha"))
  volume = volumes.read_image(tmp_path / "ct.mha")
  np.testing.assert_array_equal(volume.array, RAMP)
  np.testing.assert_allclose(volume.affine, CANONICAL_AFFINE, atol=1e-5)
