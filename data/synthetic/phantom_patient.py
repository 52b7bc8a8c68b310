"""One phantom patient: everything that differs from the mean anatomy, free of any voxel grid."""

from __future__ import annotations

import dataclasses
from typing import overload

import numpy as np

from data.arrays import Floats
from data.synthetic.phantom_anatomy import COLON, DUODENUM, ORGANS
from data.synthetic.phantom_field import SmoothField
from data.synthetic.phantom_shapes import Ellipsoid, Point, Tube

# HU in the arterial phase, HU in the portal venous phase, and the deviation between patients at one phase,
# which is multiplied by 1.5. The ranges overlap on purpose: one intensity fits several organs, so that
# position, size and shape have to be learnt too.
CONTRAST_HU = {
  "spleen": (132, 118, 9),
  "right kidney": (118, 158, 10),
  "left kidney": (118, 158, 10),
  "gallbladder": (14, 14, 9),
  "esophagus": (58, 64, 9),
  "liver": (74, 112, 13),
  "stomach": (38, 38, 26),
  "aorta": (285, 155, 14),
  "inferior vena cava": (92, 142, 13),
  "portal and splenic vein": (118, 164, 13),
  "pancreas": (112, 94, 10),
  "right adrenal gland": (84, 76, 8),
  "left adrenal gland": (84, 76, 8),
  "muscle": (54, 62, 5),
  "stomach wall": (78, 88, 8),
  "renal cortex": (185, 170, 12),
  "heart": (230, 150, 20),
}
_UNENHANCED_HU = 40
# What surgeons take out, and what patients live without.
REMOVABLE = ("gallbladder", "spleen", "left kidney")


@dataclasses.dataclass(frozen=True)
class PlacedOrgan:
  """An organ of one patient: mean point = turn @ (point - centre_mm) + pivot_mm, of the anatomical point.

  Attributes:
    organ: a key of ORGANS.
    turn: [3, 3], rotation and 1 / size.
    centre_mm: [3], the centre in this patient.
    pivot_mm: [3], the centre in the mean anatomy.
    roughness: added to the distance from the mean surface, in mm.
  """

  organ: str
  turn: Floats
  centre_mm: Floats
  pivot_mm: Floats
  roughness: SmoothField


@dataclasses.dataclass(frozen=True)
class Loop:
  """A piece of bowel; anterior of `gas_above_mm` it holds gas, elsewhere content of `hu`."""

  solid: Ellipsoid | Tube
  hu: float
  gas_above_mm: float


@dataclasses.dataclass(frozen=True)
class Patient:
  """All that is random of a patient, but for the noise.

  The anatomical point of a point in the scan is q + warp(q), where q = (point - shift_mm) / scale.

  Attributes:
    depth_mm: extent of the scan along z.
    scale, shift_mm: [3], of the body.
    warp: three channels, in mm.
    organs: in the order of ORGANS, without those that are absent.
    hu: tissue to mean HU.
    shading: slow change of HU over the scan.
    fat_mm: thickness of the fat below the skin.
    stomach_gas_mm: anterior of this the stomach holds gas.
    rib_phase: radians, where ribs and discs lie along z.
    white_noise_hu, grain_noise_hu: deviations of the two kinds of noise.
  """

  depth_mm: float
  scale: Floats
  shift_mm: Floats
  warp: SmoothField
  organs: tuple[PlacedOrgan, ...]
  loops: tuple[Loop, ...]
  hu: dict[str, float]
  shading: SmoothField
  fat_mm: float
  stomach_gas_mm: float
  rib_phase: float
  white_noise_hu: float
  grain_noise_hu: float


