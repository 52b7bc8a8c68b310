"""Tables and sentences about a check."""

import numpy as np

from deeplab_panns.prior_check import check, findings
from tests.deeplab_panns.prior_check.patients import ORGANS, case, checked, patients


def gone_and_long():
  """Eight labelled cases; the partial scans are three times as long, and one has lost its liver."""
  rng = np.random.default_rng(9)
  partial = [*patients(rng, 8, ("liver",), depth=300), case("gone", ("liver",))]
  return check.check(*checked(patients(rng, 8), partial))


def test_a_row_by_hand():
  full = [case(f"f{n}", ORGANS, liver=2000, spleen=200, pancreas=0) for n in range(8)]
  partial = [case(f"p{n}", ("liver",), (200, 100, 100), liver=1000) for n in range(4)]
  found = check.check(*checked(full, partial))
  header, row = findings.verdict_table(found)
  assert dict(zip(header, row)) == {
    "partial set": "liver",
    "organ": "liver",
    "cases": "4",
    "absent": "0",
    "share %": "0.05",
    "q %": "0.2",
    "share / q": "0.25",
    "90 %": "0.25 to 0.25",
    "mean mL": "1",
    "labelled mL": "2",
    "verdict": "does not hold: 0.25 times q",
  }
  assert findings.scan_table(found)[1:] == [
    ["fully labelled", "8", "100 x 100 x 100 mm"],
    ["liver", "4", "200 x 100 x 100 mm"],
  ]


def test_an_organ_that_no_case_shows():
  full = [case(f"f{n}", ORGANS, liver=2000, spleen=200) for n in range(24)]
  found = check.check(*checked(full, [case(f"e{n}", ("spleen",)) for n in range(5)]))
  (_, row) = findings.verdict_table(found)
  assert row[-1] == "does not hold: absent in all" and row[7] == "-"


def test_conclusions():
  lines = findings.conclusions(gone_and_long())
  assert lines[0] == (
    "Verdict on 1 pairs of set and organ, within a factor of 1.5 of q: "
    "holds 0, does not hold 1, too few cases to tell 0."
  )
  assert lines[1].startswith("Does not hold in 'liver' (9 cases): liver 0.")
  assert "--body_only" in lines[2]
  assert lines[3:] == ["Not to be checked, since no partial case annotates them: spleen, pancreas."]


def test_what_could_not_be_compared():
  rng = np.random.default_rng(10)
  partial = [
    *patients(rng, 2, ("liver",)),
    *patients(rng, 4, ("liver", "spleen", "pancreas")[:2]),
    case("u", ()),
  ]
  found = check.check(*checked(patients(rng, 8), partial))
  assert findings.conclusions(found)[-3:] == [
    "Not to be checked, since no partial case annotates them: pancreas.",
    "1 sets of fewer than 3 cases count in 'all partial cases' alone.",
    "1 unlabelled cases: nothing to compare.",
  ]
