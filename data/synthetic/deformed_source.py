"""The real, fully labelled scan that a deformed cohort is made from."""

from __future__ import annotations

import dataclasses

import numpy as np

from data.formats import volumes
from data.input_error import InputError
from data.manifest import read_manifest
from data.stored.store import file_sha256


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
  """
  Attributes:
    image_hu: float32 [z, y, x], canonical orientation: z to the head, y to the back, x to the patient's left.
    label: uint8 of the same shape: 1 + the organ's place in `organs`.
    spacing_mm: (z, y, x).
    organs: those of the manifest.
  """

  image_hu: np.ndarray
  label: np.ndarray
  spacing_mm: tuple[float, float, float]
  organs: tuple[str, ...]


def read_source(manifest_path, case_id, sha256=()):
  """Reads a case of a manifest.

  Args:
    sha256: how those of the image and the label map begin, or nothing.
  Raises:
    InputError: If there is no such case, it is not fully labelled, it cannot be read, an organ is missing, or
      the files are others than `sha256` says.
  """
  manifest = read_manifest(manifest_path)
  cases = {case.id: case for case in manifest.cases}
  if case_id not in cases:
    raise InputError(f"{manifest_path}: has no case {case_id!r}; its cases are {', '.join(cases)}.")
  case = cases[case_id]
  if case.annotated != manifest.organs:
    missing = [organ for organ in manifest.organs if organ not in case.annotated]
    raise InputError(
      f"{manifest_path}: case {case_id!r} does not annotate {', '.join(missing)}; choose one "
      'with "annotated": "all".'
    )
  for path, expected in zip((case.image, case.label), sha256):
    found = file_sha256(path)
    if not found.startswith(expected):
      raise InputError(
        f"{path}: is another file than --sha256={','.join(sha256)} asks for (its own begins {found[:8]}); "
        "patients made from "
        "it would be others. Take the file that is meant, or leave the flag out."
      )
  image, label = volumes.read_image(case.image), volumes.read_label(case.label)
  volumes.require_same_grid(image, label)
  values = _values(case, label.array, manifest.organs)
  return Source(image.array, values, image.spacing_mm, manifest.organs)


def _values(case, stored, organs):
  values = np.zeros(stored.shape, np.uint8)
  for value, organ in case.values.items():
    values[stored == value] = 1 + organs.index(organ)
  missing = [organ for place, organ in enumerate(organs, 1) if not (values == place).any()]
  if missing:
    raise InputError(f"{case.label}: has no voxel of {', '.join(missing)}; choose a case with every organ.")
  return values
