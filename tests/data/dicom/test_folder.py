"""What lies in a DICOM folder is used, told of, or refused as what it is."""

import os

import pydicom
import pytest

from data.dicom.folder import CT_SLICE, kind_of, look_into
from data.dicom.header import Header
from data.input_error import InputError
from data.reading import volumes
from tests.data.dicom.dicom_files import RAMP, write_series, write_slice


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
  import data.dicom.folder as module

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


# What a file is

OBJECTS = {
  "SEG": ("1.2.840.10008.5.1.4.1.1.66.4", "SEG", "segimage2itkimage"),
  "RTSTRUCT": ("1.2.840.10008.5.1.4.1.1.481.3", "RTSTRUCT", "dcmrtstruct2nii"),
  "RTPLAN": ("1.2.840.10008.5.1.4.1.1.481.5", "RTPLAN", "name the folder of the CT slices"),
  "RTDOSE": ("1.2.840.10008.5.1.4.1.1.481.2", "RTDOSE", "name the folder"),
  "structured report": ("1.2.840.10008.5.1.4.1.1.88.22", "SR", "name the folder"),
  "key object": ("1.2.840.10008.5.1.4.1.1.88.59", "KO", "name the folder"),
  "secondary capture": ("1.2.840.10008.5.1.4.1.1.7", "CT", "name the folder"),
  "multi-frame": ("1.2.840.10008.5.1.4.1.1.2.1", "CT", "dcm2niix"),
}


def kind(**values):
  return kind_of(Header("file", values, {}, (), "", False, 0))


@pytest.mark.parametrize("name", OBJECTS)
def test_by_class_or_by_modality(name):
  sop_class, modality, way_out = OBJECTS[name]
  found = kind(SOPClassUID=sop_class, Modality=modality)
  assert name in found.name and way_out in found.way_out
  if modality != "CT":
    assert kind(Modality=modality).name.split()[1] == found.name.split()[1]


def test_slices_are_none_of_them():
  assert kind(SOPClassUID=CT_SLICE, Modality="CT") is None
  assert kind(Modality="CT", ImageType=["ORIGINAL", "PRIMARY", "AXIAL"]) is None
  assert kind(SOPClassUID="1.3.46.670589.5.0", Modality="CT") is None  # a vendor's own class


def test_other_images_cannot_lie_beside_slices():
  for values in ({"Modality": "MR"}, {}, {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.128", "Modality": "CT"}):
    assert not kind(**values).beside_slices
  assert kind(Modality="CT", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]).beside_slices
  assert "multi-frame" in kind(Modality="CT", NumberOfFrames="3").name


def object_file(path, name):
  sop_class, modality, _ = OBJECTS[name]
  write_slice(path, RAMP[0], (0, 0, 0), SOPClassUID=sop_class, Modality=modality)
  return path


@pytest.mark.parametrize("name", OBJECTS)
def test_as_image_and_as_label_from_file_and_folder(tmp_path, name):
  path = object_file(tmp_path / "object.dcm", name)
  for read in (volumes.read_image, volumes.read_label):
    for given in (path, tmp_path):
      with pytest.raises(InputError) as caught:
        read(given)
      message = str(caught.value)
      assert name in message and OBJECTS[name][2] in message and str(given) in message
      assert len(message) - len(str(path)) <= 250 and "\n" not in message


def test_beside_slices_they_are_told_of(tmp_path):
  write_series(tmp_path)
  for name in ("SEG", "RTSTRUCT", "secondary capture"):
    object_file(tmp_path / f"{name}.dcm", name)
  (note,) = volumes.read_image(tmp_path).notes
  assert (
    note.startswith("3 DICOM file(s) of another kind were not used (")
    and "a DICOM SEG (segmentation): 1" in note
  )
  object_file(tmp_path / "enhanced.dcm", "multi-frame")
  with pytest.raises(InputError, match="this is an enhanced"):
    volumes.read_image(tmp_path)


def test_slices_are_no_label_map(tmp_path):
  write_series(tmp_path)
  with pytest.raises(InputError, match="a folder of CT slices; a label map is one file"):
    volumes.read_label(tmp_path)
  with pytest.raises(InputError, match="a slice of a CT, not a label map"):
    volumes.read_label(tmp_path / "884.0.dcm")


def test_an_index_of_files(tmp_path):
  data = pydicom.Dataset()
  data.FileSetID = "CD"
  data.file_meta = pydicom.dataset.FileMetaDataset()
  data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
  data.file_meta.MediaStorageSOPInstanceUID = "1.2.8"
  data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
  data.is_little_endian, data.is_implicit_VR, data.preamble = True, False, bytes(128)
  data.save_as(str(tmp_path / "DICOMDIR"))
  with pytest.raises(InputError, match="DICOMDIR: this is a DICOMDIR"):
    volumes.read_image(tmp_path / "DICOMDIR")
