"""Which sets of a store disagree with its labelled cases."""

import math

import numpy as np
import pytest

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
  assert len(found.unlabeled.cases) == 1


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


def test_where_cases_count_alike_a_few_large_scans_do_not_decide():
  """Nine ordinary livers and three whole bodies: of all voxels a third of q, of all cases three quarters."""
  rng = np.random.default_rng(12)
  partial = [*patients(rng, 9, ("liver",)), *patients(rng, 3, ("liver",), depth=900)]
  store, splits = checked(patients(rng, 24), partial)
  by_size, alike = (check.check(store, splits, cases_alike=one).agreements[0].ratio for one in (False, True))
  assert by_size < 0.4 and alike == pytest.approx((9 + 3 / 9) / 12, rel=0.1)
  assert not check.cases_that_agree(store, splits)
  assert check.cases_that_agree(store, splits, cases_alike=True) == {case.id for case in partial}
  assert check.disagreements(store, splits, cases_alike=True) == []


def test_unlabelled_scans_of_another_field_of_view_are_named_and_left_out():
  rng = np.random.default_rng(13)
  alike = [*patients(rng, 12, ("liver",)), case("u", ())]
  long = [case(f"long_{number}", (), (400, 100, 100)) for number in range(3)]
  store, splits = checked(patients(rng, 24), [*alike, *long])
  line, _ = check.disagreements(store, splits)
  assert line.startswith("s: 3 of 4 unlabelled cases show another field of view")
  assert "long_0 (400 x 100 x 100 mm) and 2 more" in line
  assert check.disagreements(store, splits, anchored=True) == []  # they have no anchor
  assert check.cases_that_agree(store, splits) == {case.id for case in alike}
  assert check.disagreements(*checked(patients(rng, 24), alike)) == []
