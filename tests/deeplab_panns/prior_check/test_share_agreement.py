"""Does the prior hold? Verdicts on cases whose organs and scans are known."""

import math

import numpy as np
import pytest
from scipy import stats

from deeplab_panns.prior_check.case_sets import CaseSet, measure
from deeplab_panns.prior_check.share_agreement import FAILS, HOLDS, NO_PRIOR, UNCLEAR, compare
from tests.deeplab_panns.prior_check.patients import ML, ORGANS, case, patients, verdicts


def test_the_interval_is_students_where_all_scans_are_alike():
  """Equal scans, three labelled cases: the pooled two-sample t-interval of the relative deviations."""
  full, partial = [40, 50, 60], [20, 22, 27, 31]
  sets = [
    CaseSet(name, ("liver",), tuple(measure(case(f"{name}{n}", ("liver",), liver=n), ORGANS) for n in counts))
    for name, counts in (("full", full), ("partial", partial))
  ]
  (found,) = compare(sets[0], sets[1:], 1.5)
  relative = [np.array(counts) / np.mean(counts) for counts in (full, partial)]
  error = math.sqrt(sum(np.sum((values - 1) ** 2) for values in relative) / 5 * (1 / 3 + 1 / 4))
  reach = stats.t.ppf(0.95, 5) * error
  assert found.ratio == pytest.approx(0.5)
  np.testing.assert_allclose(found.interval, (0.5 * math.exp(-reach), 0.5 * math.exp(reach)))


def test_many_cases_have_a_spread_of_their_own():
  """Welch: the error is that of the wide set alone when the other does not vary."""
  wide = np.array([20, 30, 40, 50, 60, 70, 80])
  sets = [
    CaseSet(
      name,
      ("liver",),
      tuple(
        measure(case(f"{name}{n}_{index}", ("liver",), liver=int(n)), ORGANS)
        for index, n in enumerate(counts)
      ),
    )
    for name, counts in (("a", [50] * 8), ("b", wide))
  ]
  (found,) = compare(sets[0], sets[1:], 1.5)
  reach = stats.t.ppf(0.95, 6) * np.std(wide / 50, ddof=1) / math.sqrt(7)
  np.testing.assert_allclose(found.interval, (math.exp(-reach), math.exp(reach)))


def test_one_labelled_case_is_enough_against_a_gross_difference():
  rng = np.random.default_rng(3)
  full = [case("f", ORGANS, **ML)]
  assert verdicts(full, patients(rng, 12, ("liver",), depth=400))["liver", "liver"].verdict == FAILS
  assert verdicts(full, patients(rng, 12, ("liver",), depth=120))["liver", "liver"].verdict == UNCLEAR


def test_two_cases_tell_nothing():
  rng = np.random.default_rng(4)
  found = verdicts(patients(rng, 24), patients(rng, 2, ("liver",), depth=1000))["liver", "liver"]
  assert found.verdict == UNCLEAR and found.interval is None


def test_a_removed_organ_counts_as_zero():
  """A third of the patients lost the organ: its share over all is two thirds, in both sets or in one."""
  rng = np.random.default_rng(5)
  partial = [
    *patients(rng, 20, ("pancreas",)),
    *(case(f"gone{number}", ("pancreas",)) for number in range(10)),
  ]
  found = verdicts(patients(rng, 24), partial)["pancreas", "pancreas"]
  assert (found.cases, found.absent) == (30, 10) and found.ratio == pytest.approx(2 / 3, rel=0.1)


def test_an_organ_without_a_voxel_in_all_cases():
  rng = np.random.default_rng(6)
  empty = [case(f"e{number}", ("spleen",)) for number in range(5)]
  found = verdicts(patients(rng, 24), empty)["spleen", "spleen"]
  assert found.verdict == FAILS and found.ratio == 0 and found.interval is None
  # Of 20 labelled cases half have none either: three empty ones are no surprise.
  rare = [
    case(f"f{number}", ORGANS, liver=1000, pancreas=80, spleen=200 * (number % 2)) for number in range(20)
  ]
  assert verdicts(rare, empty[:3])["spleen", "spleen"].verdict == UNCLEAR


def test_an_organ_that_no_labelled_case_has():
  rng = np.random.default_rng(7)
  full = [case(f"f{number}", ORGANS, liver=1000, pancreas=80) for number in range(6)]
  found = verdicts(full, patients(rng, 6, ("liver", "spleen")))
  assert found["liver, spleen", "spleen"].verdict == NO_PRIOR and math.isnan(
    found["liver, spleen", "spleen"].ratio
  )


def test_cases_without_any_spread():
  full, partial = (
    [case(f"{name}{n}", annotated, liver=size) for n in range(8)]
    for name, annotated, size in (("f", ORGANS, 1000), ("p", ("liver",), 1000))
  )
  assert verdicts(full, partial)["liver", "liver"].verdict == HOLDS
  twice = [case(f"p{n}", ("liver",), liver=2000) for n in range(8)]
  assert verdicts(full, twice)["liver", "liver"].verdict == FAILS
