"""What one case is read from: an image file, a series in a DICOM folder, or one of these in a zip archive."""

from __future__ import annotations

import dataclasses
import os
import pathlib

from data.dicom.several import Series
from data.reading.volumes import case_id


@dataclasses.dataclass(frozen=True)
class Scan:
  """One scan. As text it is its path, for messages.

  Attributes:
    path: an image file, a folder of DICOM slices, or an archive.
    files: of a folder the names of the files that count, of an archive the members; () for all.
    series: of DICOM files; None for others, and where they cannot be read.
    alone: whether the folder or the archive holds nothing else that may be a scan.
    within: of an archive with several scans the one that is meant; its path begins at the archive's top.
    name_within: the id that it has among them.
  """

  path: pathlib.Path
  files: tuple[str, ...] = ()
  series: Series | None = None
  alone: bool = True
  within: Scan | None = None
  name_within: str = ""

  def __str__(self) -> str:
    return str(self.path) if self.within is None else os.path.join(self.path, self.within.path)

  @property
  def name_alone(self) -> str:
    """The id that it has where its folder or archive holds nothing else: their name without the ending."""
    return case_id(self.path)

  @property
  def name(self) -> str:
    """The id that it has beside others. Of several series each has its number, description and code in it.

    It does not depend on what the others are.
    """
    if self.alone:
      return self.name_alone
    if self.within is not None:
      return "_".join(filter(None, (self.name_alone, self.name_within)))
    if self.series is None:  # files of a folder that cannot be read
      return f"{self.name_alone}_unreadable"
    one = self.series
    return "_".join(filter(None, (self.name_alone, one.number, one.description, one.code)))
