"""Which sets of a store disagree with its labelled cases."""

import math

import numpy as np

from deeplab_panns.prior_check import check
from deeplab_panns.prior_check.case_sets import ALL_PARTIAL
from deeplab_panns.prior_check.share_agreement import HOLDS
from tests.deeplab_panns.prior_check.patients import ORGANS, case, checked, patients, verdicts


def test_alike_patients_pass_and_are_not_warned_of():
  rng = np.random.default_rng(0)
  full, partial = patients(rng, 24), patients(rng, 40, ("liver",))
  found = verdicts(full, partial)
  assert found["liver", "liver"].verdict == HOLDS
  assert check.disagreements(*checked(full, partial)) == []


def test_false_warnings_are_rare():
  """Few cases, three organs, the same law: at most 5 % of the stores are warned of, up to chance."""
  warned = 0
  for seed in range(300):
    rng = np.random.default_rng(seed)
    full, partial = patients(rng, 3, spread=0.5), patients(rng, 6, spread=0.5, annotated=("liver", "spleen"))
    warned += bool(check.disagreements(*checked(full, partial)))
  assert warned <= 300 * 0.05 + 2 * math.sqrt(300 * 0.05)


def test_the_cases_of_a_set_that_disagrees_can_be_left_out():
  rng = np.random.default_rng(1)
  full, long, alike = (
    patients(rng, 24),
    patients(rng, 12, ("liver",), depth=300),
    patients(rng, 12, ("spleen",)),
  )
  assert check.cases_that_agree(*checked(full, [*long, *alike])) == {case.id for case in alike}


def test_sets_that_share_organs_are_pooled():
  """Cases that lost labels one by one: no set of them can be judged, all together can."""
  rng = np.random.default_rng(8)
  partial = [
    *patients(rng, 2, ("liver", "spleen"), depth=300),
    *patients(rng, 2, ("liver", "pancreas"), depth=300),
    case("u", ()),
  ]
  found = check.check(*checked(patients(rng, 24), partial))
  assert [one.name for one in found.failing()] == [ALL_PARTIAL]
  assert [one.name for one in found.shown_sets()] == [
    "liver, spleen",
    "liver, pancreas",
    ALL_PARTIAL,
  ]  # spleen and pancreas stand there alone
  assert found.unlabeled == 1


def test_only_sets_that_fail_by_themselves_are_named_where_there_are_some():
  """The pooled cases fail too, but the set says whose they are."""
  rng = np.random.default_rng(8)
  partial = [*patients(rng, 12, ("liver", "spleen"), depth=300), *patients(rng, 12, ("liver", "pancreas"))]
  found = check.check(*checked(patients(rng, 24), partial))
  assert [one.name for one in found.failing()] == ["liver, spleen"]


def test_an_organ_without_a_prior_is_no_disagreement():
  rng = np.random.default_rng(7)
  full = [case(f"f{number}", ORGANS, liver=1000, pancreas=80) for number in range(6)]
  assert check.disagreements(*checked(full, patients(rng, 6, ("spleen",)))) == []
