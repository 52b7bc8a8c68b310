"""Volumes and HU of organs: what was seen, and what no organ of an adult has.

The seen ranges are those of BTCV (30 cases) and WORD (150 cases), the hard ones are wider than all of them.
HU depend on the contrast phase, so only the hard range counts there. Organs are known by their names in
data/organs.py, however they are written (`plain_name`); of any other nothing is known, and nothing is said.
"""

from __future__ import annotations

import dataclasses

Range = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Norm:
  """What is known of an organ.

  Attributes:
    hard_ml, seen_ml: (least, most) volume.
    hard_hu: (least, most) mean.
    even: its HU spread little: no gas, no fat, no contrast in layers.
    hollow: it may hold gas.
  """

  hard_ml: Range
  seen_ml: Range
  hard_hu: Range
  even: bool = False
  hollow: bool = False


NORMS = {
  "spleen": Norm((20, 4000), (63, 3087), (0, 220), even=True),
  "right kidney": Norm((5, 1000), (10, 271), (0, 300)),
  "left kidney": Norm((5, 1000), (11, 266), (0, 300)),
  "gallbladder": Norm((0.3, 300), (1, 113), (-30, 150)),
  "esophagus": Norm((0.3, 180), (1, 51), (-300, 150), hollow=True),
  "liver": Norm((300, 6000), (737, 2563), (0, 220), even=True),
  "stomach": Norm((10, 3500), (114, 1277), (-600, 200), hollow=True),
  "aorta": Norm((10, 700), (29, 283), (0, 450)),
  "inferior vena cava": Norm((10, 300), (27, 175), (0, 300)),
  "portal and splenic vein": Norm((3, 200), (15, 125), (0, 300)),
  "pancreas": Norm((10, 350), (25, 152), (-60, 200), even=True),
  "right adrenal gland": Norm((0.3, 30), (1, 11), (-60, 200)),
  "left adrenal gland": Norm((0.3, 30), (1, 11), (-60, 200)),
}