def draw_patient(rng: np.random.Generator, displacement: float = 1.0, absence: float = 0.0) -> Patient:
  """A random Patient; the same state of `rng` gives the same one, whose organs alone move or are absent.

  Args:
    displacement: factor on how far the body and each organ lie from, and are turned away from, their mean
      place; at least 0. The smooth warp stays as it is: more of it would fold the body.
    absence: chance of each of REMOVABLE to be absent, in [0, 1].
  """
  body_size = 1 + 0.06 * normal(rng)
  patient = Patient(
    depth_mm=rng.uniform(180, 200),
    scale=body_size * (1 + 0.035 * normal(rng, 3)),
    shift_mm=displacement * normal(rng, 3) * (6, 6, 8),
    warp=SmoothField(rng, spacing_mm=95, std=10, channels=3),
    organs=tuple(_place(rng, organ, displacement) for organ in ORGANS),
    loops=_draw_loops(rng),
    hu=_draw_contrast(rng),
    shading=SmoothField(rng, spacing_mm=40, std=5),
    fat_mm=rng.uniform(7, 28),
    stomach_gas_mm=rng.choice([np.inf, rng.uniform(20, 50)]),
    rib_phase=rng.uniform(0, 2 * np.pi),
    white_noise_hu=rng.uniform(8, 16),
    grain_noise_hu=rng.uniform(6, 12),
  )
  # drawn last: who lacks an organ is otherwise the patient who has it
  removed = {organ for organ in REMOVABLE if absence and rng.uniform() < absence}
  return dataclasses.replace(
    patient, organs=tuple(placed for placed in patient.organs if placed.organ not in removed)
  )


@overload
def normal(rng: np.random.Generator) -> float: ...
@overload
def normal(rng: np.random.Generator, size: int) -> Floats: ...
def normal(rng: np.random.Generator, size: int | None = None) -> float | Floats:
  """Standard normal, clipped at 2 deviations: varied patients, but no impossible ones."""
  clipped: float | Floats = np.clip(rng.standard_normal(size), -2, 2)
  return clipped


def _place(rng: np.random.Generator, organ: str, displacement: float) -> PlacedOrgan:
  solid, size_std, shift_std_mm, roughness_mm = ORGANS[organ]
  pivot = np.mean(solid.bounds(), 0)
  size = np.exp(size_std * normal(rng) + 0.5 * size_std * normal(rng, 3))
  return PlacedOrgan(
    organ=organ,
    turn=_rotation(displacement * np.radians(5) * normal(rng, 3)) / size[:, None],
    centre_mm=pivot + displacement * 1.5 * shift_std_mm * normal(rng, 3),
    pivot_mm=pivot,
    # Small organs have short bumps: about a quarter of the way through the organ.
    roughness=SmoothField(rng, spacing_mm=36 if roughness_mm > 2 else 24, std=roughness_mm),
  )


def _rotation(angles: Floats) -> Floats:
  """[3, 3], the product of rotations by `angles` about the three axes, in radians."""
  matrix = np.eye(3)
  for axis, angle in enumerate(angles):
    step, (i, j) = np.eye(3), ((axis + 1) % 3, (axis + 2) % 3)
    step[i, i] = step[j, j] = np.cos(angle)
    step[i, j], step[j, i] = -np.sin(angle), np.sin(angle)
    matrix = step @ matrix
  return matrix


def _draw_contrast(rng: np.random.Generator) -> dict[str, float]:
  # From a scan almost without contrast medium to a strong bolus: three labelled patients cannot show it all.
  phase, gain = rng.uniform(), rng.uniform(0.3, 1.25)
  return {
    tissue: _UNENHANCED_HU
    + gain * (early + phase * (late - early) - _UNENHANCED_HU)
    + 1.5 * std * normal(rng)
    for tissue, (early, late, std) in CONTRAST_HU.items()
  }


def _draw_loops(rng: np.random.Generator) -> tuple[Loop, ...]:
  """Bowel, at times as bright as an organ, so that intensity alone misleads."""
  solids: list[Ellipsoid | Tube] = [*COLON, DUODENUM]
  for _ in range(30):
    centre = rng.uniform((-85, -14, -115), (85, 66, -48))
    solids.append(Ellipsoid(_point(centre), _point(rng.uniform(10, 22, 3))))
  gassy = rng.uniform(size=len(solids)) < 0.3
  tops = [solid.bounds()[1][1] for solid in solids]
  return tuple(
    Loop(solid, hu=rng.uniform(5, 125), gas_above_mm=top - rng.uniform(4, 16) if gas else np.inf)
    for solid, gas, top in zip(solids, gassy, tops)
  )


def _point(vector: Floats) -> Point:
  right, anterior, superior = vector
  return right, anterior, superior
