"""HU in the organs: a mask that lies beside its organ, a scan whose HU are shifted."""

from __future__ import annotations

from data.guards.anatomy import NORMS
from data.guards.finding import Finding
from data.guards.measures import LOW_HU, Measures, OrganMeasures
from data.organs import plain_name

MOST_LOW_SHARE = 0.05  # of an organ without gas; CHAOS and the shared real case have 0
MOST_SPREAD_HU = 60.0  # of even organs: 16 to 34 where the mask lies right, 196 to 347 where it is flipped
CLEAR_SPREAD_HU = 100.0  # fat between lobules and the noise of thin slices stay below
AIR_HU = -950.0  # lungs have -900 and more
FEWEST_ML = 1.0  # a few voxels' mean says nothing
BESIDE = "does the mask lie on the organ?"


def check_density(measures: Measures) -> list[Finding]:
  """Findings `mask` on organs that cover lung, gas or fat, and `hu` on means that no organ has."""
  findings = []
  for organ, found in measures.organs.items():
    name = plain_name(organ)
    norm = NORMS.get(name)
    if found.ml < FEWEST_ML:
      continue
    if norm is None:
      findings += _of_unknown(name, found)
      continue
    least, most = norm.hard_hu
    if not least <= found.mean_hu <= most:
      line = f"the {name} has {found.mean_hu:.0f} HU on average, {least:g} to {most:g} is possible"
      findings.append(Finding("hu", True, line))
    if not norm.hollow and found.low_share > MOST_LOW_SHARE:
      share = f"{found.low_share:.0%} of the {name} is below {LOW_HU:g} HU"
      findings.append(Finding("mask", True, f"{share}, {MOST_LOW_SHARE:.0%} at most is right; {BESIDE}"))
    elif norm.even and found.sd_hu > MOST_SPREAD_HU:
      line = f"HU in the {name} spread by {found.sd_hu:.0f}, {MOST_SPREAD_HU:g} at most is right; {BESIDE}"
      findings.append(Finding("mask", found.sd_hu > CLEAR_SPREAD_HU, line))
  return findings


def _of_unknown(name: str, found: OrganMeasures) -> list[Finding]:
  """Of an organ without a norm: a mask of nothing but air, which the windpipe alone could be."""
  if found.mean_hu >= AIR_HU:
    return []
  return [Finding("mask", False, f"the {name} has {found.mean_hu:.0f} HU on average, as air has; {BESIDE}")]
