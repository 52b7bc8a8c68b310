"""Headers with wrong bytes: a volume or one line, never a traceback. Every mutation is seeded."""

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from data.formats import volumes
from data.formats.dicom_header import KEYWORDS
from data.input_error import InputError
from tests.data.formats.dicom_files import RAMP, write_slice
from tests.data.formats.volume_files import CANONICAL_AFFINE, save

MOST_CHARACTERS = 300


def outcome(path, read=volumes.read_image):
  """ "read" or the line; any other exception is the test's failure."""
  try:
    read(path)
  except InputError as error:
    message = str(error)
    assert "\n" not in message and len(message) - len(str(path)) <= MOST_CHARACTERS - 40, message
    return message
  return "read"


def series(folder, count=3):
  folder.mkdir(exist_ok=True)
  for index in range(count):
    tags = {"RescaleType": "HU", "PixelPaddingValue": -2000, "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"]}
    write_slice(folder / f"{index}.dcm", RAMP[index], (-20, -30, 2 * index), **tags)
  return folder


def element_start(content, keyword):
  """Where the element's value starts in explicit little endian, and its length."""
  tag = pydicom.datadict.tag_for_keyword(keyword)
  at = content.index(tag.to_bytes(4, "little")[2:] + tag.to_bytes(4, "little")[:2])
  return at + 8, int.from_bytes(content[at + 6 : at + 8], "little")


TEXTS = [
  "Modality",
  "PixelSpacing",
  "ImagePositionPatient",
  "ImageOrientationPatient",
  "RescaleSlope",
  "RescaleIntercept",
  "RescaleType",
  "PhotometricInterpretation",
  "SeriesInstanceUID",
  "SOPClassUID",
  "ImageType",
]
NUMBERS = [
  "Rows",
  "Columns",
  "SamplesPerPixel",
  "BitsAllocated",
  "BitsStored",
  "HighBit",
  "PixelRepresentation",
]


@pytest.mark.parametrize("keyword", TEXTS)
@pytest.mark.parametrize("fill", [b"x", b"\\", b" ", b"\0", b"9", b"-", b"\xff", b"e"])
def test_texts_of_a_slice(tmp_path, keyword, fill):
  path = series(tmp_path) / "1.dcm"
  content = bytearray(path.read_bytes())
  start, length = element_start(content, keyword)
  content[start : start + length] = fill * length
  path.write_bytes(content)
  found = outcome(tmp_path)
  if keyword in ("PixelSpacing", "ImagePositionPatient", "RescaleSlope", "RescaleIntercept") and fill != b"9":
    assert f"1.dcm: {keyword} " in found or f"lacks {keyword}" in found, found
  if keyword == "Modality":
    assert found != "read"


@pytest.mark.parametrize("keyword", NUMBERS)
@pytest.mark.parametrize("value", [0, 7, 255, 65535])
def test_numbers_of_a_slice(tmp_path, keyword, value):
  path = series(tmp_path) / "1.dcm"
  content = bytearray(path.read_bytes())
  start, length = element_start(content, keyword)
  content[start : start + length] = value.to_bytes(length, "little")
  path.write_bytes(content)
  found = outcome(tmp_path)
  assert found != "read" or keyword == "PixelRepresentation"


@pytest.mark.parametrize(
  "keyword, value, words",
  [
    ("Modality", ["CT", "MR"], "Modality is ['CT', 'MR']; one text"),
    ("Rows", [5, 5], "Rows is [5, 5]; 1 finite number"),
    ("RescaleSlope", [1, 2], "RescaleSlope is ['1.0', '2.0']; 1 finite number"),
    ("RescaleIntercept", "", "lacks RescaleIntercept"),
    ("PixelSpacing", ["1", "nan"], "PixelSpacing"),
    ("SamplesPerPixel", [1, 1], "SamplesPerPixel is [1, 1]"),
  ],
)
@pytest.mark.filterwarnings("ignore")
def test_values_of_the_wrong_number(tmp_path, keyword, value, words):
  path = series(tmp_path) / "1.dcm"
  data = pydicom.dcmread(path)
  data[keyword] = pydicom.DataElement(data[keyword].tag, data[keyword].VR, value)
  data.save_as(path)
  assert words in outcome(tmp_path)


def test_values_of_the_wrong_representation(tmp_path):
  path = series(tmp_path) / "1.dcm"
  whole = path.read_bytes()
  found = []
  for keyword in KEYWORDS:
    for representation in (b"UN", b"OB", b"SQ", b"FD", b"DS", b"US", b"??"):
      content = bytearray(whole)
      try:
        start, _ = element_start(content, keyword)
      except ValueError:
        continue  # the series lacks it
      content[start - 4 : start - 2] = representation
      path.write_bytes(content)
      found.append(outcome(tmp_path))
  assert len(found) > 100 and any(line != "read" for line in found)


def mutated(content, rng):
  """The content with a few bytes set, cut out or put in."""
  content = bytearray(content)
  for _ in range(int(rng.integers(1, 5))):
    at = int(rng.integers(len(content)))
    kind = rng.integers(4)
    if kind == 0:
      content[at] = int(rng.integers(256))
    elif kind == 1:
      content[at] ^= 1 << int(rng.integers(8))
    elif kind == 2:
      del content[at : at + int(rng.integers(1, 5))]
    else:
      content[at:at] = rng.integers(256, size=int(rng.integers(1, 5)), dtype=np.uint8).tobytes()
  return bytes(content)


def test_random_bytes_of_a_slice(tmp_path):
  path = series(tmp_path) / "1.dcm"
  whole = path.read_bytes()
  found = []
  for seed in range(300):
    path.write_bytes(mutated(whole, np.random.default_rng(seed)))
    found.append(outcome(tmp_path))
  refused = sum(line != "read" for line in found)
  assert 30 < refused < 300  # most mutations hit something


@pytest.mark.parametrize("ending", [".nii", ".nrrd", ".mha"])
def test_random_bytes_of_other_headers(tmp_path, ending, capfd):
  path = str(tmp_path / ("ct" + ending))
  save(tmp_path / "whole.nii", RAMP.T, CANONICAL_AFFINE)
  if ending == ".nii":
    path = str(tmp_path / "whole.nii")
  else:
    sitk.WriteImage(sitk.ReadImage(str(tmp_path / "whole.nii")), path)
  with open(path, "rb") as file:
    whole = file.read()
  header = 352 if ending == ".nii" else whole.index(b"origin" if ending == ".nrrd" else b"LOCAL") + 20
  capfd.readouterr()  # SimpleITK's own words on writing
  found = []
  for seed in range(150):
    with open(path, "wb") as file:
      file.write(mutated(whole[:header], np.random.default_rng(seed)) + whole[header:])
    found.append(outcome(path))
    outcome(path, volumes.read_label)
  assert 30 < sum(line != "read" for line in found) < 150
  assert capfd.readouterr().err == ""
