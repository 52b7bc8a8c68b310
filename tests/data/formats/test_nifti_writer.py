"""What is written reads back by nibabel, and equal volumes are equal bytes."""

import gzip

import nibabel
import numpy as np
import pytest

from data.formats.nifti_writer import ALIGNED, SCANNER, as_stored, write_nifti

AFFINE = np.array([[0, -2.0, 0, 5], [-1.5, 0, 0, 6], [0, 0, 3, -7], [0, 0, 0, 1]])
VOLUME = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)  # z, y, x


@pytest.mark.parametrize("code", [SCANNER, ALIGNED])
def test_nibabel_reads_what_was_written(tmp_path, code):
  path = tmp_path / "a.nii.gz"
  write_nifti(path, as_stored(VOLUME), AFFINE, code)
  image = nibabel.load(path)
  np.testing.assert_array_equal(np.asarray(image.dataobj), VOLUME.transpose(2, 1, 0))
  np.testing.assert_allclose(image.affine, AFFINE)
  np.testing.assert_allclose(image.get_qform(), AFFINE, atol=1e-6)
  assert (image.header["sform_code"], image.header["qform_code"]) == (code, code)
  assert image.header.get_xyzt_units()[0] == "mm" and image.get_data_dtype() == np.int16


def test_equal_volumes_are_equal_bytes_under_any_name_and_time(tmp_path, monkeypatch):
  write_nifti(tmp_path / "a.nii.gz", as_stored(VOLUME), AFFINE, SCANNER)
  monkeypatch.setattr("time.time", lambda: 1e9)
  write_nifti(tmp_path / "b.nii.gz", as_stored(VOLUME), AFFINE, SCANNER)
  assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
  assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("level", [4, 6])
def test_in_one_piece_the_bytes_are_those_of_gzip_compress(tmp_path, level):
  # Cohorts and label maps of earlier versions differ in this; their files keep their hashes.
  write_nifti(tmp_path / "a.nii.gz", as_stored(VOLUME), AFFINE, SCANNER, "mm", level, in_one_piece=True)
  write_nifti(tmp_path / "b.nii.gz", as_stored(VOLUME), AFFINE, SCANNER, "mm", level)
  piece, stream = ((tmp_path / name).read_bytes() for name in ("a.nii.gz", "b.nii.gz"))
  assert piece == gzip.compress(gzip.decompress(stream), level, mtime=0)
  assert piece[:9] == stream[:9] and piece[10:] == stream[10:] and stream[9] == 255


def test_another_ending_is_refused(tmp_path):
  with pytest.raises(ValueError, match=r"path=.*a\.nii: a NIfTI file is written as \.nii\.gz"):
    write_nifti(tmp_path / "a.nii", as_stored(VOLUME), AFFINE, SCANNER)
