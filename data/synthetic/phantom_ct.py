"""Turns a phantom patient into a CT volume in HU and its label map."""

from __future__ import annotations

from typing import Union

import numpy as np

from data.arrays import Affine, Floats, Integers, Labels
from data.organs import BTCV_ORGANS
from data.synthetic import phantom_anatomy as anatomy
from data.synthetic.ct_noise import draw_grain, whole_hu
from data.synthetic.phantom_patient import Patient, draw_patient
from data.synthetic.phantom_shapes import Bounds, Ellipsoid, Solid, Tube
from data.synthetic.synthetic_case import SyntheticCase, case_generators

FIELD_OF_VIEW_MM = 384.0
SLICE_PER_PIXEL = 1.25  # slice spacing over pixel size
AIR_HU, LUNG_HU, FAT_HU, GAS_HU, BONE_HU, DISC_HU = -1000, -840, -102, -800, 330, 85

_HU = Union[float, Floats, Integers]
"""One number, or one for each voxel."""
_Box = tuple[slice, ...]
"""A part of the volume, (z, y, x); () is all of it."""


def draw_case(
  seed: int, role: str, index: int, size: int, displacement: float = 1.0, absence: float = 0.0
) -> SyntheticCase:
  """One phantom case, a pure function of its arguments; `size` changes the resolution, not the patient.

  Args:
    seed, role, index: see `case_generators`.
    size: pixels per row and column.
    displacement, absence: see `draw_patient`.
  Returns:
    A SyntheticCase of BTCV_ORGANS, about 190 mm deep, whose axes run to the right, anterior and superior.
  """
  anatomy_rng, noise_rng = case_generators(seed, role, index, 2)
  patient = draw_patient(anatomy_rng, displacement, absence)
  affine, shape = _grid(patient, size)
  scene = _Scene(patient, affine, shape)
  _paint_body(scene)
  _paint_chest(scene)
  _paint_loops(scene)
  label = _paint_organs(scene)
  _add_noise(scene, noise_rng)
  return SyntheticCase(whole_hu(scene.image), label, affine)


def _grid(patient: Patient, size: int) -> tuple[Affine, tuple[int, ...]]:
  """(affine, shape (z, y, x)) of the scan, whose centre is the origin."""
  pixel_mm = FIELD_OF_VIEW_MM / size
  spacing_mm = np.array([pixel_mm, pixel_mm, SLICE_PER_PIXEL * pixel_mm])
  counts = np.array([size, size, round(patient.depth_mm / spacing_mm[2])])
  affine = np.diag([*spacing_mm, 1.0])
  affine[:3, 3] = -(counts - 1) / 2 * spacing_mm
  return affine, tuple(counts[::-1].tolist())


class _Scene:
  """The volume being painted, with the patient's anatomical coordinates of every voxel."""

  def __init__(self, patient: Patient, affine: Affine, shape: tuple[int, ...]) -> None:
    self.patient = patient
    voxel_mm = np.diag(affine)[:3]
    self.edge_mm = voxel_mm[0]
    self.axes_mm = [
      (np.arange(count) * voxel_mm[i] + affine[i, 3] - patient.shift_mm[i]) / patient.scale[i]
      for i, count in enumerate(shape[::-1])
    ]
    superior, anterior, right = np.meshgrid(*self.axes_mm[::-1], indexing="ij")
    bend = patient.warp.on_grid(self.axes_mm)
    self.points = np.stack([right, anterior, superior]).astype(np.float32) + bend
    self.bend_mm = np.abs(bend).max(axis=(1, 2, 3))
    self.image = np.full(shape, AIR_HU, np.float32)
    self.cavity_mm = _ring_distance(self.points, *anatomy.CAVITY_MM)

  def box(self, bounds: Bounds, margin_mm: float = 0.0) -> _Box:
    """Slices (z, y, x) of the voxels that may lie within `margin_mm` of the box `bounds`."""
    low, high = bounds
    reach = self.bend_mm + margin_mm + self.edge_mm
    return tuple(
      slice(np.searchsorted(axis, low[i] - reach[i]), np.searchsorted(axis, high[i] + reach[i]))
      for i, axis in reversed(list(enumerate(self.axes_mm)))
    )

  def paint(self, distance_mm: Floats, hu: _HU, box: _Box = ()) -> None:
    """Sets the inside (negative distance) to `hu`; voxels of the surface become a mixture."""
    cover = np.clip(0.5 - distance_mm / np.float32(self.edge_mm), 0, 1)
    self.image[box] += cover * (hu - self.image[box])

  def paint_solid(self, solid: Ellipsoid | Tube | Solid, hu: float) -> None:
    box = self.box(solid.bounds())
    self.paint(solid.distance(self.points[(slice(None), *box)]), hu, box)


def _ring_distance(points: Floats, right_mm: float, anterior_mm: float) -> Floats:
  """About the mm to an upright tube, negative inside.

  Its cross-section, of these half axes, is between an ellipse and a rectangle.
  """
  right, anterior = points[0], points[1]
  squared = (right / np.float32(right_mm)) ** 2, (anterior / np.float32(anterior_mm)) ** 2
  reach = np.maximum((squared[0] ** 1.2 + squared[1] ** 1.2) ** (1 / 2.4), np.float32(1e-3))
  return np.sqrt(right**2 + anterior**2) * (1 - 1 / reach)


