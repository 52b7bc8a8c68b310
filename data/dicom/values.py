"""What the stored values of a CT slice mean: which bits hold them, what is padding, and how they become HU.

DICOM PS3.3 C.7.6.3 (pixels), C.7.5.1.1.2 (padding), C.11.1 (rescale), C.7.6.16.2.11 (real-world values).
Whatever would make the HU doubtful is refused.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from scipy import ndimage

from data.arrays import ImageHU, Integers
from data.dicom.header import WAY_OUT, Header
from data.input_error import InputError

AIR_HU = -1024.0
# A padding value that stands for such HU may be tissue as well: it is padding only where it reaches the edge.
TISSUE_HU = (-1000.0, 2000.0)
HU_TOLERANCE = 0.5  # between two descriptions of the same values
HU_UNITS = {"", "[hnsf'U]", "HU"}
Raw = npt.NDArray[np.unsignedinteger[Any]]
"""[row, column], the pixels' bits as in the file."""


@dataclasses.dataclass(frozen=True)
class StoredValues:
  """How the pixels of one slice are to be read.

  Attributes:
    bits_allocated: of a pixel in the file: 8, 16 or 32.
    bits_stored: how many of them hold the value.
    high_bit: the position of the value's highest bit.
    signed: whether the value is in two's complement.
    overlays_in_pixels: whether bits that are not of the value hold overlays.
    slope: HU a step.
    intercept: HU of the value 0.
    padding: (lowest, highest) value of what is no image; None if all is.
  """

  bits_allocated: int
  bits_stored: int
  high_bit: int
  signed: bool
  overlays_in_pixels: bool
  slope: float
  intercept: float
  padding: tuple[int, int] | None

  def in_hu(self, stored: float) -> float:
    """HU of a stored value."""
    return stored * self.slope + self.intercept


def stored_values(header: Header) -> StoredValues:
  """Reads what the header says of its pixels.

  Raises:
    InputError: If something is missing or contradicts itself, or the values would not be HU.
  """
  _require_grey_values(header)
  _require_hu(header)
  allocated = header.whole("BitsAllocated", 1, 64)
  stored = header.whole("BitsStored", 1, 64)
  high_bit = header.whole("HighBit", 0, 63) if "HighBit" in header else stored - 1
  if allocated not in (8, 16, 32) or not stored - 1 <= high_bit < allocated:
    raise InputError(
      f"{header.path}: BitsAllocated {allocated}, BitsStored {stored} and HighBit {high_bit} do not go "
      f"together; 8, 16 or 32 bits that hold the value are allowed; {WAY_OUT}."
    )
  slope, intercept = header.number("RescaleSlope"), header.number("RescaleIntercept")
  if slope <= 0:
    raise header.wrong("RescaleSlope", "a number above 0")
  signed = header.whole("PixelRepresentation", 0, 1) == 1
  result = StoredValues(
    bits_allocated=allocated,
    bits_stored=stored,
    high_bit=high_bit,
    signed=signed,
    overlays_in_pixels=any(not high_bit - stored < bit <= high_bit for bit in header.overlay_bits),
    slope=slope,
    intercept=intercept,
    padding=_padding(header, allocated, signed),
  )
  _require_same_real_world_values(header, result)
  return result


def to_hu(path: str, values: StoredValues, raw: Raw) -> ImageHU:
  """HU of the pixels of a file; padding becomes air (-1024 HU, or what it stands for if that is lower).

  Args:
    path: for messages.
    raw: uint8, uint16 or uint32 of `bits_allocated`.
  Raises:
    InputError: If bits above HighBit are set and nothing says what they mean.
  """
  whole = _with_sign(raw, values)
  padding = _within(whole, values.padding)
  if values.bits_stored == values.bits_allocated:
    return _rescaled(values, whole, padding)
  stored = _value_bits(raw, values)
  stray = _stray_bits(raw, stored, values) & ~padding
  if stray.any() and not values.overlays_in_pixels:
    raise InputError(
      f"{path}: {np.count_nonzero(stray)} pixel(s) have bits set outside the {values.bits_stored} of HighBit "
      f"{values.high_bit}, and no overlay is declared there, so their value is unknown; correct BitsStored "
      f"and HighBit, or {WAY_OUT}."
    )
  return _rescaled(values, stored, padding | _within(stored, values.padding))


def hu_of_decoded(values: StoredValues, hu: npt.NDArray[Any]) -> ImageHU:
  """As `to_hu`, for compressed pixels that GDCM has decoded and rescaled already.

  Of padding beyond the stored bits it has left the lower ones, which are the value of tissue as well.
  """
  stored = np.rint((hu.astype(np.float64) - values.intercept) / values.slope).astype(np.int64)
  if values.padding is not None:
    low, high = (_lower_bits(value, values) for value in values.padding)
    if high - low == values.padding[1] - values.padding[0]:
      values = dataclasses.replace(values, padding=(low, high))
  return _rescaled(values, stored, _within(stored, values.padding))


def _lower_bits(value: int, values: StoredValues) -> int:
  """What the stored bits hold of a value."""
  kept = value & ((1 << values.bits_stored) - 1)
  return kept - (1 << values.bits_stored) if values.signed and kept >> (values.bits_stored - 1) else kept


