"""What stored values mean: numbers by hand, and what would make HU doubtful is refused."""

import numpy as np
import pydicom
import pytest

from data.dicom.header import Header
from data.dicom.values import hu_of_decoded, stored_values, to_hu
from data.input_error import InputError
from data.reading import volumes
from tests.data.dicom.dicom_files import write_slice

PLAIN = {
  "RescaleSlope": 1,
  "RescaleIntercept": -1024,
  "BitsAllocated": 16,
  "BitsStored": 16,
  "HighBit": 15,
  "PixelRepresentation": 0,
  "SamplesPerPixel": 1,
  "PhotometricInterpretation": "MONOCHROME2",
}


def values(overlay_bits=(), **tags):
  kept = {keyword: value for keyword, value in {**PLAIN, **tags}.items() if value is not None}
  return stored_values(Header("file", kept, {}, overlay_bits, "", False, 0))


def hu(raw, overlay_bits=(), **tags):
  return to_hu("file", values(overlay_bits, **tags), np.array(raw, np.uint16).reshape(-1, 1)).ravel().tolist()


def refused(*words, **tags):
  with pytest.raises(InputError) as caught:
    values(**tags)
  message = str(caught.value)
  assert message.startswith("file: ") and len(message) <= 250 and "\n" not in message
  for word in words:
    assert word in message, message


def test_slope_and_intercept_by_hand():
  assert hu([0, 1, 65535]) == [-1024, -1023, 64511]
  assert hu([0, 3], RescaleSlope=0.5, RescaleIntercept=10.25) == [10.25, 11.75]


def test_signed_values_of_all_bits_and_of_twelve():
  assert hu([0, 0xFFFF, 0x8000], PixelRepresentation=1) == [-1024, -1025, -33792]
  twelve = {"PixelRepresentation": 1, "BitsStored": 12, "HighBit": 11}
  # -1 with the bits above it at 0, and continued into them: both are written
  assert hu([0x0FFF, 0xFFFF, 0x0800, 0x07FF], **twelve) == [-1025, -1025, -3072, 1023]


def test_a_value_at_the_upper_end_of_its_bits():
  assert hu([0x0010, 0xFFF0], BitsStored=12, HighBit=15) == [-1023, 3071]
  assert hu([0xFFF0], BitsStored=12, HighBit=15, PixelRepresentation=1) == [-1025]
  assert hu([0xFFF5], (0, 2), BitsStored=12, HighBit=15) == [3071]
  with pytest.raises(InputError, match=r"1 pixel\(s\) have bits set outside the 12 of HighBit 15"):
    hu([0x0010, 0xFFF5], BitsStored=12, HighBit=15)


def test_overlays_in_unused_bits_are_no_part_of_the_value():
  twelve = {"BitsStored": 12, "HighBit": 11}
  assert hu([1064, 0x1000 + 1064, 0x8000 + 1064], (12, 15), **twelve) == [40, 40, 40]
  for overlay_bits in ((), (11,)):
    with pytest.raises(InputError, match=r"^file: 2 pixel\(s\) have bits set outside the 12 of HighBit 11"):
      hu([1064, 0x1000 + 1064, 0x8000 + 1064], overlay_bits, **twelve)


@pytest.mark.parametrize(
  "padding, signed, raw, expected",
  [
    (-2000, 1, 63536, -3024),  # what it stands for is air already
    (63536, 1, 63536, -3024),  # the attribute has the other representation
    (63536, 0, 63536, -1024),
    (-2000, 0, 63536, -1024),
    (b"\x30\xf8", 0, 63536, -1024),
    (4095, 0, 4095, -1024),
    (0, 0, 0, -1024),
  ],
)
def test_padding_is_air(padding, signed, raw, expected):
  found = hu([raw, 1064, raw, 1100], PixelPaddingValue=padding, PixelRepresentation=signed)
  assert found == [expected, 40, expected, 76]


@pytest.mark.parametrize("ends", [(4000, 4095), (4095, 4000)])
def test_a_range_of_padding(ends):
  first, last = ends
  found = hu([3999, 4000, 4050, 4095, 4096], PixelPaddingValue=first, PixelPaddingRangeLimit=last)
  assert found == [2975, -1024, -1024, -1024, 3072]


def test_padding_outside_the_bits_of_the_value():
  # -2000 in 16 bits, though 12 are stored: its lower 12 bits would be 1072 HU
  found = hu([63536, 1064], PixelPaddingValue=63536, BitsStored=12, HighBit=11)
  assert found == [-1024, 40]


def test_a_padding_value_that_may_be_tissue_is_padding_at_the_edge_alone():
  raw = np.full((7, 7), 1024, np.uint16)  # 0 HU
  raw[1:6, 1:6] = 1100
  raw[3, 3] = 1024
  found = to_hu("file", values(PixelPaddingValue=1024), raw)
  assert found[3, 3] == 0 and (found[0] == -1024).all() and (found[:, 6] == -1024).all() and found[2, 2] == 76


