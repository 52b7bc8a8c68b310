"""Organs that are larger or smaller than any organ is: another label map, a wrong spacing, a torn mask."""

from __future__ import annotations

from data.guards.anatomy import NORMS
from data.guards.finding import Finding
from data.guards.measures import Measures
from data.organs import plain_name


def check_volumes(measures: Measures) -> list[Finding]:
  """Findings on organs outside their ranges in mL, and on organs that are annotated and not there.

  An organ that reaches the volume's edge is never severe.
  """
  findings = []
  for organ, found in measures.organs.items():
    name = plain_name(organ)
    norm = NORMS.get(name)
    if norm is None:
      continue
    least, most = norm.hard_ml
    if not least <= found.ml <= most and not found.cut:
      findings.append(
        Finding(
          "volume",
          True,
          f"the {name} has {found.ml:.4g} mL, {least:g} to {most:g} is possible; is it this organ, and is "
          "the spacing right?",
        )
      )
    elif found.ml > norm.seen_ml[1] or (found.ml < norm.seen_ml[0] and not found.cut):
      seen = f"{norm.seen_ml[0]:g} to {norm.seen_ml[1]:g} is usual"
      findings.append(Finding("volume", False, f"the {name} has {found.ml:.4g} mL; {seen}"))
  return findings


def check_empty(measures: Measures) -> list[Finding]:
  """A finding if no annotated organ has a voxel. One organ alone may have been removed."""
  if not measures.absent or measures.organs:
    return []
  return [Finding("empty", True, "no annotated organ has a voxel; does the label map belong to this scan?")]
