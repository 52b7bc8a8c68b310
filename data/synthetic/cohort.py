"""A cohort of synthetic patients on disk: images, label maps of the annotated organs, and dataset.json."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from data.arrays import Labels
from data.files.outputs import Outputs
from data.formats.nifti_writer import SCANNER, as_stored, write_nifti
from data.input_error import InputError
from data.synthetic import field_of_view
from data.synthetic.synthetic_case import ROLES, SyntheticCase
from data.whole_file import AnyPath, write_text

Draw = Callable[[int, str, int], SyntheticCase]
"""A case as a pure function of (seed, role, index)."""
RoleAndIndex = tuple[str, int]
ManifestEntry = dict[str, Any]
"""A case of dataset.json, as JSON."""


@dataclasses.dataclass(frozen=True)
class PartialCases:
  """What is special about the partial cases of a cohort.

  Attributes:
    organs_per_case: how many organs are annotated in each case, chosen at random, unless one of the next two
      lists is given.
    annotated: the organs annotated in every case.
    annotated_in_turn: case i has only the (i mod n)-th of these n organs annotated.
    oracle: annotate every organ after all, in the same images: an upper bound for training on partial labels.
    fields: case i has the (i mod n)-th of these n fields of view (field_of_view.crop).
  """

  organs_per_case: int = 5
  annotated: tuple[str, ...] = ()
  annotated_in_turn: tuple[str, ...] = ()
  oracle: bool = False
  fields: tuple[str, ...] = ("full",)


@dataclasses.dataclass(frozen=True)
class Cohort:
  """What to write: how many cases of each role, the seed, and the organs in the order of their values."""

  labeled_cases: int
  partial_cases: int
  test_cases: int
  seed: int
  organs: tuple[str, ...]
  partial: PartialCases = PartialCases()

  def cases(self) -> list[RoleAndIndex]:
    """(role, index) of every case, in the manifest's order."""
    counts = (self.labeled_cases, self.partial_cases, self.test_cases)
    return [(role, index) for role, count in zip(ROLES, counts) for index in range(count)]


def choose_annotated(
  seed: int, cases: int, organs: Sequence[str], organs_per_case: int
) -> list[tuple[str, ...]]:
  """Which organs each partial case has annotated.

  Each case takes the organs that were chosen least often so far, with ties broken at random. So the counts of
  two organs differ by at most 1 over any number of cases, and more cases leave the first ones as they were.

  Returns:
    A list of `cases` tuples of `organs_per_case` organs each, in the order of `organs`.
  """
  counts = np.zeros(len(organs), int)
  choices = []
  for case in range(cases):
    ties = np.random.default_rng([seed, case]).permutation(len(organs))
    chosen = np.sort(np.lexsort((ties, counts))[:organs_per_case])
    counts[chosen] += 1
    choices.append(tuple(organs[i] for i in chosen))
  return choices


def keep_annotated(label: Labels, annotated: Sequence[str], organs: Sequence[str]) -> Labels:
  """`label` with every organ that is not in `annotated` turned into background."""
  is_kept = np.array([False] + [organ in annotated for organ in organs])
  return np.where(is_kept[label], label, 0).astype(label.dtype)


def manifest_entries(cohort: Cohort) -> list[ManifestEntry]:
  """The "cases" of the manifest, in the order of `cohort.cases()`."""
  annotated = _annotated(cohort)
  entries = []
  for role, index in cohort.cases():
    case = f"{role}_{index:03d}"
    entry: ManifestEntry = {
      "id": case,
      "image": f"images/{case}.nii.gz",
      "label": f"labels/{case}.nii.gz",
      "annotated": "all",
      "labels": {str(value): organ for value, organ in enumerate(cohort.organs, 1)},
    }
    if role == "partial" and not cohort.partial.oracle:
      entry["annotated"] = list(annotated[index])
    elif cohort.test_cases:
      # Fold 0 is the test set; training then takes fold 1, and every case without a fold.
      entry["fold"] = 0 if role == "test" else 1
    entries.append(entry)
  return entries


def _annotated(cohort: Cohort) -> list[tuple[str, ...]]:
  """The annotated organs of each partial case, whether or not the cohort is an oracle."""
  partial, count = cohort.partial, cohort.partial_cases
  if partial.annotated_in_turn:
    return [(partial.annotated_in_turn[index % len(partial.annotated_in_turn)],) for index in range(count)]
  if partial.annotated:
    return [tuple(organ for organ in cohort.organs if organ in partial.annotated)] * count
  return choose_annotated(cohort.seed, count, cohort.organs, partial.organs_per_case)


def write_cohort(
  output_dir: AnyPath,
  cohort: Cohort,
  draw: Draw,
  progress: Callable[..., Iterable[Any]] = iter,
  overwrite: bool = False,
) -> None:
  """Writes `cohort` into `output_dir`; the same cohort gives the same bytes.

  An older dataset.json is removed first and the new one is written last, so that a dataset.json always fits
  the volumes beside it.

  Args:
    draw: makes a case of `cohort.organs`.
    progress: wraps the list of cases, to show how far it got.
    overwrite: files may be replaced that were not written by a call before.
  Raises:
    InputError: If the folder cannot be written.
  """
  outputs, entries = Outputs(output_dir, overwrite=overwrite), manifest_entries(cohort)
  folder, names = outputs.folder, [entry[kind] for entry in entries for kind in ("image", "label")]
  outputs.require_free([*names, "dataset.json"])
  try:
    for name in ("images", "labels"):
      (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "dataset.json").unlink(missing_ok=True)
    for (role, index), entry in progress(list(zip(cohort.cases(), entries))):
      _write_case(folder, cohort, entry, _seen(cohort, role, index, draw))
      outputs.wrote([entry["image"], entry["label"]])  # so that an interrupted call can be repeated
    manifest = json.dumps({"organs": list(cohort.organs), "cases": entries}, indent=1)
    write_text(folder / "dataset.json", manifest + "\n")
    outputs.wrote(["dataset.json"])
  except OSError as error:
    raise InputError(
      f"{error.filename or output_dir}: {error.strerror or error}; "
      "give an --output_dir that can be written, on a disk with room"
    ) from error


def _seen(cohort: Cohort, role: str, index: int, draw: Draw) -> SyntheticCase:
  """The case in its field of view."""
  case = draw(cohort.seed, role, index)
  if role != "partial":
    return case
  fields = cohort.partial.fields
  return field_of_view.crop(case, fields[index % len(fields)], cohort.organs)


def _write_case(folder: pathlib.Path, cohort: Cohort, entry: ManifestEntry, case: SyntheticCase) -> None:
  label = case.label
  if entry["annotated"] != "all":
    label = keep_annotated(label, entry["annotated"], cohort.organs)
  for kind, volume in (("image", case.image_hu), ("label", label)):
    # In one piece: the bytes of cohorts that earlier versions wrote.
    write_nifti(
      folder / entry[kind], as_stored(volume), case.affine, SCANNER, gzip_level=4, in_one_piece=True
    )
