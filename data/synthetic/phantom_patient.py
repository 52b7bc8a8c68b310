"""One phantom patient: everything that differs from the mean anatomy, drawn before there is a voxel grid."""

from __future__ import annotations

import dataclasses

import numpy as np

from data.synthetic.phantom_anatomy import COLON, DUODENUM, ORGANS
from data.synthetic.phantom_field import SmoothField
from data.synthetic.phantom_shapes import Ellipsoid, Tube

# HU in the arterial phase, HU in the portal venous phase, deviation between patients at one phase (times
# 1.5). The ranges overlap on purpose: one intensity fits several organs, so place, size and shape have to be
# learnt too.
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


@dataclasses.dataclass(frozen=True)
class PlacedOrgan:
  """An organ of one patient: local point = turn @ (point - centre_mm) + pivot_mm, in the mean frame."""

  organ: str
  turn: np.ndarray  # [3, 3], rotation and 1 / size
  centre_mm: np.ndarray
  pivot_mm: np.ndarray
  roughness: SmoothField


@dataclasses.dataclass(frozen=True)
class Loop:
  """A piece of bowel; from `gas_above_mm` (anterior) on it holds gas."""

  solid: Ellipsoid | Tube
  hu: float
  gas_above_mm: float


@dataclasses.dataclass(frozen=True)
class Patient:
  """anatomical point = (point - shift_mm) / scale, then bent by `warp`; hu: tissue name to mean HU."""

  depth_mm: float
  scale: np.ndarray
  shift_mm: np.ndarray
  warp: SmoothField
  organs: tuple
  loops: tuple
  hu: dict
  shading: SmoothField
  fat_mm: float
  stomach_gas_mm: float  # anterior of this the stomach holds gas
  rib_phase: float
  white_noise_hu: float
  grain_noise_hu: float


def draw_patient(rng):
  """A Patient drawn from numpy Generator `rng`."""
  body_size = 1 + 0.06 * normal(rng)
  return Patient(
    depth_mm=rng.uniform(180, 200),
    scale=body_size * (1 + 0.035 * normal(rng, 3)),
    shift_mm=normal(rng, 3) * (6, 6, 8),
    warp=SmoothField(rng, spacing_mm=95, std=10, channels=3),
    organs=tuple(_place(rng, organ) for organ in ORGANS),
    loops=_draw_loops(rng),
    hu=_draw_contrast(rng),
    shading=SmoothField(rng, spacing_mm=40, std=5),
    fat_mm=rng.uniform(7, 28),
    stomach_gas_mm=rng.choice([np.inf, rng.uniform(20, 50)]),
    rib_phase=rng.uniform(0, 2 * np.pi),
    white_noise_hu=rng.uniform(8, 16),
    grain_noise_hu=rng.uniform(6, 12),
  )


def normal(rng, size=None):
  """Standard normal within 2 deviations: varied patients, no monsters."""
  return np.clip(rng.standard_normal(size), -2, 2)


def _place(rng, organ):
  solid, size_std, shift_std_mm, roughness_mm = ORGANS[organ]
  pivot = np.mean(solid.bounds(), 0)
  size = np.exp(size_std * normal(rng) + 0.5 * size_std * normal(rng, 3))
  return PlacedOrgan(
    organ=organ,
    turn=_rotation(np.radians(5) * normal(rng, 3)) / size[:, None],
    centre_mm=pivot + 1.5 * shift_std_mm * normal(rng, 3),
    pivot_mm=pivot,
    # Small organs take short bumps: a quarter of the way through the organ, about.
    roughness=SmoothField(rng, spacing_mm=36 if roughness_mm > 2 else 24, std=roughness_mm),
  )


def _rotation(angles):
  matrix = np.eye(3)
  for axis, angle in enumerate(angles):
    step, (i, j) = np.eye(3), ((axis + 1) % 3, (axis + 2) % 3)
    step[i, i] = step[j, j] = np.cos(angle)
    step[i, j], step[j, i] = -np.sin(angle), np.sin(angle)
    matrix = step @ matrix
  return matrix


def _draw_contrast(rng):
  # from a scan almost without contrast medium to a strong bolus: no three patients show all there is
  phase, gain = rng.uniform(), rng.uniform(0.3, 1.25)
  return {
    tissue: _UNENHANCED_HU
    + gain * (early + phase * (late - early) - _UNENHANCED_HU)
    + 1.5 * std * normal(rng)
    for tissue, (early, late, std) in CONTRAST_HU.items()
  }


def _draw_loops(rng):
  """Bowel: as bright as organs at times, so that intensity alone misleads."""
  solids: list[Ellipsoid | Tube] = [*COLON, DUODENUM]
  for _ in range(30):
    centre = rng.uniform((-85, -14, -115), (85, 66, -48))
    solids.append(Ellipsoid(tuple(centre), tuple(rng.uniform(10, 22, 3))))
  gassy = rng.uniform(size=len(solids)) < 0.3
  tops = [solid.bounds()[1][1] for solid in solids]
  return tuple(
    Loop(solid, hu=rng.uniform(5, 125), gas_above_mm=top - rng.uniform(4, 16) if gas else np.inf)
    for solid, gas, top in zip(solids, gassy, tops)
  )
