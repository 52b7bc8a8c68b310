"""DICOM files that are no slices are named as what they are, with a way out."""

import pydicom
import pytest

from data.formats import volumes
from data.formats.dicom_header import Header
from data.formats.dicom_objects import CT_SLICE, kind_of
from data.input_error import InputError
from tests.data.formats.dicom_files import RAMP, write_series, write_slice

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