def test_decoded_pixels_get_the_same_air():
  decoded = np.array([[3071, 40, 0.5]])
  assert hu_of_decoded(values(PixelPaddingValue=4095), decoded).tolist() == [[-1024, 40, 0]]
  half = values(RescaleSlope=0.5, RescaleIntercept=-1000, PixelPaddingValue=3)
  assert hu_of_decoded(half, np.array([[-998.5, -998.0, 60.5]])).tolist() == [[-1024, -998, 60.5]]


def test_decoded_padding_beyond_the_stored_bits_is_air_where_it_reaches_the_edge():
  """GDCM gives the lower 12 bits of 63536, which are tissue of 1072 HU as well."""
  decoded = np.full((7, 7), 1072.0)
  decoded[1:6, 1:6] = 40
  decoded[3, 3] = 1072
  padded = values(PixelPaddingValue=63536, BitsStored=12, HighBit=11)
  found = hu_of_decoded(padded, decoded)
  assert (found[0] == -1024).all() and found[3, 3] == 1072 and found[2, 2] == 40


@pytest.mark.parametrize(
  "tags, words",
  [
    (
      {"PhotometricInterpretation": "MONOCHROME1"},
      ["PhotometricInterpretation is MONOCHROME1", "MONOCHROME2"],
    ),
    ({"PhotometricInterpretation": "PALETTE COLOR"}, ["PALETTE COLOR"]),
    ({"PresentationLUTShape": "INVERSE"}, ["PresentationLUTShape is INVERSE"]),
    ({"SamplesPerPixel": 3}, ["3 values per pixel"]),
    ({"RescaleType": "OD"}, ["RescaleType is OD", "HU is allowed"]),
    ({"RescaleSlope": 0}, ["RescaleSlope is 0", "above 0"]),
    ({"RescaleSlope": -1}, ["RescaleSlope is -1"]),
    ({"RescaleIntercept": "x"}, ["RescaleIntercept is x", "finite number"]),
    ({"ModalityLUTSequence": [1]}, ["Modality LUT"]),
    ({"BitsAllocated": 12}, ["BitsAllocated 12"]),
    ({"BitsStored": 17}, ["BitsStored 17"]),
    ({"HighBit": 10}, ["HighBit 10"]),
    ({"PixelRepresentation": 2}, ["PixelRepresentation is 2", "from 0 to 1"]),
    ({"PixelPaddingValue": [1, 2]}, ["PixelPaddingValue is [1, 2]"]),
  ],
)
def test_what_makes_hu_doubtful(tags, words):
  refused(*words, **tags)


@pytest.mark.parametrize(
  "tags",
  [{"RescaleType": name} for name in ("HU", " hu", "US", "Houndsfield Unit", "HOUNSFIELD", "")]
  + [{"SamplesPerPixel": None}, {"HighBit": None}],
)
def test_what_says_the_same_in_other_words(tags):
  assert values(**tags) == values()


def mapping(slope, intercept, unit="[hnsf'U]"):
  item, code = pydicom.Dataset(), pydicom.Dataset()
  code.CodeValue = unit
  item.RealWorldValueSlope, item.RealWorldValueIntercept = slope, intercept
  item.MeasurementUnitsCodeSequence = [code]
  return pydicom.Sequence([item])


def test_a_real_world_mapping_must_agree():
  assert values(RealWorldValueMappingSequence=mapping(1, -1024)) == values()
  assert values(RealWorldValueMappingSequence=mapping(0.001, 0, "mg/cm3")) == values()
  refused("real-world mapping 1 * value +0", RealWorldValueMappingSequence=mapping(1, 0))
  refused("cannot be read", RealWorldValueMappingSequence=pydicom.Sequence([pydicom.Dataset()]))


def write_padded(folder, signed, padding, bits):
  """A circle of 40 HU; outside it the padding value."""
  y, x = np.mgrid[:24, :24]
  stored = np.where((y - 11.5) ** 2 + (x - 11.5) ** 2 < 100, 1064, padding)
  folder.mkdir()
  for z in range(3):
    tags = {"BitsStored": bits, "HighBit": bits - 1, "PixelRepresentation": int(signed), "RescaleSlope": 1}
    write_slice(folder / str(z), stored.astype(np.int64), (0, 0, z), PixelPaddingValue=padding, **tags)
  return folder


def test_a_padded_series_is_the_same_in_each_representation(tmp_path):
  signed = volumes.read_image(write_padded(tmp_path / "signed", True, -2000, 16)).array
  for name, padding, bits in (("unsigned", 63536, 16), ("top", 4095, 12), ("outside", 63536, 12)):
    other = volumes.read_image(write_padded(tmp_path / name, False, padding, bits)).array
    np.testing.assert_array_equal(np.maximum(signed, -1024), other)
    assert other[0, 0, 0] == -1024 and other[1, 12, 12] == 40
