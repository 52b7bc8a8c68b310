"""How large organs and scans are, case by case, and which partial cases belong together.

A share is averaged over cases as training meets them: all voxels of the organ over all voxels, so that a
case counts by its size, as in training on slices; or all cases alike, as in training on patches and with
--case_weighting=equal or root. What else training samples (crops, scales) changes the shares of labelled and
partial cases alike.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from data.input_error import InputError
from data.listed import listed
from data.organs import BACKGROUND, IGNORE
from data.stored.store import StoredCase

ALL_PARTIAL = "all partial cases"


@dataclasses.dataclass(frozen=True)
class CaseSizes:
  """What is counted of a case.

  Attributes:
    voxels: organ or "background" -> voxels.
    total: all voxels counted; `ignore` does not count.
    voxel_ml: volume of one voxel.
    extent_mm: of the scan, (z, y, x).
    separate_slices: the scan's slices are no neighbours, so that volumes and its extent along z mean nothing.
  """

  id: str
  annotated: tuple[str, ...]
  voxels: dict[str, int]
  total: int
  voxel_ml: float
  extent_mm: tuple[float, ...]
  separate_slices: bool = False


def measure(case: StoredCase, organs: Sequence[str], body_only: bool = False) -> CaseSizes:
  """Counts a case's voxels.

  Args:
    organs: the store's.
    body_only: count only voxels above the window's floor of -125 HU: soft tissue and bone, without the air
      around the patient and in the lungs. Reads the arrays; without it the store's index is enough.
  Raises:
    InputError: If nothing is left to count.
  """
  voxels = _body_voxels(case, organs) if body_only else case.voxels
  total = sum(voxels.values())
  if not total:
    raise InputError(
      f"{case.folder}: the scan has no voxel {'above -125 HU' if body_only else 'that is not ignored'}, so "
      "organs have no share of it; look at the image, and take the case out of the manifest if it is empty."
    )
  extent_mm = tuple(size * mm for size, mm in zip(case.shape, case.spacing_mm))
  voxel_ml = math.prod(case.spacing_mm) / 1000
  return CaseSizes(case.id, case.annotated, voxels, total, voxel_ml, extent_mm, case.separate_slices)


def _body_voxels(case: StoredCase, organs: Sequence[str]) -> dict[str, int]:
  counts = np.zeros(IGNORE + 1, np.int64)
  for image, label in zip(case.image(), case.label()):
    counts += np.bincount(label[image > 0], minlength=IGNORE + 1)
  return {name: int(counts[value]) for value, name in enumerate((BACKGROUND, *organs))}


@dataclasses.dataclass(frozen=True, eq=False)
class CaseSet:
  """Cases that are judged together.

  Attributes:
    organs: those that the set tells about.
    alike: whether a small scan counts as a large one does.
  """

  name: str
  organs: tuple[str, ...]
  cases: tuple[CaseSizes, ...]
  alike: bool = False

  @property
  def of_separate_slices(self) -> bool:
    """Whether some of its scans are slices that are no neighbours."""
    return any(case.separate_slices for case in self.cases)

  def annotating(self, organ: str) -> list[CaseSizes]:
    """The cases that annotate an organ."""
    return [case for case in self.cases if organ in case.annotated]

  def shares(self, organ: str) -> npt.NDArray[np.float64]:
    """[cases that annotate it], each in [0, 1]; 0 where the organ was removed or lies outside the scan."""
    return np.array([case.voxels[organ] / case.total for case in self.annotating(organ)])

  def mean_share(self, organ: str) -> float:
    """Over the cases that annotate the organ, in [0, 1]: of all their voxels, or of the cases alike."""
    if self.alike:
      return float(self.shares(organ).mean())
    cases = self.annotating(organ)
    return sum(case.voxels[organ] for case in cases) / sum(case.total for case in cases)

  def volumes_ml(self, organ: str) -> npt.NDArray[np.float64]:
    """[cases that annotate it], 0 for those without it."""
    return np.array([case.voxels[organ] * case.voxel_ml for case in self.annotating(organ)])

  def mean_ml(self, organ: str) -> float:
    """The organ's mean volume, cases without it included."""
    return float(self.volumes_ml(organ).mean())

  def absent(self, organ: str) -> int:
    """The number of cases that annotate the organ and hold no voxel of it."""
    return sum(case.voxels[organ] == 0 for case in self.annotating(organ))

  def deviations(self, organ: str) -> npt.NDArray[np.float64]:
    """What each case adds to the relative error of the mean share: [cases that annotate the organ].

    That is its voxels of the organ beyond those that the mean share predicts for its size, divided by the
    mean prediction; where cases count alike, its share beyond the mean, divided by the mean.
    """
    share, cases = self.mean_share(organ), self.annotating(organ)
    if self.alike:
      return self.shares(organ) / share - 1
    expected = share * np.array([case.total for case in cases])
    excess: npt.NDArray[np.float64] = np.array([case.voxels[organ] for case in cases]) - expected
    return excess / expected.mean()

  @property
  def extents_mm(self) -> npt.NDArray[np.float64]:
    """[scans, (z, y, x)], without the separate slices unless there is nothing else."""
    scans = [case for case in self.cases if not case.separate_slices] or self.cases
    return np.array([case.extent_mm for case in scans])

  @property
  def extent_mm(self) -> tuple[float, ...]:
    """Median extent of the scans, (z, y, x)."""
    return tuple(np.median(self.extents_mm, axis=0).tolist())


def partial_sets(cases: Sequence[CaseSizes], organs: Sequence[str], alike: bool = False) -> list[CaseSet]:
  """Groups partial cases by the organs they annotate, in the order of their first case.

  Unlabelled cases are in no set. Where sets share organs, ALL_PARTIAL follows at the end with these organs:
  cases that lost labels one by one cannot be judged in any other way.

  Args:
    organs: the store's.
    alike: as in CaseSet.
  """
  groups: dict[tuple[str, ...], list[CaseSizes]] = {}
  for case in cases:
    if case.annotated:
      groups.setdefault(tuple(case.annotated), []).append(case)
  sets = [
    CaseSet(_name(annotated, number), annotated, tuple(members), alike)
    for number, (annotated, members) in enumerate(groups.items(), 1)
  ]
  shared = tuple(organ for organ in organs if sum(organ in one.organs for one in sets) > 1)
  if shared:
    sets.append(CaseSet(ALL_PARTIAL, shared, tuple(case for one in sets for case in one.cases), alike))
  return sets


def _name(annotated: Sequence[str], number: int) -> str:
  """The organs; of more than three the first, with the set's number, since other sets may begin alike."""
  return ", ".join(annotated) if len(annotated) <= 3 else f"{listed(annotated, 1)} (set {number})"
