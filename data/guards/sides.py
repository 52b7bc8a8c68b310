"""Left and right: swapped labels, and voxels that run against their header.

In RAS x grows to the patient's right. A scan whose header is mirrored together with its labels looks right to
these guards, and situs inversus rightly looks wrong.
"""

from __future__ import annotations

from data.guards.finding import Finding
from data.guards.measures import Measures, OrganMeasures
from data.organs import plain_name

# (what lies to the right, what lies to the left, how much further at least in mm): in 30 cases of WORD the
# least are 121 mm and 102 mm.
PAIRS = (("liver", "spleen", 50), ("right kidney", "left kidney", 50))
ADRENALS = ("right adrenal gland", "left adrenal gland", 20)
# Where the other of a pair is not labelled, the midline of the body has to do.
SINGLE = {
  "liver": 1,
  "right kidney": 1,
  "right adrenal gland": 1,
  "spleen": -1,
  "left kidney": -1,
  "left adrenal gland": -1,
}
SWAPPED = "left and right are swapped, or the header is wrong"


def check_sides(measures: Measures) -> list[Finding]:
  """Findings on organs that lie on the wrong side, or adrenals that do not lie on their kidneys."""
  organs = {plain_name(organ): found for organ, found in measures.organs.items()}
  findings, paired = [], set()
  for right, left, least_mm in (*PAIRS, ADRENALS):
    if right in organs and left in organs:
      paired |= {right, left}
      apart_mm = organs[right].centre_mm[0] - organs[left].centre_mm[0]
      if apart_mm <= least_mm:
        findings.append(_severe(_pair_line(right, left, apart_mm, least_mm)))
  for side, inward in (("right", -1), ("left", 1)):
    adrenal, kidney = (organs.get(f"{side} {name}") for name in ("adrenal gland", "kidney"))
    if adrenal and kidney:
      findings += _on_kidney(side, adrenal, kidney, inward)
  if measures.body:
    for organ, sign in SINGLE.items():
      if organ in organs and organ not in paired:
        off_mm = organs[organ].centre_mm[0] - measures.body.centre_mm[0]
        if off_mm * sign <= 0:
          where, wanted = ("left", "right") if sign > 0 else ("right", "left")
          findings.append(
            _severe(
              f"the {organ} lies {abs(off_mm):.0f} mm {where} of the body's middle, not on the {wanted}; "
              f"{SWAPPED}"
            )
          )
  return findings


def _severe(line: str) -> Finding:
  return Finding("side", True, line)


def _pair_line(right: str, left: str, apart_mm: float, least_mm: float) -> str:
  where = (
    f"only {apart_mm:.0f} mm to the right" if apart_mm > 0 else f"{-apart_mm:.0f} mm to the patient's left"
  )
  return f"the {right} lies {where} of the {left}, at least {least_mm} mm to the right is expected; {SWAPPED}"


def _on_kidney(side: str, adrenal: OrganMeasures, kidney: OrganMeasures, inward: int) -> list[Finding]:
  if kidney.cut or adrenal.cut:
    return []  # the middle of a part is not the organ's
  above_mm = adrenal.centre_mm[2] - kidney.centre_mm[2]
  inside_mm = (adrenal.centre_mm[0] - kidney.centre_mm[0]) * inward
  wrong = []
  if above_mm <= 0:
    wrong.append(f"{-above_mm:.0f} mm below")
  if inside_mm <= 0:
    wrong.append(f"{-inside_mm:.0f} mm outside of")
  if not wrong:
    return []
  line = f"the {side} adrenal gland lies {' and '.join(wrong)} its kidney's middle; above and inside is right"
  return [_severe(line)]
