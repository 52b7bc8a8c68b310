"""Label maps lie where their scan lies, to the bit, in whatever way its header says so."""

import nibabel as nib
import numpy as np
import pytest

from data.formats.nifti_geometry import geometry_of
from data.reading import volumes

RNG = np.random.default_rng(0)
HU = RNG.integers(-1000, 400, (3, 4, 5)).astype(np.int16)  # [x, y, z]


def turned(degrees=(11.3, 23.7, 5.1), spacing=(0.7421875, 0.7421875, 2.4999)):
  """An oblique affine whose numbers fit in no few bits."""
  affine = np.diag([*spacing, 1.0])
  for axis, angle in enumerate(np.radians(degrees)):
    turn = np.eye(4)
    first, second = [other for other in range(3) if other != axis]
    turn[first, first] = turn[second, second] = np.cos(angle)
    turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
    affine = turn @ affine
  affine[:3, 3] = (-123.4567, 87.654321, -1011.1)
  return affine


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("codes", [(1, 0), (0, 1), (1, 1), (2, 4)], ids=str)
def test_the_affine_is_the_scans_to_the_bit(tmp_path, kind, codes):
  image = kind(HU, None)
  image.header.set_sform(turned(), codes[0])
  image.header.set_qform(turned(), codes[1])
  image.header.set_xyzt_units("mm")
  nib.save(image, tmp_path / "scan.nii.gz")
  scan = volumes.read_image(tmp_path / "scan.nii.gz")
  volumes.write_label(tmp_path / "labels.nii.gz", scan.array > 0, scan)
  scan, labels = nib.load(tmp_path / "scan.nii.gz"), nib.load(tmp_path / "labels.nii.gz")
  assert labels.affine.tobytes() == scan.affine.tobytes()
  assert [int(labels.header[f"{form}_code"]) for form in ("sform", "qform")] == list(codes)
  assert labels.header.get_zooms() == scan.header.get_zooms()
  np.testing.assert_array_equal(np.asarray(labels.dataobj), HU > 0)


def test_a_header_that_had_to_be_mended_is_not_repeated(tmp_path):
  """The sform and the qform disagree; the label map has the one that was believed, twice."""
  image = nib.Nifti1Image(HU, None)
  image.header.set_sform(turned(), 1)
  image.header.set_qform(turned((0, 0, 0)), 1)
  nib.save(image, tmp_path / "scan.nii")
  scan = volumes.read_image(tmp_path / "scan.nii", "sform")
  volumes.write_label(tmp_path / "labels.nii.gz", scan.array > 0, scan)
  header = nib.load(tmp_path / "labels.nii.gz").header
  assert header.get_sform().tobytes() == nib.load(tmp_path / "scan.nii").header.get_sform().tobytes()
  np.testing.assert_allclose(header.get_qform(), header.get_sform(), atol=1e-3)


def test_fields_are_put_into_another_header():
  header, other = nib.Nifti1Header(), nib.Nifti1Header()
  header.set_sform(turned(), 3)
  header["pixdim"][:4] = (-1, 0.5, 0.75, 2)
  geometry_of(header).put_into(other)
  assert other["sform_code"] == 3 and other["pixdim"][:4].tolist() == [-1, 0.5, 0.75, 2]
  np.testing.assert_array_equal(other.get_sform(), header.get_sform())
