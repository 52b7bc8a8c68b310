"""Brings one case of a manifest into the store: read, checked, windowed, resampled, written whole."""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
from collections.abc import Sequence
from typing import Any

from data.arrays import WantedSpacingMM
from data.cases import Case
from data.files.file_hash import file_sha256
from data.formats.volume_files import volume_files
from data.guards.case_guards import TELL_ALL, GuardRules, check_case, require_plausible
from data.guards.finding import from_json
from data.guards.measures import Measures, measure
from data.guards.voxel_sketch import sketch_voxels
from data.input_error import InputError
from data.listed import listed
from data.organs import BACKGROUND, IGNORE
from data.overview.thumbnail import draw_thumbnail
from data.reading.case_volumes import CaseLabel, image_files, read_case_image, read_case_label
from data.reading.grey_pictures import How, is_grey_picture, to_hu
from data.reading.plausible_ct import doubts
from data.reading.volumes import GridsDiffer, Volume
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
    guards: which findings refuse a case.
    grey_pictures: how pictures of 8 bits become HU; None: they are not taken.
    separate_slices: the slices of a scan are no neighbours.
  """

  organs: tuple[str, ...]
  spacing_mm: WantedSpacingMM
  max_voxels: int
  assume_hu: bool = False
  nifti_header: str = ""
  guards: GuardRules = TELL_ALL
  grey_pictures: How = None
  separate_slices: bool = False

  def assumes_hu(self, case_id: str) -> bool:
    """Whether this case's image is taken for a CT in HU."""
    return self.assume_hu or self.guards.override("ct", case_id)


def prepare_case(case: Case, preparation: Preparation, output_dir: AnyPath) -> Entry:
  """Writes `output_dir`/cases/<id>, unless it was already made from the same files in the same way.

  Returns:
    The case's entry for the store's index, without its fold.
  Raises:
    InputError: If a file cannot be read or does not fit, or a guard refuses the case; what was written then
      stays, and is used if the guard is overridden.
  """
  folder = pathlib.Path(output_dir) / "cases" / case.id
  recipe = _recipe(case, preparation)
  entry = case_folder.finished(folder, recipe)
  if entry is None or "findings" not in entry:  # cases of before there were guards are looked at now
    entry = _make(case, preparation, folder, recipe)
  require_plausible(case.id, str(case.image), map(from_json, entry["findings"]), preparation.guards)
  return entry


def _recipe(case: Case, preparation: Preparation) -> Recipe:
  """The source files stand there by their sha256: a changed file is prepared again."""
  # Only where they are used: stores of before they existed stay as they are.
  optional = {
    "background": sorted(case.background),
    "ignored": sorted(case.ignored),
    "names": dict(sorted(case.names.items())),
    "masks": {organ: len(paths) for organ, paths in case.masks.items()},  # files: "source_label"
    "reading": case.reading.beyond_headers(),
    "assume_hu": preparation.assumes_hu(case.id),
    "label_by_voxels": preparation.guards.override("grid", case.id),
    "nifti_header": preparation.nifti_header,
    # JSON has no tuples, and case.json is compared with this
    "grey_pictures": _as_json(preparation.grey_pictures),
    "separate_slices": preparation.separate_slices,
  }
  return {
    **{name: value for name, value in optional.items() if value},
    "format": FORMAT,
    "organs": list(preparation.organs),
    "annotated": list(case.annotated),
    "values": {str(value): organ for value, organ in sorted(case.values.items())},
    "target_spacing_mm": list(preparation.spacing_mm),
    "window_hu": list(preprocess.WINDOW_HU),
    "source_image": _sha256(image_files(case)),
    "source_label": _sha256(case.label_files),
  }


def _sha256(paths: Sequence[pathlib.Path]) -> str | None:
  """Of the one file or folder, or of the hashes of several, those of voxels beside a header among them; None
  of none."""
  hashes = [file_sha256(file) for path in paths for file in volume_files(path)]
  return hashlib.sha256("".join(hashes).encode()).hexdigest() if len(hashes) > 1 else next(iter(hashes), None)


