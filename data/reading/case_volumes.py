"""The scan and the labels of a manifest's case, from whatever files they lie in."""

from __future__ import annotations

import dataclasses
import math
import os
import pathlib
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from data.arrays import Integers, Labels
from data.cases import Case
from data.dicom.series import series_files
from data.formats import nifti
from data.formats.label_values import label_integers, to_labels, unnamed_values
from data.formats.png_stack import by_name, is_png_stack, read_png_stack
from data.input_error import InputError
from data.listed import listed
from data.organs import IGNORE
from data.reading import volumes
from data.reading.named_segments import Wanted, has_segments, read_segments
from data.reading.overlaid import PackedMasks, overlaid
from data.reading.placed_by_density import mirrored, placement_by_density
from data.reading.value_names import ORGANS_BESIDE, contradiction, names_of
from data.reading.volumes import Volume
from data.value_counts import counts_by_value, values_of


@dataclasses.dataclass(frozen=True, eq=False)
class CaseLabel:
  """The labels of a case on its image's grid.

  Attributes:
    array: uint8 [z, y, x], 1 + the organ's index, 255 ignore; organs that are not annotated are background.
    notes: what the user should know, one line each.
    record: what was decided on the way, as JSON, for the store's index.
  """

  array: Labels
  notes: tuple[str, ...] = ()
  record: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def read_case_image(case: Case, nifti_header: str = "") -> Volume:
  """Reads the scan; arguments and errors as of `volumes.read_image`."""
  return _mirrored(volumes.read_image(case.image, nifti_header, case.reading), case.reading.mirrored)


def image_files(case: Case) -> tuple[pathlib.Path, ...]:
  """What the scan is read from: a file, a folder, or the files of one series of a folder.

  Raises:
    InputError: If the folder holds no such series.
  """
  if not case.reading.series:
    return (case.image,)
  with volumes.system_errors(case.image):
    return tuple(map(pathlib.Path, series_files(case.image, case.reading.series)))


def read_case_label(case: Case, image: Volume, organs: tuple[str, ...], nifti_header: str = "") -> CaseLabel:
  """Reads the labels.

  Args:
    image: as `read_case_image` gives it.
    organs: the list that the result counts in.
    nifti_header: "sform" or "qform" where they disagree; "" refuses such a file.
  Raises:
    InputError: If they cannot be read, lie on another grid, or hold values that the manifest does not name.
  """
  if case.masks:
    return _of_masks(case, image, organs, nifti_header)
  if case.label is None:
    return CaseLabel(np.zeros(image.array.shape, np.uint8))
  if case.reading.placed_by:
    return _placed_by_density(case, image, organs, nifti_header)
  if not is_png_stack(case.label) and (case.names or _is_object(case)) and has_segments(case.label):
    wanted = Wanted(case.names, case.values, case.background)
    masks, notes = read_segments(case.label, image, wanted, case.annotated)
    array, overlaps = overlaid(str(case.label), masks, organs)
    return CaseLabel(np.ascontiguousarray(mirrored(array, case.reading.mirrored)), (*notes, *overlaps))
  if case.names:
    raise InputError(
      f'{case.label}: names no segments, and "labels" of case "{case.id}" has the name '
      f'"{next(iter(case.names))}"; map the values of the label map: {{"1": organ}}.'
    )
  values = _label_array(case, case.label, image, nifti_header)
  held = counts_by_value(values)
  _require_as_named(case.label, held, case.values, organs)
  return CaseLabel(_labels(case, values, held, organs), record=_united(case, held, image))


def _require_as_named(
  path: pathlib.Path, held: Collection[int], values: Mapping[int, str], organs: tuple[str, ...]
) -> None:
  """Raises InputError if the manifest takes a value for an organ that the file calls by another's name."""
  found = contradiction(names_of(path, set(held) - {0}), values, organs)
  if found:
    value, name, organ = found
    raise InputError(
      f'{path}: its value {value} is "{name}" by its header or {ORGANS_BESIDE} beside it, and the manifest '
      f"takes it for {organ}; correct the wrong one (save the file without a header that no longer "
      "holds)."
    )


def _is_object(case: Case) -> bool:
  """Whether the label is no label map of values."""
  return case.label is not None and (case.label.is_dir() or volumes.is_dicom(case.label))


def _of_masks(case: Case, image: Volume, organs: tuple[str, ...], nifti_header: str) -> CaseLabel:
  masks = PackedMasks(image.array.shape)
  for organ in case.annotated:
    for path in case.masks[organ]:
      array = _label_array(case, path, image, nifti_header)
      values = [value for value in values_of(array) if value]
      if len(values) > 1:
        raise InputError(
          f"{path}: holds the values {listed(values, 6)}; a mask has one beside 0, any but 0 being {organ}. "
          "Name the mask of this organ, or give a label map with its values."
        )
      _require_as_named(path, values, dict.fromkeys(values, organ), organs)
      masks.unite(organ, array != 0)
  array, notes = overlaid(str(case.label_files[0].parent), masks, organs)
  return CaseLabel(array, notes)


