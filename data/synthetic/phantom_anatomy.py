"""The phantom's mean anatomy: thirteen organs and what surrounds them, in RAS mm.

The origin lies in the middle of the body at about the first lumbar vertebra. Positions and sizes are round
numbers after an adult's; adrenal glands, esophagus and portal vein are somewhat too thick, so that voxels of
about 4 mm still show them.
"""

from __future__ import annotations

from typing import NamedTuple

from data.synthetic.phantom_shapes import Ellipsoid, Solid, Tube


class Organ(NamedTuple):
  """An organ's mean shape and how far patients differ from it.

  Attributes:
    solid: the mean shape, in its mean position.
    size_std: deviation of the log of its linear size, besides the patient's own body size.
    shift_std_mm: deviation of its position per axis, besides the smooth warp that neighbours share.
    roughness_mm: deviation of its surface from the mean shape.
  """

  solid: Solid
  size_std: float
  shift_std_mm: float
  roughness_mm: float


def _mirrored(tube: Tube, up_mm: float = 0.0) -> Tube:
  """The tube on the other side of the body, moved towards the head."""
  return Tube(tuple((-r, a, s + up_mm) for r, a, s in tube.points), tube.radii)


_KIDNEY = Tube(((54, -56, -8), (67, -52, -38), (64, -45, -66)), (22, 26, 24))
_HILUM = Ellipsoid((40, -42, -38), (13, 12, 16))

# Where two organs would overlap, the later one prevails.
ORGANS = {
  "liver": Organ(
    Solid(
      (Ellipsoid((73, 6, 12), (62, 76, 73)), Ellipsoid((8, 50, 32), (62, 34, 32))),
      holes=(Ellipsoid((26, -4, -58), (46, 56, 50)),),
    ),
    0.05,
    4,
    4,
  ),
  "stomach": Organ(
    Solid(
      (
        Tube(
          ((-60, -8, 56), (-66, 14, 28), (-58, 44, 0), (-30, 58, -18), (6, 50, -16)), (31, 29, 25, 20, 13)
        ),
      )
    ),
    0.07,
    6,
    3,
  ),
  "spleen": Organ(
    Solid((Ellipsoid((-98, -32, 32), (31, 47, 49)),), holes=(Ellipsoid((-66, -10, 26), (36, 40, 42)),)),
    0.05,
    5,
    2,
  ),
  "right kidney": Organ(Solid((_KIDNEY,), holes=(_HILUM,)), 0.06, 5, 1.5),
  "left kidney": Organ(
    Solid((_mirrored(_KIDNEY, 12),), holes=(Ellipsoid((-40, -42, -26), _HILUM.radii),)), 0.05, 5, 1.5
  ),
  "pancreas": Organ(
    Solid(
      (
        Tube(
          ((34, 6, -42), (28, 14, -24), (10, 18, -12), (-18, 12, -4), (-48, -4, 4), (-80, -20, 16)),
          (16, 17, 11, 12, 12, 11),
        ),
      )
    ),
    0.05,
    4,
    1.2,
  ),
  "gallbladder": Organ(Solid((Tube(((42, 30, -14), (54, 48, -36)), (11, 15.5)),)), 0.07, 5, 0.8),
  "inferior vena cava": Organ(
    Solid((Tube(((22, -25, -130), (23, -25, -20), (23, -14, 30), (17, -2, 78)), (11, 11, 12, 11)),)),
    0.11,
    3,
    1,
  ),
  "portal and splenic vein": Organ(
    Solid(
      (
        Tube(
          ((54, 8, 16), (31, 5, 2), (12, 2, -14), (-18, -4, -2), (-48, -18, 8), (-76, -26, 24)),
          (9, 10, 10.5, 8.5, 7.5, 7.5),
        ),
      )
    ),
    0.06,
    3,
    0.6,
  ),
  "aorta": Organ(
    Solid((Tube(((-9, -28, 130), (-9, -26, 40), (-7, -27, -30), (-3, -29, -130)), (11.5, 11, 10.5, 10)),)),
    0.10,
    3,
    0.5,
  ),
  "esophagus": Organ(
    Solid((Tube(((2, -16, 130), (-6, -10, 70), (-14, -4, 50), (-30, 0, 38)), (10, 10.5, 10.5, 10.5)),)),
    0.07,
    3,
    0.6,
  ),
  "right adrenal gland": Organ(
    Solid(
      (
        Tube(((32, -26, 36), (34, -35, 22), (46, -51, 16)), (6.5, 7, 6)),
        Tube(((34, -35, 22), (33, -53, 18)), (6.5, 6)),
      )
    ),
    0.06,
    3,
    0.4,
  ),
  "left adrenal gland": Organ(
    Solid(
      (
        Tube(((-31, -20, 40), (-32, -29, 24), (-45, -41, 25)), (6.5, 7, 6)),
        Tube(((-32, -29, 24), (-31, -47, 22)), (6.5, 6)),
      )
    ),
    0.06,
    3,
    0.4,
  ),
}

# Half axes (right, anterior) of the cavity that holds the organs; wall and fat come on top.
CAVITY_MM = (136.0, 92.0)
WALL_MM = 12.0

HEART = Ellipsoid((-22, 34, 108), (58, 46, 42))
MUSCLES = Solid(
  (
    Ellipsoid((33, -92, 0), (31, 21, 400)),
    Ellipsoid((-33, -92, 0), (31, 21, 400)),
    Tube(((32, -58, 10), (42, -58, -50), (48, -52, -130)), (6, 16, 21)),
    Tube(((-32, -58, 10), (-42, -58, -50), (-48, -52, -130)), (6, 16, 21)),
  )
)
VERTEBRAL_BODY = Ellipsoid((0, -59, 0), (24, 18, 4000))
VERTEBRAL_ARCH = Solid(
  (
    Tube(((0, -104, -130), (0, -104, 130)), (6, 6)),
    Tube(((13, -86, -130), (13, -86, 130)), (5, 5)),
    Tube(((-13, -86, -130), (-13, -86, 130)), (5, 5)),
  )
)
SPINAL_CANAL = Tube(((0, -85, -130), (0, -85, 130)), (8, 8))
DUODENUM = Tube(((16, 46, -20), (52, 24, -28), (52, -4, -62), (-6, -6, -74)), (13, 13, 13, 12))
COLON = (
  Tube(((104, -8, -130), (100, 12, -56)), (23, 21)),
  Tube(((100, 12, -56), (58, 66, -66), (0, 72, -58), (-58, 66, -46), (-104, 18, -18)), (20, 18, 18, 18, 18)),
  Tube(((-104, 18, -18), (-108, -22, -44), (-106, -26, -130)), (17, 16, 16)),
)
