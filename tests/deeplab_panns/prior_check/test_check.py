"""Does the prior hold? Verdicts on cases whose organs and scans are known."""

import csv
import math
import pathlib
import re
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from data.input_error import InputError
from data.stored.splits import Splits, split
from data.stored.store import Store, StoredCase, read_store
from deeplab_panns import train
from deeplab_panns.prior_check import agreement_figure, check, share_agreement
from deeplab_panns.prior_check.share_agreement import (
  ALL_PARTIAL,
  FAILS,
  HOLDS,
  NO_PRIOR,
  UNCLEAR,
  CaseSet,
  compare,
  measure,
  partial_sets,
)
from tests.conftest import make_store, run_command, write_raw

ORGANS = ("liver", "spleen", "pancreas")
ML = {"liver": 1500, "spleen": 200, "pancreas": 80}


def case(case_id, annotated, shape=(100, 100, 100), **voxels):
  """A case of 1 mm voxels; organs that are not named have none."""
  counts = {organ: voxels.get(organ, 0) for organ in ORGANS}
  counts["background"] = int(np.prod(shape)) - sum(counts.values())
  return StoredCase(
    pathlib.Path("c"), case_id, tuple(annotated), None, (1.0, 1.0, 1.0), np.eye(4), shape, counts, {}
  )


def patients(rng, count, annotated=ORGANS, scale=1.0, depth=100, spread=0.2):
  """Cases whose organs vary by `spread` about ML (in voxels) times `scale`, in scans of depth x 100 x 100
  voxels."""
  sizes = [
    {organ: int(scale * ML[organ] * rng.lognormal(-(spread**2) / 2, spread)) for organ in annotated}
    for _ in range(count)
  ]
  return [
    case(f"{'_'.join(annotated)}_{number}", annotated, (depth, 100, 100), **voxels)
    for number, voxels in enumerate(sizes)
  ]


def checked(full, partial):
  store = Store(pathlib.Path("s"), ORGANS, (*full, *partial), (None,) * 3)
  return store, Splits(tuple(full), tuple(partial), (), ())


def verdicts(full, partial):
  return {(a.set_name, a.organ): a for a in check.check(*checked(full, partial)).agreements}


def test_shares_by_hand():
  """Pooled, not the mean of shares: a large scan counts by its size."""
  cases = [
    measure(case("a", ORGANS, (10, 10, 10), liver=100), ORGANS),
    measure(case("b", ORGANS, (10, 10, 30), liver=100), ORGANS),
  ]
  one = CaseSet("x", ORGANS, tuple(cases))
  assert one.pooled_share("liver") == 200 / 4000
  np.testing.assert_allclose(one.shares("liver"), [0.1, 100 / 3000])
  np.testing.assert_allclose(one.deviations("liver"), [(100 - 50) / 100, (100 - 150) / 100])
  assert (
    one.mean_ml("liver") == pytest.approx(0.1) and one.extent_mm == (10, 10, 20) and one.absent("spleen") == 2
  )


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
        measure(case(f"{name}{n}{place}", ("liver",), liver=int(n)), ORGANS) for place, n in enumerate(counts)
      ),
    )
    for name, counts in (("a", [50] * 8), ("b", wide))
  ]
  (found,) = compare(sets[0], sets[1:], 1.5)
  reach = stats.t.ppf(0.95, 6) * np.std(wide / 50, ddof=1) / math.sqrt(7)
  np.testing.assert_allclose(found.interval, (math.exp(-reach), math.exp(reach)))


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


def test_a_longer_scan_is_a_field_of_view():
  rng = np.random.default_rng(1)
  full, partial = patients(rng, 24), patients(rng, 12, ("liver",), depth=300)
  found = verdicts(full, partial)["liver", "liver"]
  assert (
    found.verdict == FAILS
    and found.ratio == pytest.approx(1 / 3, rel=0.2)
    and found.volume_ratio == pytest.approx(1, rel=0.2)
  )
  (line,) = check.disagreements(*checked(full, partial))
  assert (
    "'liver' (12 cases)" in line
    and "cover 300 x 100 x 100 mm" in line
    and "crop both" in line
    and "\n" not in line
  )


