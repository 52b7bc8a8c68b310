"""The volumes of a data set, which organs each one has annotated, and how its files are read."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from data.arrays import SpacingMM
from data.input_error import InputError
from data.listed import listed
from data.organs import plain_name

_ID = re.compile(r"[A-Za-z0-9._-]{1,200}")  # a name in a file system has 255 bytes, some for us


def patient_key(name: str) -> str:
  """Equal for names that may be one patient's: of other capitals, accents in two letters, leading zeros."""
  key = unicodedata.normalize("NFC", name).casefold()
  return str(int(key)) if re.fullmatch(r"[0-9]+", key) else key


@dataclasses.dataclass(frozen=True)
class Reading:
  """What is known of a case's files beyond their headers, or against them.

  Attributes:
    spacing_mm: (z, y, x) of an image whose affine is the bare identity; it is refused without.
    mirrored: canonical axes, of "xyz", along which image and label map run against their header.
    placed_by: organs of even density. Where there are any, the label map's header is not believed: of all
      mirrorings of its voxels on the image's the one holds in which these organs are even.
    first_of_four_axes: of a four-dimensional NIfTI image, the first volume is the scan.
    one_series: all slices of the DICOM folder are one scan, whatever their SeriesInstanceUID; their positions
      must still be those of one.
    label_by_voxels: where the label map's header lays it elsewhere than on the image, its voxels are taken
      for the image's, as both files store them.
    series: of several series in the DICOM folder the one that is the scan: its SeriesNumber,
      SeriesInstanceUID or code (data/dicom/several.py); "" where there is one.
    slices: names of files in the DICOM folder, where only these count; () for all.
  """

  spacing_mm: SpacingMM | None = None
  mirrored: str = ""
  placed_by: tuple[str, ...] = ()
  first_of_four_axes: bool = False
  one_series: bool = False
  label_by_voxels: bool = False
  series: str = ""
  slices: tuple[str, ...] = ()

  def beyond_headers(self) -> dict[str, Any]:
    """What is known, as JSON; {} if nothing is."""
    said = dataclasses.asdict(self) if self != AS_IT_SAYS else {}
    # Only where they are used: cases of before they existed stay as they are.
    return {name: value for name, value in said.items() if value or name not in ("series", "slices")}


AS_IT_SAYS = Reading()
"""Nothing beyond the headers."""


@dataclasses.dataclass(frozen=True)
class Case:
  """One patient's scan as the manifest lists it.

  Attributes:
    id: unique; letters, digits, `.`, `_`, `-`.
    image: an image file, or a folder with a DICOM series.
    label: a label map on the image's grid, or a DICOM SEG or RTSTRUCT; None where `masks` has the labels, and
      for an unlabelled case.
    annotated: the organs that the label map is known to hold, in the manifest's order. An organ
      not named here is unknown in this case, not background.
    values: label value in the file -> organ. May name organs that are not annotated.
    fold: the cross-validation fold, where the manifest fixes it.
    background: label values in the file that count as background.
    ignored: label values in the file that count nowhere.
    names: segment as the file names it -> organ, "" for background. For files that name their segments.
    masks: organ -> label maps with one value, or folders of PNG slices; their union is the organ. In place of
      `label`.
    reading: what is known beyond the headers.
    patient: whose scan it is, where the manifest says so; "" where each scan is of another patient. All scans
      of a patient are in one fold.
  """

  id: str
  image: pathlib.Path
  label: pathlib.Path | None
  annotated: tuple[str, ...]
  values: dict[int, str]
  fold: int | None = None
  background: frozenset[int] = frozenset()
  ignored: frozenset[int] = frozenset()
  names: Mapping[str, str] = dataclasses.field(default_factory=dict)
  masks: Mapping[str, tuple[pathlib.Path, ...]] = dataclasses.field(default_factory=dict)
  reading: Reading = AS_IT_SAYS
  patient: str = ""

  @property
  def label_files(self) -> tuple[pathlib.Path, ...]:
    """All files and folders that its labels come from; () for an unlabelled case."""
    masks = [path for paths in self.masks.values() for path in paths]
    return (*(() if self.label is None else (self.label,)), *masks)


@dataclasses.dataclass(frozen=True)
class Manifest:
  """A manifest that has been read and checked.

  Attributes:
    path: of the JSON file.
    organs: the organ list; the label of an organ is 1 + its index.
    cases: in the file's order; at least one.
    notes: one line each on what the user may want to know: keys that are not used, values that were assumed.
  """

  path: pathlib.Path
  organs: tuple[str, ...]
  cases: tuple[Case, ...]
  notes: tuple[str, ...] = ()


def is_case_id(value: Any) -> bool:
  """Whether a value can be the id of a case: it names a folder, and must not lead anywhere else."""
  return isinstance(value, str) and bool(_ID.fullmatch(value)) and value not in (".", "..")


def same_folder(case_id: str) -> str:
  """What two ids have in common that name one folder where capitals do not count, as on many disks of macOS
  and Windows."""
  return case_id.casefold()


def with_organs(manifest: Manifest, organs: Sequence[str]) -> Manifest:
  """The same cases for another organ list.

  An organ counts as on it under whatever name (`plain_name`). Those that are not become background; those
  that only the new list has are unknown in every case, so that a case that annotated all of the old list need
  not annotate all of the new one. What is called a tumour or the like lies in an organ: it counts nowhere.

  Raises:
    InputError: If no case annotates an organ of the list.
  """
  cases = tuple(_of_organs(case, tuple(organs)) for case in manifest.cases)
  if not any(case.annotated for case in cases):
    raise InputError(
      f"{manifest.path}: no case annotates any of {listed(organs, 4)}; its organs are "
      f"{listed(manifest.organs, 4)}: take a list that has some of them."
    )
  known = {plain_name(organ) for organ in organs}
  lost = [organ for organ in manifest.organs if plain_name(organ) not in known]
  within = [organ for organ in lost if _is_lesion(organ)]
  background = [organ for organ in lost if organ not in within]
  notes = []
  if background:
    notes.append(f"not on the list of organs, background now: {listed(background, 20)}")
  if within:
    notes.append(f"not on the list of organs, and within one, so that it counts nowhere: {listed(within)}")
  return dataclasses.replace(manifest, organs=tuple(organs), cases=cases, notes=(*manifest.notes, *notes))


def _is_lesion(organ: str) -> bool:
  return re.search(r"tumou?r|cancer|lesion|cyst|metasta", organ.lower()) is not None


def _of_organs(case: Case, organs: tuple[str, ...]) -> Case:
  of_name = {plain_name(organ): organ for organ in organs}

  def ours(organ: str) -> str:
    """The name on the new list, "" if it has none: kidney_left is its left kidney."""
    return of_name.get(plain_name(organ), "")

  annotated = {ours(organ) for organ in case.annotated}
  dropped = {value for value, organ in case.values.items() if not ours(organ)}
  lesions = {value for value in dropped if _is_lesion(case.values[value])}
  return dataclasses.replace(
    case,
    annotated=tuple(organ for organ in organs if organ in annotated),
    values={value: ours(organ) for value, organ in case.values.items() if value not in dropped},
    background=case.background | (dropped - lesions),
    ignored=case.ignored | lesions,
    names={name: organ and ours(organ) for name, organ in case.names.items()},
    masks={ours(organ): files for organ, files in case.masks.items() if ours(organ)},
  )
