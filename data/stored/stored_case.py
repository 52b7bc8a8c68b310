"""Brings one case of a manifest into the store: read, checked, windowed, resampled, written whole."""

from __future__ import annotations

import dataclasses
import pathlib

import numpy as np

from data.arrays import Labels, WantedSpacingMM
from data.files.file_hash import file_sha256
from data.formats.label_values import to_labels, unnamed_values
from data.input_error import InputError
from data.listed import listed
from data.manifest import Case
from data.organs import BACKGROUND
from data.reading import volumes
from data.reading.plausible_ct import doubts
from data.reading.volumes import Volume
from data.spacing import describe_spacing, fill_spacing
from data.stored import case_folder, preprocess
from data.stored.case_folder import Entry, Recipe
from data.stored.size_limit import require_size
from data.stored.store import FORMAT
from data.stored.vanished import keep_vanished
from data.whole_file import AnyPath


@dataclasses.dataclass(frozen=True)
class Preparation:
  """What all cases of a store share.

  Attributes:
    organs: in the order of the label values.
    spacing_mm: (z, y, x) to resample to; None keeps each case's own spacing along that axis.
    max_voxels: a case that would become larger is refused; nearly always a spacing is wrong.
    assume_hu: take images for CT in HU whatever their values look like.
    nifti_header: "sform" or "qform", where the two of a NIfTI file disagree; "" refuses such a file.
  """

  organs: tuple[str, ...]
  spacing_mm: WantedSpacingMM
  max_voxels: int
  assume_hu: bool = False
  nifti_header: str = ""


def prepare_case(case: Case, preparation: Preparation, output_dir: AnyPath) -> Entry:
  """Writes `output_dir`/cases/<id>, unless it was already made from the same files in the same way.

  Returns:
    The case's entry for the store's index, without its fold.
  Raises:
    InputError: If a file cannot be read or does not fit.
  """
  folder = pathlib.Path(output_dir) / "cases" / case.id
  recipe = _recipe(case, preparation)
  entry = case_folder.finished(folder, recipe)
  if entry is None:
    entry = _make(case, preparation, folder, recipe)
  return entry


def _recipe(case: Case, preparation: Preparation) -> Recipe:
  """The source files stand there by their sha256: a changed file is prepared again."""
  # Only where they are used: stores of before they existed stay as they are.
  optional = {
    "background": sorted(case.background),
    "assume_hu": preparation.assume_hu,
    "nifti_header": preparation.nifti_header,
  }
  return {
    **{name: value for name, value in optional.items() if value},
    "format": FORMAT,
    "organs": list(preparation.organs),
    "annotated": list(case.annotated),
    "values": {str(value): organ for value, organ in sorted(case.values.items())},
    "target_spacing_mm": list(preparation.spacing_mm),
    "window_hu": list(preprocess.WINDOW_HU),
    "source_image": file_sha256(case.image),
    "source_label": file_sha256(case.label) if case.label else None,
  }


def _make(case: Case, preparation: Preparation, folder: pathlib.Path, recipe: Recipe) -> Entry:
  image = volumes.read_image(case.image, preparation.nifti_header)
  notes = [*image.notes, *require_ct(image, preparation.assume_hu)]
  target_mm = fill_spacing(preparation.spacing_mm, image.spacing_mm)
  require_size(case.image, image.array.shape, image.spacing_mm, target_mm, preparation.max_voxels)
  label = read_case_label(case, image, preparation.organs, preparation.nifti_header)
  resampled = preprocess.store_label(label, image.spacing_mm, target_mm).numpy()
  resampled, lost = keep_vanished(label, resampled, image.spacing_mm, target_mm)
  if lost:
    organs = listed(preparation.organs[value - 1] for value in lost)
    notes.append(f"at {describe_spacing(target_mm)} {organs} would vanish; one voxel is kept.")
  arrays = {
    "image": preprocess.store_image(image.array, image.spacing_mm, target_mm).numpy(),
    "label": resampled,
  }
  entry = {
    "id": case.id,
    "annotated": list(case.annotated),
    "spacing_mm": list(target_mm),
    "affine": preprocess.resampled_affine(
      image.affine, image.array.shape, arrays["image"].shape, image.spacing_mm, target_mm
    ).tolist(),
    "shape": list(arrays["image"].shape),
    "voxels": case_folder.voxel_counts(arrays["label"], (BACKGROUND, *preparation.organs)),
    "source_spacing_mm": list(image.spacing_mm),
    "notes": notes,
    "sha256": {"source_image": recipe["source_image"], "source_label": recipe["source_label"]},
  }
  case_folder.write(folder, arrays, entry, recipe)
  return entry


def require_ct(image: Volume, assume_hu: bool) -> list[str]:
  """What speaks against the image being a CT in HU, where that is not certain. Raises InputError where it
  is."""
  found = [] if assume_hu else doubts(image)
  for doubt in found:
    if doubt.certain:
      raise InputError(doubt.line)
  return [doubt.line for doubt in found]


def read_case_label(case: Case, image: Volume, organs: tuple[str, ...], nifti_header: str = "") -> Labels:
  """The case's label map in the store's values, on the image's grid.

  Organs that are not annotated become background, and so does a case without a label map.

  Raises:
    InputError: If it cannot be read, lies on another grid, or holds values that the manifest does not name.
  """
  if case.label is None:
    return np.zeros(image.array.shape, np.uint8)
  label = volumes.read_label(case.label, nifti_header)
  label = volumes.require_same_grid(image, label)
  unnamed = unnamed_values(label.array, case.values.keys() | case.background)
  if unnamed:
    found = listed((f"{value}: {count}" for value, count in unnamed.items()), 8)
    named = listed(sorted(case.values), 13)
    raise InputError(
      f'{case.label}: holds label values {{{found}}} (value: voxels) that "labels" of case "{case.id}" does '
      f"not name; it names [{named}]: add them there, or correct the label map."
    )
  return to_labels(label.array, case.values, organs, case.annotated)
