"""Where a NIfTI header puts the voxels, and headers that contradict themselves."""

import nibabel as nib
import numpy as np
import pytest

from data.reading import volumes
from tests.data.formats.volume_files import CANONICAL_AFFINE, RAMP, patch_bytes, refused, save


def two_forms(path, sform, qform, sform_code=1):
  """RAMP under a header whose sform and qform need not agree."""
  image = nib.Nifti1Image(RAMP.T, sform)
  image.set_qform(qform, 1)
  nib.save(image, path)
  patch_bytes(path, 254, sform_code.to_bytes(2, "little"))
  return str(path)


def moved(millimetres):
  affine = CANONICAL_AFFINE.copy()
  affine[0, 3] += millimetres
  return affine


def test_sform_goes_before_a_qform_within_half_a_voxel_and_qform_stands_alone(tmp_path):
  for code, expected in ((1, CANONICAL_AFFINE), (0, moved(0.2))):
    volume = volumes.read_image(two_forms(tmp_path / "ct.nii", CANONICAL_AFFINE, moved(0.2), code))
    np.testing.assert_allclose(volume.affine, expected, atol=1e-4)


def test_sform_and_qform_that_disagree_are_refused_unless_one_is_believed(tmp_path):
  path = two_forms(tmp_path / "ct.nii", CANONICAL_AFFINE, moved(0.3))
  refused(path, "disagree by up to 0.3 mm", "(40, -30, 100) by the sform", "(40.3, -30, 100) by the qform")
  for believed, expected in (("sform", CANONICAL_AFFINE), ("qform", moved(0.3))):
    volume = volumes.read_image(path, believed)
    np.testing.assert_allclose(volume.affine, expected, atol=1e-4)
    assert volume.notes == (f"the {believed} was taken, as asked for",)
  with pytest.raises(ValueError, match="believed='both'"):
    volumes.read_image(path, "both")


def test_forms_that_run_along_other_axes(tmp_path):
  centre = CANONICAL_AFFINE @ [1, 1.5, 2, 1]
  flipped = CANONICAL_AFFINE @ np.diag([1, -1, 1, 1])
  flipped[:3, 3] += (centre - flipped @ [1, 1.5, 2, 1])[:3]
  refused(
    two_forms(tmp_path / "a.nii", CANONICAL_AFFINE, flipped), "to L,P,S by the sform", "to L,A,S by the qform"
  )
  turn = np.eye(4)
  turn[:2, :2] = [[0.6, -0.8], [0.8, 0.6]]
  turned = turn @ CANONICAL_AFFINE
  turned[:3, 3] = CANONICAL_AFFINE[:3, 3]
  refused(two_forms(tmp_path / "b.nii", CANONICAL_AFFINE, turned), "disagree", "--nifti_header=qform")


def test_a_qform_that_is_no_rotation_leaves_the_sform(tmp_path):
  path = two_forms(tmp_path / "ct.nii", CANONICAL_AFFINE, CANONICAL_AFFINE)
  patch_bytes(path, 256, np.float32([1, 1, 1]).tobytes())  # quatern_b, c, d of length above 1
  volume = volumes.read_image(path)
  np.testing.assert_allclose(volume.affine, CANONICAL_AFFINE)
  assert volume.notes == ("the sform was taken; the qform is no rotation",)


@pytest.mark.parametrize("value", [0, -0.5, np.nan, np.inf])
def test_spacing_that_is_none(tmp_path, capfd, value):
  path = save(tmp_path / "ct.nii", RAMP.T, CANONICAL_AFFINE)
  patch_bytes(path, 84, np.float32(value).tobytes())  # pixdim[2]
  refused(path, "pixdim")
  assert capfd.readouterr().err == ""  # nibabel's header check would print


def test_spacings_that_contradict(tmp_path):
  path = save(tmp_path / "ct.nii", RAMP.T, CANONICAL_AFFINE)
  patch_bytes(path, 84, np.float32(1.5).tobytes())
  refused(path, "(0.5, 0.75, 2) by the sform", "(0.5, 1.5, 2) by pixdim")
