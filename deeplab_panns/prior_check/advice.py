"""Why the prior does not hold in a set of partial cases, and what to do."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from deeplab_panns.evidence.number_text import extent, factor
from deeplab_panns.prior_check.case_sets import CaseSet
from deeplab_panns.prior_check.share_agreement import Agreement

# In the order of what experiments/study/fields.table measured; exclude and correct gained nothing there.
_WITHOUT = (
  "or train without the prior by the marginal loss (--supervision=partial --partial_loss=marginal), without "
  "this set (--partial_organs), or with --prior_mismatch=exclude or correct"
)
_CUT_OFF = 0.8  # of the labelled scans' extent along an axis: shorter scans may cut organs off


def advice(labeled: CaseSet, one: CaseSet, failing: Sequence[Agreement]) -> str:
  """What is wrong with a set, why, and what to do, in one line that begins with the set.

  Args:
    labeled: the fully labelled cases.
    one: the partial set.
    failing: its agreements that fail, at least one.
  """
  organs = ", ".join(f"{a.organ} {factor(a.ratio)} times q" for a in failing)
  return f"'{one.name}' ({len(one.cases)} cases): {organs}. {_reason(labeled, one, failing)}, {_WITHOUT}."


def _reason(labeled: CaseSet, one: CaseSet, failing: Sequence[Agreement]) -> str:
  present = [a for a in failing if a.ratio > 0]
  if not present:
    return 'No case has a voxel of what it annotates: correct "annotated" or "labels" in the manifest'
  if one.of_separate_slices:
    return (
      "Its scans are single slices, taken where they show what they annotate, so that no cropping makes the "
      "shares alike: annotate some of these cases in full"
    )
  ours, theirs = extent(one.extent_mm), extent(labeled.extent_mm)
  # Where the volumes explain less than half of the (log) ratio, the scans explain the rest.
  if np.median([math.log(a.volume_ratio) / math.log(a.ratio) for a in present]) < 0.5:
    return (
      f"Its scans cover {ours} (z, y, x, median), the labelled ones {theirs}: crop both to the same field of "
      "view before data.prepare"
    )
  volumes = ", ".join(f"{a.organ} {factor(a.volume_ratio)} times the volume" for a in present)
  if all(a.volume_ratio < 1 for a in present) and min(np.divide(one.extent_mm, labeled.extent_mm)) < _CUT_OFF:
    return (
      f"Its scans, {ours} (z, y, x, median; the labelled ones {theirs}), may end within the organs "
      f"({volumes}): crop the labelled scans likewise before data.prepare"
    )
  return (
    f"The organs themselves differ ({volumes}), so cropping will not help: other patients, other borders or "
    "a wrong label; annotate some of these cases in full, which corrects q"
  )