def _label_array(case: Case, path: os.PathLike[str], image: Volume, nifti_header: str) -> Integers:
  """The values of one label map [z, y, x], on the image's voxels."""
  if is_png_stack(path):
    array: Integers = _png_array(path, image)
  else:
    label = volumes.read_label(path, nifti_header, case.reading)
    # The image was turned after it was read, so the grids are compared as the headers have them.
    try:
      array = volumes.require_same_grid(image, label).array
    except volumes.GridsDiffer:
      if not case.reading.label_by_voxels or label.grid.shape != image.grid.shape:
        raise
      array = np.ascontiguousarray(image.grid.to_canonical(label.grid.from_canonical(label.array)))
  return mirrored(array, case.reading.mirrored)


def _png_array(path: os.PathLike[str], image: Volume) -> Integers:
  """PNG slice k belongs to the scan's DICOM file k, both by name; where that lies, DICOM says."""
  if not image.slice_files:
    raise InputError(
      f"{path}: slices as PNG have no geometry of their own; the image {image.path} must be the DICOM folder "
      "whose files they belong to, name by name."
    )
  stack, paths = read_png_stack(path), image.slice_files
  if stack.shape != tuple(image.grid.shape[::-1]):
    raise InputError(
      f"{path}: holds {' x '.join(map(str, stack.shape))} (slices, rows, columns) in PNG files, the DICOM "
      f"series {image.path} has {' x '.join(map(str, image.grid.shape[::-1]))}; both must be equal."
    )
  names = sorted(paths, key=by_name)
  in_space = np.stack([stack[names.index(one)] for one in paths])
  return np.ascontiguousarray(image.grid.to_canonical(in_space))


def _placed_by_density(case: Case, image: Volume, organs: tuple[str, ...], nifti_header: str) -> CaseLabel:
  assert case.label is not None
  array = _without_header(case.label, nifti_header)
  if array.shape != image.array.shape:
    raise InputError(
      f"{case.label}: the label map has {' x '.join(map(str, array.shape))} voxels (z, y, x), the image "
      f"{case.image} has {' x '.join(map(str, image.array.shape))}; both must be equal. Do they belong "
      "together?"
    )
  labels = _labels(case, array, counts_by_value(array), organs)
  judged = [organ for organ in case.reading.placed_by if organ in case.annotated]
  even = {organ: [1 + organs.index(organ)] for organ in judged}
  voxel_ml = math.prod(image.spacing_mm) / 1000
  placement = placement_by_density(str(case.label), labels, image.array, voxel_ml, even)
  turned = np.ascontiguousarray(mirrored(labels, placement.mirrored))
  return CaseLabel(turned, record={"label_placed": placement._asdict()})


def _without_header(path: os.PathLike[str], nifti_header: str) -> Integers:
  """A NIfTI label map [z, y, x]: by its header where that can be used, else as stored."""
  try:
    return volumes.read_label(path, nifti_header).array
  except InputError:
    # A header without orientation is why the scan decides. What is wrong with the voxels is said again here.
    return label_integers(path, nifti.read_voxels(path))


def _labels(case: Case, array: Integers, held: Mapping[int, int], organs: tuple[str, ...]) -> Labels:
  known = case.values.keys() | case.background | case.ignored
  unnamed = unnamed_values(held, known)
  if unnamed:
    found = listed((f"{value}: {count}" for value, count in unnamed.items()), 8)
    named = listed(sorted(case.values), 13)
    raise InputError(
      f'{case.label}: holds label values {{{found}}} (value: voxels) that "labels" of case "{case.id}" does '
      f"not name; it names [{named}]: add them there, or correct the label map."
    )
  labels = to_labels(array, case.values, organs, case.annotated)
  if case.ignored:
    labels[np.isin(array, sorted(case.ignored))] = IGNORE
  return labels


def _united(case: Case, held: Mapping[int, int], image: Volume) -> dict[str, Any]:
  """What each of several values of an organ contributes, for the index: {"values_ml": {"2": 732.1}}.

  A tumour that is larger than its organ makes a case unlike the others; the user may leave it out.
  """
  organs = [organ for organ in case.values.values() if organ in case.annotated]
  shared = [value for value, organ in case.values.items() if organs.count(organ) > 1]
  if not shared:
    return {}
  voxel_ml = math.prod(image.spacing_mm) / 1000
  return {"values_ml": {str(value): round(held.get(value, 0) * voxel_ml, 1) for value in sorted(shared)}}


def _mirrored(volume: Volume, axes: str) -> Volume:
  """The voxels turned round on their grid: the header says wrongly where the axes run."""
  if not axes:
    return volume
  note = f"the voxels were mirrored along {axes} against the header, as asked for"
  array = np.ascontiguousarray(mirrored(volume.array, axes))
  return dataclasses.replace(volume, array=array, notes=(*volume.notes, note))
