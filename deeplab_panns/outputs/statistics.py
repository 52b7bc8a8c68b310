"""How large each organ of a segmented scan is, where it lies, how bright it is, and whether it is whole."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterable, Mapping

import numpy as np

from data.arrays import Floats
from deeplab_panns.outputs.segmented_case import SegmentedCase


@dataclasses.dataclass(frozen=True)
class OrganStatistics:
  """Of one organ in one scan.

  Attributes:
    voxels: how many; of none the values that need some are None.
    volume_ml: in millilitres.
    mean_hu: of the scan's own values.
    touches_edge: whether a voxel lies in the first or last slice, row or column: the organ is cut, perhaps.
    centroid_ras_mm: (x to the right, y to the front, z to the head), in the scan's coordinates.
  """

  voxels: int
  volume_ml: float
  mean_hu: float | None
  touches_edge: bool
  centroid_ras_mm: tuple[float, float, float] | None


@dataclasses.dataclass(frozen=True)
class Sums:
  """Over the voxels of each class, [K + 1]: their number, HU, indices (x, y, z), and number at the edge."""

  voxels: Floats
  hu: Floats
  indices: Floats
  at_edge: Floats


def measure(case: SegmentedCase) -> dict[str, OrganStatistics]:
  """{organ: its measurements}, in the order of the list; reads the volume once, slice by slice."""
  sums, affine = _sums(case), case.volume.affine
  voxel_ml = abs(float(np.linalg.det(affine[:3, :3]))) / 1000
  found = {}
  for value, organ in enumerate(case.organs, 1):
    count = int(sums.voxels[value])
    mean_hu, centroid = None, None
    if count:
      mean_hu = round(float(sums.hu[value]) / count, 2)
      x, y, z = affine[:3, :3] @ (sums.indices[value] / count) + affine[:3, 3]
      centroid = (round(float(x), 3), round(float(y), 3), round(float(z), 3))
    volume_ml = round(count * voxel_ml, 4)
    found[organ] = OrganStatistics(count, volume_ml, mean_hu, bool(sums.at_edge[value]), centroid)
  return found


def _sums(case: SegmentedCase) -> Sums:
  classes = len(case.organs) + 1
  voxels, hu, at_edge = (np.zeros(classes) for _ in range(3))
  indices = np.zeros((classes, 3))
  last_z, (rows, columns) = len(case.labels) - 1, case.labels.shape[1:]
  for z, plane in enumerate(case.labels):
    labelled = np.flatnonzero(plane)  # mostly few: the rest of a slice need not be looked at
    if not labelled.size:
      continue
    values = plane.ravel()[labelled]
    y, x = np.divmod(labelled, columns)
    counts = np.bincount(values, minlength=classes)
    voxels += counts
    hu += np.bincount(values, case.volume.array[z].ravel()[labelled], classes)
    indices[:, 0] += np.bincount(values, x, classes)
    indices[:, 1] += np.bincount(values, y, classes)
    indices[:, 2] += counts * z
    edge = (x == 0) | (x == columns - 1) | (y == 0) | (y == rows - 1)
    at_edge += counts if z in (0, last_z) else np.bincount(values, edge, classes)
  return Sums(voxels, hu, indices, at_edge)


def as_json(measured: Mapping[str, OrganStatistics]) -> dict[str, dict[str, object]]:
  """{organ: {name: value}} of one case."""
  return {organ: dataclasses.asdict(one) for organ, one in measured.items()}


_MEASURED = ("volume_ml", "voxels", "mean_hu", "touches_edge")
_CENTROID = ("centroid_x_ras_mm", "centroid_y_ras_mm", "centroid_z_ras_mm")


def volumes_csv(cases: Mapping[str, Mapping[str, Mapping[str, object]]], organs: Iterable[str]) -> str:
  """A row for every case and organ.

  Args:
    cases: {case: {organ: {name: value}}} as `as_json` gives it.
    organs: in the order of the labels.
  """
  text = io.StringIO()
  writer = csv.writer(text, lineterminator="\n")
  writer.writerow(["case", "organ", "label", *_MEASURED, *_CENTROID])
  for case, measured in cases.items():
    for label, organ in enumerate(organs, 1):
      one = measured[organ]
      centroid = one["centroid_ras_mm"]
      where = list(centroid) if isinstance(centroid, (list, tuple)) else ["", "", ""]
      cells = [one[name] for name in _MEASURED]
      writer.writerow([case, organ, label, *("" if cell is None else cell for cell in cells), *where])
  return text.getvalue()
