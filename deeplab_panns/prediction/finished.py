"""Which cases of an output folder are done, and by what: a prediction goes on where it was stopped."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from data.files.file_hash import file_sha256
from data.files.outputs import Outputs
from data.whole_file import AnyPath, write_text
from deeplab_panns.prediction.archives import member_sha256
from deeplab_panns.prediction.case_outputs import ENDINGS
from deeplab_panns.prediction.input_search import files_of
from deeplab_panns.prediction.scan import Scan

PREDICTIONS = "predictions.json"


@dataclasses.dataclass(frozen=True)
class Finished:
  """One finished case.

  Attributes:
    input: the scan's path.
    input_sha256: of the scan's files.
    model: the identity of the model.
    version: of this project.
    settings: all that the outputs depend on besides.
    files: names of the outputs, relative to the folder.
    seconds: from reading to the last output.
    organs: {organ: its measurements}.
    series: the code of a DICOM series (data/dicom/several.py), by which it keeps its id when others join it.
  """

  input: str
  input_sha256: str
  model: str
  version: str
  settings: Mapping[str, Any]
  files: tuple[str, ...]
  seconds: float
  organs: Mapping[str, Mapping[str, Any]]
  series: str = ""

  @property
  def maker(self) -> tuple[str, str, dict[str, Any]]:
    """Model, version and settings: what else than the scan decides the outputs.

    Records of before 2026-11-27 have the type of DICOM SEG for cases without one too.
    """
    settings = dict(self.settings)
    if not any(file.endswith(ENDINGS["dicom_seg"]) for file in self.files):
      settings.pop("seg_type", None)
    return self.model, self.version, settings


class FinishedCases(Mapping[str, Finished]):
  """{id: Finished} of an output folder, kept in predictions.json; other processes may write to it as well."""

  def __init__(self, outputs: Outputs, organs: tuple[str, ...]) -> None:
    """Cases whose files are gone are forgotten, and those of other organs with their files."""
    self._outputs = outputs
    self._organs = organs
    self._path = outputs.folder / PREDICTIONS
    self._own: dict[str, Finished] = {}
    with outputs.alone():
      for one in _read(self._path).values():
        if tuple(one.organs) != organs:
          outputs.remove(one.files)
    self._cases = self._known()

  def __getitem__(self, name: str) -> Finished:
    return self._cases[name]

  def __iter__(self) -> Iterator[str]:
    return iter(self._cases)

  def __len__(self) -> int:
    return len(self._cases)

  def is_current(self, name: str, wanted: Finished) -> bool:
    """Whether the case was made from the same scan, by the same model and settings, and its files are as
    they were written."""
    found = self._cases.get(name)
    return found is not None and _made_of(found) == _made_of(wanted) and self._outputs.unchanged(found.files)

  def add(self, name: str, one: Finished) -> None:
    """Records a case."""
    self._own[name] = one
    with self._outputs.alone():
      self._cases = {**self._known(), **self._own}
      self._save()

  def _save(self) -> None:
    content = {name: dataclasses.asdict(one) for name, one in sorted(self._cases.items())}
    write_text(self._path, json.dumps(content, indent=1))
    self._outputs.wrote([PREDICTIONS])

  def forget(self, name: str) -> None:
    """Takes a case out of the record, whose files will be replaced, and deletes them."""
    self._own.pop(name, None)
    with self._outputs.alone():
      known = self._known()
      before = known.pop(name, None)
      self._cases = {**known, **self._own}
      if before is not None:
        self._save()
        self._outputs.remove(before.files)

  def refresh(self) -> None:
    """Takes in what other processes have recorded."""
    self._cases = {**self._known(), **self._own}

  def _known(self) -> dict[str, Finished]:
    return {
      name: one
      for name, one in _read(self._path).items()
      if tuple(one.organs) == self._organs
      and all((self._outputs.folder / file).is_file() for file in one.files)
    }


def organs_of_cases(folder: pathlib.Path) -> dict[str, list[str]]:
  """{case: its organs} of the recorded cases of an output folder of which a file is there."""
  return {
    name: list(one.organs)
    for name, one in _read(folder / PREDICTIONS).items()
    if any((folder / file).is_file() for file in one.files)
  }


def series_by_id(folder: AnyPath) -> dict[str, str]:
  """{id: code of its series} of the cases of DICOM series in an output folder; {} where there are none."""
  cases = _read(pathlib.Path(folder) / PREDICTIONS)
  return {name: one.series for name, one in cases.items() if one.series}


def scan_sha256(scan: Scan) -> str:
  """sha256 of a scan's files and their names; not of what else its folder or archive holds.

  Raises:
    OSError, InputError: If a file cannot be read.
  """
  if scan.within is not None:
    lines = [f"{name} {sha256}" for name, sha256 in member_sha256(scan.path, scan.files).items()]
  else:
    files = files_of(scan)
    lines = [f"{file.name if len(files) > 1 else ''} {file_sha256(file)}" for file in files]
  return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _made_of(one: Finished) -> tuple[Any, ...]:
  return one.input_sha256, one.maker, tuple(one.files)


def _read(path: pathlib.Path) -> dict[str, Finished]:
  """What the file says; what is damaged or of another form counts as nothing, and is predicted again."""
  try:
    content = json.loads(path.read_text(encoding="utf-8"))
    return {name: Finished(**{**one, "files": tuple(one["files"])}) for name, one in content.items()}
  except (OSError, ValueError, TypeError, KeyError, AttributeError):
    return {}