def _rescaled(values: StoredValues, stored: Integers, padding: npt.NDArray[np.bool_]) -> ImageHU:
  hu = (stored * values.slope + values.intercept).astype(np.float32)
  if values.padding is not None and padding.any():
    low, high = (values.in_hu(value) for value in values.padding)
    if TISSUE_HU[0] < high and low < TISSUE_HU[1]:
      padding = _reaching_the_edge(padding)
    hu[padding] = np.minimum(hu[padding], np.float32(AIR_HU))
  return hu


def _reaching_the_edge(padding: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
  regions, count = ndimage.label(padding)
  at_edge = np.zeros(count + 1, bool)
  for edge in (regions[0], regions[-1], regions[:, 0], regions[:, -1]):
    at_edge[edge] = True
  at_edge[0] = False
  return at_edge[regions]


def _within(stored: Integers, limits: tuple[int, int] | None) -> npt.NDArray[np.bool_]:
  if limits is None:
    return np.zeros(stored.shape, bool)
  return (stored >= limits[0]) & (stored <= limits[1])


def _with_sign(raw: Raw, values: StoredValues) -> Integers:
  """All bits of the pixels as one number."""
  return raw.astype(raw.dtype.newbyteorder("=")).view(f"i{raw.dtype.itemsize}") if values.signed else raw


def _value_bits(raw: Raw, values: StoredValues) -> Integers:
  """The bits that hold the value, as int64 of its sign."""
  unused = 64 - 1 - values.high_bit
  moved = raw.astype(np.uint64) << np.uint64(unused)
  if values.signed:
    return moved.view(np.int64) >> np.int64(64 - values.bits_stored)
  return (moved >> np.uint64(64 - values.bits_stored)).astype(np.int64)


def _stray_bits(raw: Raw, stored: Integers, values: StoredValues) -> npt.NDArray[np.bool_]:
  """Where bits that are not of the value are set, unless they continue a negative value to the left."""
  below = raw.astype(np.uint64) & np.uint64((1 << (values.high_bit + 1 - values.bits_stored)) - 1)
  above = raw.astype(np.uint64) >> np.uint64(values.high_bit + 1)
  all_ones = np.uint64((1 << (values.bits_allocated - 1 - values.high_bit)) - 1)
  return (below != 0) | ((above != 0) & ~((above == all_ones) & (stored < 0)))


def _require_grey_values(header: Header) -> None:
  samples = header.whole("SamplesPerPixel", 1, 16) if "SamplesPerPixel" in header else 1
  if samples != 1:
    raise InputError(
      f"{header.path}: the image holds {samples} values per pixel (colours); 1 is allowed; {WAY_OUT}."
    )
  for keyword, allowed in (
    ("PhotometricInterpretation", "MONOCHROME2"),
    ("PresentationLUTShape", "IDENTITY"),
  ):
    if keyword in header and header.text(keyword) not in (allowed, ""):
      raise header.wrong(keyword, f"{allowed} (the grey values may be inverted or colours otherwise)")


def _require_hu(header: Header) -> None:
  # US is "unspecified" (C.11.1.1.2); whether the values can be HU is asked of all scans
  unit = re.sub(r"[^A-Z]", "", header.text("RescaleType").upper())
  if not re.fullmatch(r"|HU|US|UNSPECIFIED|HNSFU|HOUN[DS]*FIELDS?(UNITS?)?", unit):
    raise header.wrong("RescaleType", "HU")
  if "ModalityLUTSequence" in header:
    raise InputError(
      f"{header.path}: a Modality LUT, not a slope and an intercept, gives the values their meaning; this is "
      f"not read. Convert the series to HU first, or {WAY_OUT}."
    )


def _padding(header: Header, bits: int, signed: bool) -> tuple[int, int] | None:
  if "PixelPaddingValue" not in header:
    return None
  first = _padding_value(header, "PixelPaddingValue", bits, signed)
  if "PixelPaddingRangeLimit" not in header:
    return first, first
  last = _padding_value(header, "PixelPaddingRangeLimit", bits, signed)
  return min(first, last), max(first, last)


def _padding_value(header: Header, keyword: str, bits: int, signed: bool) -> int:
  """The value by the sign of the pixels: the attribute's own representation is often the other one."""
  value = header.raw(keyword)
  if isinstance(value, bytes):  # of unknown representation
    number = int.from_bytes(value, "little")
  else:
    number = int(header.whole(keyword, -(1 << 31), (1 << 32) - 1))
  number &= (1 << bits) - 1
  return number - (1 << bits) if signed and number >> (bits - 1) else number


def _require_same_real_world_values(header: Header, values: StoredValues) -> None:
  items = header.raw("RealWorldValueMappingSequence") or []
  for item in items if isinstance(items, pydicom.Sequence) else []:
    try:
      unit = [str(code.get("CodeValue") or "") for code in item.get("MeasurementUnitsCodeSequence") or []]
      if not HU_UNITS & set(unit or [""]):
        continue  # another quantity, such as a density
      slope, intercept = float(item.RealWorldValueSlope), float(item.RealWorldValueIntercept)
    except Exception as error:
      raise InputError(
        f"{header.path}: RealWorldValueMappingSequence cannot be read, so that the HU are unknown; correct "
        f"or remove it, or {WAY_OUT}."
      ) from error
    if max(abs(value * slope + intercept - values.in_hu(value)) for value in (0, 4000)) > HU_TOLERANCE:
      raise InputError(
        f"{header.path}: the rescale gives {values.slope:g} * value {values.intercept:+g} HU, but the "
        f"real-world mapping {slope:g} * value {intercept:+g}; they must agree. Correct the one that is "
        f"wrong, or {WAY_OUT}."
      )
