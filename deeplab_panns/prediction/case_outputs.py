"""The files of one case: which are wanted, what they are called, and how they are written."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator, Sequence

from data.arrays import Labels
from data.input_error import InputError
from data.listed import listed
from data.reading.volumes import Volume
from deeplab_panns.outputs.made_by import MadeBy
from deeplab_panns.outputs.nifti_outputs import mask_names, write_label_map, write_masks, write_probabilities
from deeplab_panns.outputs.segmented_case import SegmentedCase
from deeplab_panns.outputs.statistics import OrganStatistics, measure

ENDINGS = {
  "nifti": ".nii.gz",
  "nrrd": ".seg.nrrd",
  "dicom_seg": ".seg.dcm",
  "rtstruct": ".rtstruct.dcm",
}
_REFERS = {"dicom_seg": "DICOM SEG", "rtstruct": "RTSTRUCT"}  # to the slices of a series


@dataclasses.dataclass(frozen=True)
class WantedOutputs:
  """
  Attributes:
    formats: of the label map: one or more of ENDINGS.
    seg_type: of a DICOM SEG: "binary" or "labelmap".
    masks: a NIfTI file for each organ.
    probabilities: likewise.
    preview: a picture.
  Raises:
    InputError: If a format is unknown, none is named or one twice, or the type is that of a format which is
      not wanted.
  """

  formats: tuple[str, ...] = ("nifti",)
  seg_type: str = "binary"
  masks: bool = False
  probabilities: bool = False
  preview: bool = True

  def __post_init__(self) -> None:
    if (
      not self.formats or not set(self.formats) <= set(ENDINGS) or len(set(self.formats)) < len(self.formats)
    ):
      raise InputError(
        f"--output_format={','.join(self.formats)}: one or several of {', '.join(ENDINGS)} are allowed, each "
        "once."
      )
    if self.seg_type != "binary" and "dicom_seg" not in self.formats:
      raise InputError(
        f"--seg_type={self.seg_type}: is one of DICOM SEG; give it with --output_format=dicom_seg."
      )

  def names(self, case: str) -> list[str]:
    """Names of the files that every case has, relative to the output folder."""
    pictures = [f"{case}.png"] if self.preview else []
    return [f"{case}{ENDINGS[one]}" for one in self.formats] + pictures

  def names_by_organ(self, case: str, organs: Sequence[str]) -> list[str]:
    """Names of the files that every organ of every case has."""
    folders = [_masks(case)] * self.masks + [_probabilities(case)] * self.probabilities
    return [f"{folder}/{name}" for folder in folders for name in mask_names(organs)]

  def require_possible(self, volume: Volume) -> None:
    """Refuses a scan that the wanted files cannot be made for; call it before anything is computed.

    Raises:
      InputError: If a DICOM object is wanted of what it cannot refer to, or a package is missing.
    """
    for one in self.formats:
      if one in _REFERS:
        from deeplab_panns.outputs import dicom_seg, dicom_source

        if one == "dicom_seg":
          dicom_seg.require_highdicom()
        dicom_source.require_source(volume, _REFERS[one])

  def require_distinct(self, organs: Sequence[str]) -> None:
    """Refuses masks and probabilities of organs whose files would have one name."""
    if not self.masks and not self.probabilities:
      return
    names = [name.lower() for name in mask_names(organs)]
    odd = [organ for organ, name in zip(organs, names) if names.count(name) > 1]
    if odd:
      raise InputError(
        f"--output_masks: files of the organs {listed(odd)} would have one name; leave masks and "
        "probabilities out."
      )


def write_case(
  case: SegmentedCase,
  folder: pathlib.Path,
  wanted: WantedOutputs,
  made_by: MadeBy,
  probabilities: Iterator[Labels] | None = None,
) -> dict[str, OrganStatistics]:
  """Writes all wanted files of a case.

  Args:
    probabilities: for each organ as `write_probabilities` takes them.
  Returns:
    {organ: its measurements}.
  Raises:
    InputError: If a format cannot hold what was found.
    OSError: If a file cannot be written.
  """
  measured = measure(case)
  for one in wanted.formats:
    _write(one, folder / f"{case.name}{ENDINGS[one]}", case, wanted, made_by)
  if wanted.masks:
    write_masks(folder / _masks(case.name), case)
  if wanted.probabilities and probabilities is not None:
    write_probabilities(folder / _probabilities(case.name), case, probabilities)
  if wanted.preview:
    from deeplab_panns.outputs.preview import write_preview

    write_preview(folder / f"{case.name}.png", case, measured)
  return measured


def _write(
  format_name: str, path: pathlib.Path, case: SegmentedCase, wanted: WantedOutputs, made_by: MadeBy
) -> None:
  if format_name == "nifti":
    write_label_map(path, case)
  elif format_name == "nrrd":
    from deeplab_panns.outputs.seg_nrrd import write_seg_nrrd

    write_seg_nrrd(path, case)
  elif format_name == "dicom_seg":
    from deeplab_panns.outputs.dicom_seg import write_dicom_seg

    write_dicom_seg(path, case, made_by, wanted.seg_type == "labelmap")
  else:
    from deeplab_panns.outputs.rtstruct import write_rtstruct

    write_rtstruct(path, case, made_by)


def _masks(case: str) -> str:
  return f"{case}_masks"


def _probabilities(case: str) -> str:
  return f"{case}_probabilities"
