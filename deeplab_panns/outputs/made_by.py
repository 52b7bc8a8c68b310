"""What made a prediction, as it is written into DICOM objects and the record of a folder."""

from __future__ import annotations

import dataclasses
import importlib.metadata

NAME = "PaNN"


@dataclasses.dataclass(frozen=True)
class MadeBy:
  """
  Attributes:
    model: identifies the weights; of a run, the start of their hash.
    version: of this project.
  """

  model: str = "unknown"
  version: str = dataclasses.field(default_factory=lambda: installed_version())


def installed_version() -> str:
  """The project's version as installed; "0" in a checkout that was not installed."""
  try:
    return importlib.metadata.version("panns")
  except importlib.metadata.PackageNotFoundError:
    return "0"
