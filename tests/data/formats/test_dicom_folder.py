"""Nothing in a DICOM folder is passed over in silence."""

import os

import pytest

from data.formats import volumes
from data.formats.dicom_folder import look_into
from data.input_error import InputError
from tests.data.formats.dicom_files import RAMP, write_series, write_slice


def refused(path, *words):
  with pytest.raises(InputError) as caught:
    volumes.read_image(path)
  for word in words:
    assert word in str(caught.value), str(caught.value)


@pytest.mark.parametrize("missing", [[3], [0, 1], [1, 2]])
def test_links_that_lead_nowhere(tmp_path, missing):
  objects = write_series(tmp_path / "objects")
  (tmp_path / "series").mkdir()
  for index, name in enumerate(sorted(os.listdir(objects))):
    target = objects / (name if index not in missing else "gone")
    (tmp_path / "series" / f"{index}.dcm").symlink_to(target)
  refused(
    tmp_path / "series",
    f"{missing[0]}.dcm: this link leads nowhere",
    f"{len(missing)} of 4 files",
    "git annex get",
  )


def test_links_that_lead_somewhere_are_slices(tmp_path):
  objects = write_series(tmp_path / "objects")
  (tmp_path / "series").mkdir()
  for name in os.listdir(objects):
    (tmp_path / "series" / name).symlink_to(objects / name)
  assert volumes.read_image(tmp_path / "series").array.shape == RAMP.shape


def test_what_is_not_used_is_counted_and_named(tmp_path):
  write_series(tmp_path)
  for name in ("DICOMDIR", "a.txt", "b.txt", "c.txt", ".DS_Store", "Thumbs.db"):
    (tmp_path / name).write_text("no picture")
  (tmp_path / "more").mkdir()
  assert volumes.read_image(tmp_path).notes == (
    "4 file(s) that are no images were not used (DICOMDIR, a.txt, b.txt and 1 more)",
    "1 sub-folder(s) were not searched (more)",
  )
  assert volumes.read_image(write_series(tmp_path / "clean")).notes == ()


def test_localizers_are_told_of(tmp_path):
  write_series(tmp_path)
  localizer = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
  write_slice(tmp_path / "scout.dcm", RAMP[0], (0, 0, 0), (1, 0, 0, 0, 0, -1), ImageType=localizer)
  volume = volumes.read_image(tmp_path)
  assert volume.array.shape == RAMP.shape
  assert volume.notes == ("1 DICOM file(s) of another kind were not used (a localizer (scout): 1)",)


def test_broken_files_are_counted(tmp_path):
  write_series(tmp_path)
  for name in ("x.dcm", "y.dcm", "z.dcm"):
    (tmp_path / name).write_bytes(b"garbage " * 40)
  refused(tmp_path, "x.dcm: this is not a readable DICOM file", "2 more file(s) of the folder cannot be read")


def test_a_file_that_may_not_be_opened(tmp_path, monkeypatch):
  write_series(tmp_path)
  (tmp_path / "zz.dcm").write_bytes(b"x")
  import data.formats.dicom_folder as module

  real = module.read_header

  def forbidden(path):
    if path.endswith("zz.dcm"):
      raise PermissionError(13, "Permission denied", path)
    return real(path)

  monkeypatch.setattr(module, "read_header", forbidden)
  refused(tmp_path, "zz.dcm: cannot be opened (Permission denied)", "permissions")


def test_names_that_are_no_text(tmp_path):
  write_series(tmp_path)
  os.rename(tmp_path / "884.0.dcm", os.fsencode(tmp_path) + b"/caf\xe9.dcm")
  contents = look_into(str(tmp_path))
  assert len(contents.slices) == 4
  assert volumes.read_image(tmp_path).array.shape == RAMP.shape


def test_an_empty_folder_and_one_of_folders(tmp_path):
  refused(tmp_path, "there is no DICOM slice in the folder. Give")
  (tmp_path / "SE0").mkdir()
  refused(tmp_path, "1 sub-folder(s) were not searched (SE0)")