def _paint_body(scene: _Scene) -> None:
  patient, points = scene.patient, scene.points
  skin_mm = anatomy.WALL_MM + patient.fat_mm
  scene.paint(_ring_distance(points, anatomy.CAVITY_MM[0] + skin_mm, anatomy.CAVITY_MM[1] + skin_mm), FAT_HU)
  scene.paint(scene.cavity_mm - anatomy.WALL_MM, patient.hu["muscle"])
  scene.paint(scene.cavity_mm, FAT_HU)
  # Ribs run through the wall as slanted stripes, about 32 mm apart, and end above the lowest slices.
  stripe_mm = 16 * np.cos((points[2] + 0.5 * points[1]) / 5.1 + patient.rib_phase)
  ribs = np.maximum.reduce([scene.cavity_mm - 9, 1 - scene.cavity_mm, 10 - stripe_mm, -20 - points[2]])
  scene.paint(ribs, BONE_HU)
  scene.paint_solid(anatomy.MUSCLES, patient.hu["muscle"])
  scene.paint_solid(anatomy.VERTEBRAL_ARCH, BONE_HU)
  box = scene.box(anatomy.VERTEBRAL_BODY.bounds())
  is_disc = np.cos(points[2][box] / 5.4 + patient.rib_phase) > 0.8
  depth = anatomy.VERTEBRAL_BODY.distance(points[(slice(None), *box)])
  scene.paint(depth, np.where(is_disc, DISC_HU, np.where(depth > -4, BONE_HU, 190)), box)
  scene.paint_solid(anatomy.SPINAL_CANAL, 35)


def _paint_chest(scene: _Scene) -> None:
  """The bases of the lungs, which end at the domes of the diaphragm, with the heart between them."""
  right, anterior, superior = scene.points
  dome = 34 * np.exp(-(((np.abs(right) - 66) / 48) ** 2) - ((anterior - 8) / 56) ** 2)
  floor_mm = 58 + dome - 42 * np.clip(1 + scene.cavity_mm / 60, 0, 1) ** 2
  lungs = np.maximum.reduce([floor_mm - superior, scene.cavity_mm + 2, 30 - np.abs(right)])
  scene.paint(lungs, LUNG_HU)
  scene.paint_solid(anatomy.HEART, scene.patient.hu["heart"])


def _paint_loops(scene: _Scene) -> None:
  for loop in scene.patient.loops:
    box = scene.box(loop.solid.bounds())
    points = scene.points[(slice(None), *box)]
    distance = np.maximum(loop.solid.distance(points), scene.cavity_mm[box] + 2)
    wall_hu = scene.patient.hu["stomach wall"]
    content_hu = np.where(points[1] > loop.gas_above_mm, GAS_HU, loop.hu)
    scene.paint(distance, wall_hu, box)
    scene.paint(distance + 3.0, content_hu, box)


def _paint_organs(scene: _Scene) -> Labels:
  """Paints the organs in the order of ORGANS; returns the label map."""
  label = np.zeros(scene.image.shape, np.uint8)
  for placed in scene.patient.organs:
    solid, _, _, roughness_mm = anatomy.ORGANS[placed.organ]
    corners = np.stack(np.meshgrid(*np.transpose(solid.bounds()), indexing="ij")).reshape(3, 8)
    corners = np.linalg.solve(placed.turn, corners - placed.pivot_mm[:, None]) + placed.centre_mm[:, None]
    box = scene.box((corners.min(1), corners.max(1)), margin_mm=3 * roughness_mm)
    local = np.tensordot(placed.turn.astype(np.float32), scene.points[(slice(None), *box)], 1)
    offset_mm = placed.pivot_mm - placed.turn @ placed.centre_mm
    local += offset_mm.astype(np.float32).reshape(3, 1, 1, 1)
    rough_mm = placed.roughness.on_grid([scene.axes_mm[i][box[2 - i]] for i in range(3)])[0]
    distance = np.maximum(solid.distance(local) + rough_mm, scene.cavity_mm[box] + 2)
    scene.paint(distance, _organ_hu(scene, placed.organ, distance, box), box)
    label[box][distance < 0] = 1 + BTCV_ORGANS.index(placed.organ)
  return label


def _organ_hu(scene: _Scene, organ: str, distance: Floats, box: _Box) -> _HU:
  """The organ's HU: one number, or a map for organs whose outer layer or content differs."""
  hu = scene.patient.hu
  if organ.endswith("kidney"):
    return np.where(distance > -7, hu["renal cortex"], hu[organ])
  if organ == "stomach":
    content_hu = np.where(scene.points[1][box] > scene.patient.stomach_gas_mm, GAS_HU, hu[organ])
    return np.where(distance > -5, hu["stomach wall"], content_hu)
  return hu[organ]


def _add_noise(scene: _Scene, rng: np.random.Generator) -> None:
  """Adds slow shading, white noise, and the grain of a reconstruction filter."""
  patient, image = scene.patient, scene.image
  image += patient.shading.on_grid(scene.axes_mm)[0]
  image += patient.white_noise_hu * rng.standard_normal(image.shape, np.float32)
  grain = draw_grain(rng, image.shape)
  image += patient.grain_noise_hu / grain.std() * grain
