"""Which series of a DICOM folder labels were drawn on, as the file of labels says."""

from __future__ import annotations

import pathlib

from data.dicom.folder import look_into
from data.dicom.objects import label_object, referenced_series
from data.dicom.several import series_of
from data.reading.volumes import system_errors


def drawn_on(image: pathlib.Path, label: pathlib.Path | None) -> str | None:
  """The SeriesInstanceUID for the manifest's "series".

  Args:
    label: a DICOM SEG or RTSTRUCT, or a folder with one, says which series it refers to; others do not.
  Returns:
    "" where the image is no folder of several series; None where it is one and nothing says which is meant.
  Raises:
    InputError: If files cannot be read.
  """
  if not image.is_dir():
    return ""
  with system_errors(image):
    found = series_of(look_into(str(image)).slices)
    if len(found) < 2:
      return ""
    labels = None if label is None else label_object(label)
  meant = referenced_series(labels[1]) if labels else frozenset()
  fit = [one.uid for one in found if one.uid in meant]
  return fit[0] if len(fit) == 1 else None
