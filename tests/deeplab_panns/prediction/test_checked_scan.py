"""What is odd about a scan is told or refused when it is read; archives are read like what they hold."""

import dataclasses
import pathlib
import zipfile

import numpy as np
import pytest

from data.input_error import InputError
from deeplab_panns.prediction import checked_scan
from deeplab_panns.prediction.checked_scan import opened_scan, read_checked
from deeplab_panns.prediction.input_search import find_inputs
from deeplab_panns.prediction.scan import Scan
from tests.conftest import write_nifti
from tests.data.dicom.dicom_files import RAMP, write_series


def body(side=60):
  """A body of 40 HU in air; with pixels of 6 mm it is 324 mm wide."""
  hu = np.full((6, side, side), -1000, np.int16)
  hu[:, 3:-3, 3:-3] = 40
  return hu


def test_an_uncertain_doubt_and_another_size_than_in_training_are_warned_of(tmp_path, capsys):
  write_nifti(tmp_path / "half.nii.gz", body(), (5.0, 3.0, 3.0))
  ranges = {"extent_mm": [[10.0, 350.0, 350.0], [90.0, 400.0, 400.0]]}
  read_checked(Scan(tmp_path / "half.nii.gz"), "half", ranges)
  of_body, of_training = capsys.readouterr().out.splitlines()
  assert of_body.startswith(f"warning: {tmp_path / 'half.nii.gz'}: the body measures 162 x 162 mm")
  assert of_training.startswith(
    "warning: half: the slices measure 180 x 180 mm, in training 350 x 350 to 400"
  )


def test_notes_of_the_reader_are_told_but_not_what_lies_beside_slices(tmp_path, monkeypatch, capsys):
  """The latter has been told of by the search for inputs."""
  write_nifti(tmp_path / "scan.nii", body(), (5.0, 6.0, 6.0))
  volume = checked_scan.volumes.read_image(tmp_path / "scan.nii")
  noted = dataclasses.replace(volume, notes=("the sform was taken", "another"))
  of_series = dataclasses.replace(noted, slice_files=("0.dcm", "1.dcm"))
  monkeypatch.setattr(
    checked_scan.volumes, "read_image", lambda path, *_: of_series if path == tmp_path else noted
  )
  read_checked(Scan(tmp_path / "scan.nii"), "scan", {})
  assert capsys.readouterr().out == "note: scan: the sform was taken\nnote: scan: another\n"
  read_checked(Scan(tmp_path), "series", {})
  assert capsys.readouterr().out == ""


def pack(folder, archive):
  with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
    for path in sorted(folder.rglob("*")):
      packed.write(path, path.relative_to(folder.parent))
  return archive


def refused(archive):
  with pytest.raises(InputError) as caught, opened_scan(Scan(archive), "a", {}):
    pass
  return str(caught.value)


def test_a_zip_of_a_series_is_read_as_the_series_and_leaves_nothing(tmp_path, capsys):
  archive = pack(write_series(tmp_path / "series"), tmp_path / "p01.zip")
  with zipfile.ZipFile(archive, "a") as packed:
    packed.writestr("series/readme.txt", "hello")
    packed.writestr("__MACOSX/series/._a.dcm", "rubbish")
  with opened_scan(Scan(archive), "p01", {}) as volume:
    np.testing.assert_array_equal(volume.array, 2.0 * RAMP - 1024)
    folder = volume.path
  assert not checked_scan.os.path.exists(folder)
  (line,) = capsys.readouterr().out.splitlines()
  assert line.startswith(f"warning: {archive}/series: ")  # the archive's name, not the temporary folder's


def test_a_scan_of_a_zip_is_read_alone_or_as_one_of_several(tmp_path):
  write_nifti(tmp_path / "in" / "a.nii.gz", body(), (5.0, 6.0, 6.0))
  with opened_scan(Scan(pack(tmp_path / "in", tmp_path / "one.zip")), "one", {}) as volume:
    np.testing.assert_array_equal(volume.array, body())
  write_nifti(tmp_path / "in" / "sub" / "b.nii.gz", body() + 1, (5.0, 6.0, 6.0))
  archive = pack(tmp_path / "in", tmp_path / "two.zip")
  assert refused(archive).startswith(f"{archive}: holds 2 scans now")
  for scan, added in zip(find_inputs(archive).scans, (0, 1)):
    with opened_scan(scan, "x", {}) as volume:
      np.testing.assert_array_equal(volume.array, body() + added)
      assert len(list(pathlib.Path(volume.path).parent.iterdir())) == 1  # no other was unpacked


def test_what_an_archive_holds_is_refused_by_the_archives_name(tmp_path):
  archive = pack(write_series(tmp_path / "mr", Modality="MR"), tmp_path / "mr.zip")
  assert refused(archive).startswith(f"{archive}/mr/") and "modality is MR" in refused(archive)
  with zipfile.ZipFile(tmp_path / "empty.zip", "w") as packed:
    packed.writestr("a.txt", "hello")
  assert refused(tmp_path / "empty.zip").startswith(f"{tmp_path / 'empty.zip'}: holds neither image files")
