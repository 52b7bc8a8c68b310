"""Upside down, back to front: a header whose z or y runs the wrong way.

Lungs lie above the organs of the abdomen, and most bone, the spine, lies in the back.
"""

from __future__ import annotations

import math

from data.guards.finding import Finding
from data.guards.measures import Measures
from data.organs import plain_name

# By the size that makes them good landmarks.
LANDMARKS = ("liver", "spleen", "pancreas", "left kidney", "right kidney", "gallbladder")
BONE_IN_FRONT_MM = 10.0  # contrast in stomach and bowel counts as bone, and may be more than it
NEARER_MM = 20.0  # is the spine to the skin of the back than any other bone to that of the front


def check_posture(measures: Measures) -> list[Finding]:
  """Findings on lungs below the organs and on bones in front."""
  body, findings = measures.body, []
  if body is None:
    return []
  organs = {plain_name(organ): found for organ, found in measures.organs.items()}
  landmark = next((organ for organ in LANDMARKS if organ in organs), None)
  if landmark and body.lung_mm:
    above_mm = body.lung_mm[2] - organs[landmark].centre_mm[2]
    if above_mm <= 0:
      findings.append(
        _severe(f"the lungs lie {-above_mm:.0f} mm below the {landmark}; the scan is upside down")
      )
  if body.bone_mm:
    in_front_mm = body.bone_mm[1] - body.centre_mm[1]  # y of RAS grows to the front
    behind_mm, before_mm = body.bone_gaps_mm or (math.inf, 0.0)
    if in_front_mm > BONE_IN_FRONT_MM and before_mm + NEARER_MM < behind_mm:
      findings.append(
        _severe(f"bone lies {in_front_mm:.0f} mm in front of the body's middle; the scan is back to front")
      )
  return findings


def _severe(line: str) -> Finding:
  return Finding("posture", True, line)
