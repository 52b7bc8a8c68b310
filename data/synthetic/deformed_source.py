"""The real, fully labelled scan that a deformed cohort is made from."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from data.arrays import ImageHU, Labels, SpacingMM
from data.dataset_json.manifest_file import read_manifest
from data.files.file_hash import file_sha256
from data.formats.label_values import to_labels
from data.input_error import InputError
from data.listed import listed
from data.reading import volumes
from data.whole_file import AnyPath


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
  """A fully labelled scan.

  Attributes:
    image_hu: [z, y, x] in canonical orientation: z to the head, y to the back, x to the patient's left.
    label: of the same shape, 1 + the organ's index in `organs`.
    spacing_mm: (z, y, x).
    organs: those of the manifest.
  """

  image_hu: ImageHU
  label: Labels
  spacing_mm: SpacingMM
  organs: tuple[str, ...]


def read_source(manifest_path: AnyPath, case_id: str, sha256: Sequence[str] = ()) -> Source:
  """Reads a case of a manifest.

  Args:
    sha256: the first digits of the sha256 of the image and of the label map; empty to take any files.
  Raises:
    InputError: If there is no such case, it is not fully labelled, it cannot be read, an organ is missing, or
      the files are not those of `sha256`.
  """
  manifest = read_manifest(manifest_path)
  cases = {case.id: case for case in manifest.cases}
  if case_id not in cases:
    raise InputError(f"{manifest_path}: has no case {case_id!r}; its cases are {listed(cases, 8)}.")
  case = cases[case_id]
  if case.annotated != manifest.organs or case.label is None:
    missing = [organ for organ in manifest.organs if organ not in case.annotated]
    raise InputError(
      f"{manifest_path}: case {case_id!r} does not annotate {listed(missing, 8)}; choose one "
      'with "annotated": "all".'
    )
  for path, expected in zip((case.image, case.label), sha256):
    found = file_sha256(path)
    if not found.startswith(expected):
      raise InputError(
        f"{path}: is another file than --sha256={','.join(sha256)} asks for (its own begins {found[:8]}); "
        "patients made from it would be others. Take the file that is meant, or leave the flag out."
      )
  image, label = volumes.read_image(case.image), volumes.read_label(case.label)
  label = volumes.require_same_grid(image, label)
  labels = to_labels(label.array, case.values, manifest.organs)
  missing = [organ for value, organ in enumerate(manifest.organs, 1) if not (labels == value).any()]
  if missing:
    raise InputError(f"{case.label}: has no voxel of {listed(missing, 8)}; choose a case with every organ.")
  return Source(image.array, labels, image.spacing_mm, manifest.organs)