def test_the_cases_of_a_set_that_disagrees_can_be_left_out():
  rng = np.random.default_rng(1)
  full, long, alike = (
    patients(rng, 24),
    patients(rng, 12, ("liver",), depth=300),
    patients(rng, 12, ("spleen",)),
  )
  assert check.cases_that_agree(*checked(full, [*long, *alike])) == {case.id for case in alike}
  excluding, ignoring = (
    SimpleNamespace(prior_mismatch=name, holds_to_prior=True) for name in ("exclude", "ignore")
  )
  assert train.prior_cases(*checked(full, [*long, *alike]), excluding) == {case.id for case in alike}
  assert train.prior_cases(*checked(full, [*long, *alike]), ignoring) is None
  with pytest.raises(InputError, match="holds in no partial set"):
    train.prior_cases(*checked(full, long), excluding)


def test_larger_organs_are_no_field_of_view():
  rng = np.random.default_rng(2)
  full, partial = patients(rng, 24), patients(rng, 12, ("spleen",), scale=2.5)
  (line,) = check.disagreements(*checked(full, partial))
  assert re.search(r"spleen 2\.[3-7] times the volume", line)
  assert "cropping will not help" in line and "annotate some of these cases in full" in line


def test_shorter_scans_may_cut_organs_off():
  rng = np.random.default_rng(2)
  full, partial = patients(rng, 24), patients(rng, 12, ("spleen",), scale=0.1, depth=60)
  (line,) = check.disagreements(*checked(full, partial))
  assert (
    "60 x 100 x 100 mm" in line
    and "may end within the organs (spleen 0." in line
    and "--partial_loss=marginal" in line
  )


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
  assert check.verdict(found) == "does not hold: absent in all"
  (line,) = check.disagreements(*checked(patients(rng, 24), empty))
  assert 'correct "annotated" or "labels"' in line
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
  assert check.disagreements(*checked(full, patients(rng, 6, ("spleen",)))) == []


def test_cases_without_any_spread():
  full, partial = (
    [case(f"{name}{n}", annotated, liver=size) for n in range(8)]
    for name, annotated, size in (("f", ORGANS, 1000), ("p", ("liver",), 1000))
  )
  assert verdicts(full, partial)["liver", "liver"].verdict == HOLDS
  twice = [case(f"p{n}", ("liver",), liver=2000) for n in range(8)]
  assert verdicts(full, twice)["liver", "liver"].verdict == FAILS


def test_sets_that_share_organs_are_pooled():
  """Cases that lost labels one by one: no set of them can be judged, all together can."""
  rng = np.random.default_rng(8)
  partial = [
    *patients(rng, 2, ("liver", "spleen"), depth=300),
    *patients(rng, 2, ("liver", "pancreas"), depth=300),
    case("u", ()),
  ]
  sets = partial_sets([measure(one, ORGANS) for one in partial], ORGANS)
  assert [(one.name, len(one.cases)) for one in sets] == [
    ("liver, spleen", 2),
    ("liver, pancreas", 2),
    (ALL_PARTIAL, 4),
  ]
  assert sets[-1].organs == ("liver",)
  found = check.check(*checked(patients(rng, 24), partial))
  assert [one.name for one in found.failing()] == [ALL_PARTIAL]
  assert [one.name for one in found.shown_sets()] == [
    "liver, spleen",
    "liver, pancreas",
    ALL_PARTIAL,
  ]  # spleen and pancreas stand there alone
  assert "1 unlabelled cases: nothing to compare." in check.conclusions(found, 1.5, False)


def test_names_of_many_organs_stay_short_and_apart():
  organs = tuple("abcde")
  cases = [
    share_agreement.CaseSizes(str(n), annotated, dict.fromkeys(organs, 1), 10, 1.0, (1.0,) * 3)
    for n, annotated in enumerate((organs[:4], (*organs[:3], "e")))
  ]
  assert [one.name for one in partial_sets(cases, organs)][:2] == [
    "a and 3 more (set 1)",
    "a and 3 more (set 2)",
  ]


