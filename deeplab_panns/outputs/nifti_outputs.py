"""Label maps, masks and probabilities as NIfTI, on the scan's own grid."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import quoteattr

import numpy as np

from data.arrays import Labels
from data.formats import nifti
from data.organs import tag
from data.whole_file import AnyPath
from deeplab_panns.outputs.organ_looks import OrganLook
from deeplab_panns.outputs.segmented_case import SegmentedCase

COMMENT = 0  # the extension's code; readers of TotalSegmentator's label maps look for the table there
PROBABILITY_STEP = 1 / 255


def write_label_map(path: AnyPath, case: SegmentedCase) -> None:
  """Writes uint8 labels as .nii.gz; the header's extension names them (`label_table`)."""
  nifti.write_labels(path, case.stored, case.volume.grid, [(COMMENT, label_table(case.looks))])


def mask_names(organs: Sequence[str]) -> list[str]:
  """The file names of an organ list's masks and probabilities."""
  return [f"{tag(organ)}.nii.gz" for organ in organs]


def write_masks(folder: AnyPath, case: SegmentedCase) -> None:
  """Writes one .nii.gz of 0 and 1 for every organ of the list, also where it was not found."""
  folder = pathlib.Path(folder)
  folder.mkdir(parents=True, exist_ok=True)
  stored = case.stored
  for value, name in enumerate(mask_names(case.organs), 1):
    nifti.write_labels(folder / name, (stored == value).astype(np.uint8), case.volume.grid)


def write_probabilities(folder: AnyPath, case: SegmentedCase, quantised: Iterator[Labels]) -> None:
  """Writes one .nii.gz for every organ: bytes, which the header's slope makes 0 to 1.

  Args:
    quantised: for every organ, uint8 of the labels' shape: 255 times its probability, rounded.
  """
  folder = pathlib.Path(folder)
  folder.mkdir(parents=True, exist_ok=True)
  grid = case.volume.grid
  for name, values in zip(mask_names(case.organs), quantised):
    nifti.write_labels(folder / name, grid.from_canonical(values), grid, slope=PROBABILITY_STEP)


def label_table(looks: Sequence[OrganLook]) -> bytes:
  """Names and colours of the labels in XML, as Connectome Workbench (Caret) defines it.

  TotalSegmentator writes and reads its multi-label files so.
  """
  rows = []
  for value, look in enumerate(looks, 1):
    red, green, blue = (f"{part / 255:.6f}" for part in look.rgb)
    name = look.name.replace("]]>", "]] >")
    rows.append(
      f'<Label Key={quoteattr(str(value))} Red="{red}" Green="{green}" Blue="{blue}" Alpha="1">'
      f"<![CDATA[{name}]]></Label>"
    )
  table = "\n".join(rows)
  return (
    '<?xml version="1.0" encoding="UTF-8"?>\n<CaretExtension><VolumeInformation Index="0"><LabelTable>\n'
    f"{table}\n</LabelTable><StudyMetaDataLinkSet></StudyMetaDataLinkSet>"
    "<VolumeType><![CDATA[Label]]></VolumeType></VolumeInformation></CaretExtension>\n"
  ).encode()