def _make(case: Case, preparation: Preparation, folder: pathlib.Path, recipe: Recipe) -> Entry:
  image, record = _read_image(case, preparation)
  notes = [*image.notes, *require_ct(image, preparation.assumes_hu(case.id))]
  target_mm = fill_spacing(preparation.spacing_mm, image.spacing_mm)
  require_size(case.image, image.array.shape, image.spacing_mm, target_mm, preparation.max_voxels)
  read = _read_label(case, image, preparation)
  label, notes = read.array, [*notes, *read.notes]
  measures = measure(image.array, label, image.affine, image.spacing_mm, preparation.organs, case.annotated)
  resampled = preprocess.store_label(label, image.spacing_mm, target_mm)
  resampled, lost = keep_vanished(label, resampled, image.spacing_mm, target_mm)
  if lost:
    organs = listed("ignore" if value == IGNORE else preparation.organs[value - 1] for value in lost)
    notes.append(f"at {describe_spacing(target_mm)} {organs} would vanish; one voxel is kept.")
  arrays = {
    "image": preprocess.store_image(image.array, image.spacing_mm, target_mm),
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
    "measured": measured_entry(measures),
    "findings": [
      finding.as_json() for finding in check_case(measures, bool(case.masks), preparation.separate_slices)
    ],
    **read.record,
    **record,
    **({"separate_slices": True} if preparation.separate_slices else {}),
    "sha256": {"source_image": recipe["source_image"], "source_label": recipe["source_label"]},
  }
  thumbnail = draw_thumbnail(arrays["image"], arrays["label"], target_mm)
  case_folder.write(folder, arrays, entry, recipe, thumbnail)
  return entry


def _as_json(how: How) -> Any:
  return list(how) if isinstance(how, tuple) else how


def _read_image(case: Case, preparation: Preparation) -> tuple[Volume, dict[str, Any]]:
  """The scan in HU, and what the index should say of its own voxels, and of a picture."""
  image = read_case_image(case, preparation.nifti_header)
  # of pictures, too, before they are brought to HU: by other landmarks a crop would have other values
  sketch = sketch_voxels(image.array)
  if preparation.grey_pictures is None or not is_grey_picture(image):
    return image, {"sketch": sketch}
  image, matched = to_hu(image, preparation.grey_pictures)
  return image, {"grey_picture": matched.as_json(), "sketch": sketch}


def _read_label(case: Case, image: Volume, preparation: Preparation) -> CaseLabel:
  try:
    return read_case_label(case, image, preparation.organs, preparation.nifti_header)
  except GridsDiffer as error:
    if not preparation.guards.override("grid", case.id):
      way_out = f"If only its header is, --override_guards=grid:{case.id} takes its voxels for the image's."
      raise InputError(f"{error} {way_out}") from None
  by_voxels = dataclasses.replace(case, reading=dataclasses.replace(case.reading, label_by_voxels=True))
  read = read_case_label(by_voxels, image, preparation.organs, preparation.nifti_header)
  note = "the label map's header lays it elsewhere; its voxels were taken for the image's, as asked for"
  return dataclasses.replace(read, notes=(*read.notes, note))


def measured_entry(measures: Measures) -> dict[str, dict[str, float | bool]]:
  """{organ: {"ml", "mean_hu", "cut"}} of the organs that have a voxel, for the index."""
  return {
    organ: {"ml": round(one.ml, 3), "mean_hu": round(one.mean_hu, 1), "cut": one.cut}
    for organ, one in measures.organs.items()
  }


def require_ct(image: Volume, assume_hu: bool) -> list[str]:
  """What speaks against the image being a CT in HU, where that is not certain. Raises InputError where it
  is."""
  found = [] if assume_hu else doubts(image)
  for doubt in found:
    if doubt.certain:
      raise InputError(doubt.line)
  return [doubt.line for doubt in found]
