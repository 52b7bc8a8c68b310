"""Made-up cases whose organs and scans are known."""

import pathlib

import numpy as np

from data.stored.splits import Splits
from data.stored.store import Store, StoredCase
from deeplab_panns.prior_check import check

ORGANS = ("liver", "spleen", "pancreas")
ML = {"liver": 1500, "spleen": 200, "pancreas": 80}


def case(case_id, annotated, shape=(100, 100, 100), **voxels):
  """A case of 1 mm voxels; organs that are not named have none."""
  counts = {organ: voxels.get(organ, 0) for organ in ORGANS}
  counts["background"] = int(np.prod(shape)) - sum(counts.values())
  return StoredCase(
    pathlib.Path("c"), case_id, tuple(annotated), None, (1.0, 1.0, 1.0), np.eye(4), shape, counts, {}
  )


def patients(rng, count, annotated=ORGANS, scale=1.0, depth=100, spread=0.2):
  """Cases whose organs vary by `spread` about ML (in voxels) times `scale`, in scans of depth x 100 x 100
  voxels."""
  sizes = [
    {organ: int(scale * ML[organ] * rng.lognormal(-(spread**2) / 2, spread)) for organ in annotated}
    for _ in range(count)
  ]
  return [
    case(f"{'_'.join(annotated)}_{number}", annotated, (depth, 100, 100), **voxels)
    for number, voxels in enumerate(sizes)
  ]


def checked(full, partial):
  """(store, splits) that hold these cases."""
  store = Store(pathlib.Path("s"), ORGANS, (*full, *partial), (None,) * 3)
  return store, Splits(tuple(full), tuple(partial), (), ())


def verdicts(full, partial):
  """{(set, organ): Agreement}"""
  return {(a.set_name, a.organ): a for a in check.check(*checked(full, partial)).agreements}