def test_the_body_only_forgets_the_air(tmp_path):
  """The same patient in wider air: the raw share falls, that of the body does not; air inside an organ does
  not count."""
  cases = []
  for pad in (0, 6):
    image = np.pad(np.full((4, 8, 8), 90, np.uint8), ((0, 0), (pad, pad), (pad, pad)))
    label = np.pad(np.tile(np.eye(8, dtype=np.uint8), (4, 1, 1)), ((0, 0), (pad, pad), (pad, pad)))
    image[0, pad, pad] = 0
    label[1, pad, pad] = 255
    folder = tmp_path / str(pad)
    folder.mkdir()
    np.save(folder / "image.npy", image)
    np.save(folder / "label.npy", label)
    counts = {
      "background": int(np.sum(label == 0)),
      "liver": int(np.sum(label == 1)),
      "spleen": 0,
      "pancreas": 0,
    }
    cases.append(
      StoredCase(folder, str(pad), ("liver",), None, (1.0,) * 3, np.eye(4), image.shape, counts, {})
    )
  raw, body = ([measure(one, ORGANS, body_only) for one in cases] for body_only in (False, True))
  assert raw[1].total > 4 * raw[0].total
  assert body[0].voxels == body[1].voxels == {"background": 4 * 56, "liver": 30, "spleen": 0, "pancreas": 0}


def test_a_scan_without_a_body_is_named(tmp_path):
  np.save(tmp_path / "image.npy", np.zeros((2, 4, 4), np.uint8))
  np.save(tmp_path / "label.npy", np.zeros((2, 4, 4), np.uint8))
  empty = StoredCase(
    tmp_path, "x", ("liver",), None, (1.0,) * 3, np.eye(4), (2, 4, 4), {"background": 32}, {}
  )
  with pytest.raises(InputError, match="no voxel above -125 HU"):
    measure(empty, ORGANS, body_only=True)


def test_tables_and_picture():
  rng = np.random.default_rng(9)
  full = patients(rng, 8)
  found = check.check(
    *checked(full, [*patients(rng, 8, ("liver",), depth=300), case("gone", ("liver",), liver=0)])
  )
  header, row = check.verdict_table(found)
  shown = dict(zip(header, row))
  assert (
    shown["partial set"] == shown["organ"] == "liver" and shown["cases"] == "9" and shown["absent"] == "1"
  )
  assert shown["verdict"].startswith("does not hold: 0.")
  sets, cases = (list(csv.DictReader(text.splitlines())) for text in check.csv_tables(found))
  assert len(sets) == 1 and len(cases) == 8 * 3 + 9
  assert float(sets[0]["ratio"]) == pytest.approx(float(sets[0]["share"]) / float(sets[0]["q"]))
  assert {row["set"] for row in cases} == {check.LABELED, "liver"}
  lines = check.conclusions(found, 1.5, False)
  assert (
    "does not hold 1" in lines[0] and "--body_only" in lines[2] and lines[3].endswith("spleen, pancreas.")
  )
  assert agreement_figure.draw(found, 1.5, False).startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_command(tiny_store, tmp_path):
  result = run_command(
    "deeplab_panns.prior_check",
    f"--data_dir={tiny_store}",
    f"--output_dir={tmp_path / 'out'}",
    "--fold=0",
    "--body_only",
  )
  assert (
    "q from 3 fully labelled cases, against 2 partial cases" in result.stdout
    and "too few cases to tell" in result.stdout
  )
  assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
    "prior_check.csv",
    "prior_check.png",
    "prior_check_cases.csv",
  ]
  store = read_store(make_store(write_raw(tmp_path / "raw", partial=0), tmp_path / "store"))
  assert check.disagreements(store, split(store, -1, 0.0, 0)) == []
  failed = run_command("deeplab_panns.prior_check", f"--data_dir={store.path}", check=False)
  assert (
    failed.returncode == 1
    and failed.stderr.count("\n") == 1
    and "no partially labelled case" in failed.stderr
  )
