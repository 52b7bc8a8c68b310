"""Label files that keep their segments apart and name them: .seg.nrrd, DICOM SEG, RTSTRUCT."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Mapping

import numpy as np

from data.arrays import Mask
from data.dicom.contours import read_structures
from data.dicom.header import read_header
from data.dicom.objects import SEG, label_object
from data.dicom.segmentation import read_segmentation
from data.formats.seg_nrrd import SUFFIX, read_seg_nrrd
from data.formats.segment import Segment
from data.input_error import InputError
from data.listed import listed
from data.reading.overlaid import PackedMasks
from data.reading.placement import place
from data.reading.planes import gap_notes, without_repeats
from data.reading.rasterised import rasterise
from data.reading.value_names import contradiction
from data.reading.volumes import Volume, system_errors
from data.whole_file import AnyPath


@dataclasses.dataclass(frozen=True)
class Wanted:
  """What a manifest says of the segments; each is looked for by its name, then by its number.

  Attributes:
    names: segment name -> organ, "" for background.
    values: segment number -> organ.
    background: numbers that count as background.
  """

  names: Mapping[str, str]
  values: Mapping[int, str]
  background: Collection[int]

  def organ(self, name: str, number: int) -> str | None:
    """The organ, "" for background, None for a segment that is not mentioned."""
    if name in self.names:
      return self.names[name]
    return "" if number in self.background else self.values.get(number)


def has_segments(path: AnyPath) -> bool:
  """Whether a label is a file of segments, or a folder with one DICOM file of them."""
  with system_errors(path):
    return str(path).lower().endswith(SUFFIX) or label_object(path) is not None


def read_segments(
  path: AnyPath, image: Volume, wanted: Wanted, annotated: Collection[str]
) -> tuple[PackedMasks, tuple[str, ...]]:
  """Reads the segments of the annotated organs.

  Args:
    path: of a file that `has_segments`, or a folder with one.
    image: the scan.
  Returns:
    (masks on the image's voxels, notes): an organ's segments are united.
  Raises:
    InputError: If the file cannot be read, lies in another frame of reference or not on the image's voxels,
      or has no segment of an annotated organ: its name may be spelt otherwise.
  """
  with system_errors(path):
    found = label_object(path)
    if found is None:
      file, segments = str(path), read_seg_nrrd(path)
    elif found[0] == SEG:
      file, segments = found[1], read_segmentation(found[1])
      _require_same_frame(file, read_header(file).text("FrameOfReferenceUID"), image)
    else:
      return _structures(found[1], image, wanted, annotated)
  chosen = _chosen(file, [(one.name, one.number) for one in segments], wanted, annotated)
  masks = PackedMasks(image.array.shape)
  notes = list(_left_out(wanted, [(one.name, one.number) for one in segments]))
  for segment, organ in zip(segments, chosen):
    if organ:
      mask = _placed(file, segment, image)
      notes += gap_notes(file, segment.name, mask)
      masks.unite(organ, mask)
  return masks, (*notes, *_nowhere(masks))


def _structures(
  file: str, image: Volume, wanted: Wanted, annotated: Collection[str]
) -> tuple[PackedMasks, tuple[str, ...]]:
  structures = read_structures(file)
  named = [(one.name, one.number) for one in structures]
  masks = PackedMasks(image.array.shape)
  notes: list[str] = []
  for structure, organ in zip(structures, _chosen(file, named, wanted, annotated)):
    if organ:
      _require_same_frame(file, structure.frame_of_reference, image)
      once = without_repeats(structure)
      mask = rasterise(file, once, image)
      notes += gap_notes(file, structure.name, mask)
      masks.unite(organ, mask)
      repeats = len(structure.polygons) - len(once.polygons)
      if repeats:
        notes.append(f"{repeats} contour(s) of {structure.name} are stored twice and count once")
      if structure.points:
        notes.append(f"{structure.points} contour(s) of {structure.name} are no polygons and were left out")
  return masks, (*_left_out(wanted, named), *notes, *_nowhere(masks))


def _nowhere(masks: PackedMasks) -> tuple[str, ...]:
  """Names of structures stand in templates, drawn or not."""
  empty = [organ for organ in masks.organs() if not masks[organ].any()]
  if not empty:
    return ()
  return (
    f"segments of {listed(empty)} hold nothing, and all of the scan counts as background of it: take organs "
    'that nobody drew out of "annotated"',
  )


def _require_same_frame(file: str, frame_of_reference: str, image: Volume) -> None:
  """Positions of different frames of reference do not compare, however near they look (PS3.3 C.7.4.1)."""
  if frame_of_reference and image.frame_of_reference not in ("", frame_of_reference):
    raise InputError(
      f"{file}: lies in the frame of reference ...{frame_of_reference[-16:]}, the scan {image.path} in "
      f"...{image.frame_of_reference[-16:]}, so it was drawn on another scan. Name that one, or give a label "
      "map on this one's grid in NIfTI."
    )


def _chosen(
  file: str, named: list[tuple[str, int]], wanted: Wanted, annotated: Collection[str]
) -> list[str | None]:
  """The organ of each segment where it is annotated, else None."""
  organs = [wanted.organ(name, number) for name, number in named]
  known = {*wanted.names.values(), *wanted.values.values()} - {""}
  for (name, number), organ in zip(named, organs):  # segments of several layers may have one number
    if organ and name not in wanted.names and contradiction({number: name}, {number: organ}, known):
      raise InputError(
        f'{file}: its segment {number} is "{name}", and "labels" takes it for {organ}; map it by its name.'
      )
  missing = [organ for organ in annotated if organ not in organs]
  if missing:
    there = listed((f'"{name}" ({number})' for name, number in named), 8)
    raise InputError(
      f"{os.path.basename(file)}: has no segment of {listed(missing)}; it has {there or 'none'}. Map one of "
      "these "
      f'names to it in "labels", or take it out of "annotated". File: {file}'
    )
  return [organ if organ in annotated else None for organ in organs]


def _left_out(wanted: Wanted, named: list[tuple[str, int]]) -> tuple[str, ...]:
  unknown = [name or str(number) for name, number in named if wanted.organ(name, number) is None]
  if not unknown:
    return ()
  return (f'segments that "labels" does not mention are background: {listed(unknown, 8)}',)


def _placed(file: str, segment: Segment, image: Volume) -> Mask:
  mask = np.zeros(image.array.shape, bool)
  for block in segment.blocks:
    mask |= place(file, block.mask, block.affine, image)
  return mask
