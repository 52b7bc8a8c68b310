"""Which flagfile a store is told to take, and that the reason is what the study's tables say."""

import csv
import dataclasses
import itertools
import pathlib
import re

import numpy as np
import pytest

from data.organs import BTCV_ORGANS
from data.stored.splits import Splits
from data.stored.store import Store, StoredCase
from data.synthetic import field_of_view
from data.synthetic.phantom_ct import draw_case
from deeplab_panns.prior_check import check
from deeplab_panns.prior_check.recipe import (
  BEST,
  BEST_3D,
  MARGINAL,
  MARGINAL_3D,
  recipe,
  with_many_labeled,
  with_unequal_sets,
)
from tests.conftest import ROOT
from tests.deeplab_panns.prior_check.patients import ORGANS, checked, patients

WEIGHTINGS = ("folds 0 and 1, all cases alike", "folds 0 and 1, `--case_weighting=root`")


def of_partial(count, **scans):
  rng = np.random.default_rng(9)
  store, splits = checked(patients(rng, 24), patients(rng, count, ("liver",), **scans))
  line = recipe(check.check(store, splits))
  for anchored in (False, True):
    warned = check.disagreements(store, splits, anchored)
    assert not warned or warned[-1] == f"{store.path}: {line}"  # train names the same
  assert bool(warned) == (MARGINAL in line)
  return line


@pytest.mark.parametrize(
  "count, scans, flagfile, of_3d",
  [
    (24, {}, BEST, BEST_3D),
    (24, {"depth": 300}, MARGINAL, MARGINAL_3D),
    (24, {"depth": 60}, BEST, BEST_3D),
    (2, {}, BEST, BEST_3D),
  ],
  ids=["the prior holds", "the scans are longer", "the scans are shorter", "too few cases to tell"],
)
def test_the_flagfile(count, scans, flagfile, of_3d):
  line = of_partial(count, **scans)
  assert line.startswith(f"Recipe: {flagfile} (in 3-D {of_3d}), since") and "\n" not in line
  assert len(line) <= 330 and (ROOT / flagfile).is_file() and (ROOT / "experiments" / of_3d).is_file()


# Cohorts of experiments/study, by partial_fields of data.phantom: placed-logits won on each.
FIELDS = ["full", "upper", "liver_box", "full,full,liver_box"]


SEEDS = [100, 104, 107]  # 104: in upper scans the shares of the annotated organs happen to be right


@pytest.fixture(scope="module", params=SEEDS)
def drawn(request):
  """A cohort of the study, coarser: 3 fully labelled patients, 18 partial ones."""
  roles = [("labeled", 3), ("partial", 18)]
  return {
    role: [draw_case(request.param, role, index, 32) for index in range(count)] for role, count in roles
  }


def stored(case_id, one, annotated):
  kept = np.isin(one.label, [1 + BTCV_ORGANS.index(organ) for organ in annotated])
  counts = np.bincount(np.where(kept, one.label, 0).ravel(), minlength=14).tolist()
  voxels = dict(zip(("background", *BTCV_ORGANS), counts))
  spacing_mm = tuple(np.diag(one.affine)[2::-1])
  folder = pathlib.Path("c")
  return StoredCase(folder, case_id, annotated, None, spacing_mm, one.affine, one.label.shape, voxels, {})


@pytest.mark.slow  # the patients of a seed take two seconds
@pytest.mark.parametrize("fields", FIELDS)
def test_the_cohorts_of_the_study_are_told_what_won_on_them(fields, drawn):
  cycle = itertools.cycle(zip(("spleen", "pancreas", "liver"), itertools.cycle(fields.split(","))))
  full = [stored(f"f{index}", one, BTCV_ORGANS) for index, one in enumerate(drawn["labeled"])]
  partial = [
    stored(f"p{index}", field_of_view.crop(one, field, BTCV_ORGANS), (organ,))
    for index, (one, (organ, field)) in enumerate(zip(drawn["partial"], cycle))
  ]
  store = Store(pathlib.Path("s"), BTCV_ORGANS, (*full, *partial), (None,) * 3)
  splits = Splits(tuple(full), tuple(partial), (), ())
  line = recipe(check.check(store, splits))
  assert line.startswith(f"Recipe: {BEST} (in 3-D {BEST_3D}), since") and len(line) <= 330
  warned = check.disagreements(store, splits)
  assert bool(warned) == (fields != "full") and (not warned or warned[-1] == f"s: {line}")
  assert check.disagreements(store, splits, anchored=True) == []


def test_single_slices_are_another_field_of_view():
  rng = np.random.default_rng(3)
  slices = [dataclasses.replace(one, separate_slices=True) for one in patients(rng, 24, ("liver",))]
  line = recipe(check.check(*checked(patients(rng, 24), slices)))
  assert line.startswith(f"Recipe: {MARGINAL}, since 'liver' are single slices")
  results = (ROOT / "experiments" / "README.md").read_text(encoding="utf-8")
  anchored = re.search(r"ahead of `best.flags`' way by ([\d.]+) in the liver", results)
  whole = re.search(r"ahead of PaNN by ([\d.]+) \(", results)
  assert f"cost {whole[1]} points of the liver, the anchored one {anchored[1]} (" in line


def test_labelled_single_slices_are_no_scans():
  """Beside scans their extent along z means nothing; alone they make no atlas."""
  rng = np.random.default_rng(14)
  stacks = [
    dataclasses.replace(one, separate_slices=True, spacing_mm=(4.0, 1.0, 1.0)) for one in patients(rng, 30)
  ]
  partial = patients(rng, 24, ("liver",))
  beside = check.check(*checked([*patients(rng, 24), *stacks], partial))
  assert beside.labeled.extent_mm == (100, 100, 100) and recipe(beside).startswith(f"Recipe: {BEST} ")
  line = recipe(check.check(*checked(stacks, partial)))
  assert line.startswith(
    f"Recipe: {MARGINAL} (in 3-D {MARGINAL_3D}), since the labelled cases are single slices"
  )


def scored(part, cell):
  path = ROOT / "experiments" / "study" / "results" / part / "table.csv"
  (row,) = [row for row in csv.DictReader(path.open(encoding="utf-8")) if row["cell"] == cell]
  return row


def points(part, cell):
  row = scored(part, cell)
  gain = abs(100 * float(row["reference_difference"]))
  return row["reference"], f"{gain:.1f}", row["reference_seeds_ahead"]


def test_one_set_of_longer_scans_decides_though_another_one_is_of_shorter_ones():
  rng = np.random.default_rng(6)
  partial = [*patients(rng, 24, ("liver",), depth=60), *patients(rng, 24, ("spleen",), depth=300)]
  line = recipe(check.check(*checked(patients(rng, 24), partial)))
  assert line.startswith(f"Recipe: {MARGINAL} (in 3-D {MARGINAL_3D}), since 'spleen' covers")


def test_organs_of_other_sizes_in_scans_as_large_take_the_marginal_loss():
  rng = np.random.default_rng(5)
  store, splits = checked(patients(rng, 24), patients(rng, 24, ("liver",), scale=3.0))
  line = recipe(check.check(store, splits))
  assert line.startswith(f"Recipe: {MARGINAL} (in 3-D {MARGINAL_3D}), since organs of 'liver' are of")
  by_cell = {
    cell: 100 * float(scored("fields", cell)["dice"])
    for cell in ("marginal-upper", "best-upper", "marginal-box", "best-box")
  }
  upper, box = (by_cell[f"marginal-{field}"] - by_cell[f"best-{field}"] for field in ("upper", "box"))
  said = f"a wrong prior put aligned.flags {upper:.1f} and {box:.1f} points below the marginal loss"
  assert said in line
  assert check.disagreements(store, splits, anchored=True)[-1] == f"{store.path}: {line}"


@pytest.mark.parametrize(
  "partial, named",
  [
    ([(("spleen",), 1.0, 60), (("liver",), 3.0, 100)], ["liver"]),
    ([(("liver",), 3.0, 60)], ["liver"]),
    ([(("spleen",), 1.0, 60), (("pancreas", "liver"), 0.0, 100)], ["pancreas, liver"]),
    ([(("spleen",), 0.0, 60)], ["spleen"]),
    ([(("spleen",), 1.0, 60), (("liver",), 1.0, 100)], []),
    ([(("spleen",), 0.3, 60)], []),
  ],
  ids=[
    "shorter scans beside larger organs",
    "larger organs in shorter scans",
    "shorter scans beside organs that are nowhere",
    "an organ that no shorter scan shows",
    "shorter scans",
    "organs cut off by shorter scans",
  ],
)
def test_a_smaller_field_of_view_excuses_no_organ_that_it_does_not_explain(partial, named):
  rng = np.random.default_rng(11)
  sets = [one for organs, scale, depth in partial for one in patients(rng, 20, organs, scale, depth)]
  store, splits = checked(patients(rng, 24), sets)
  line = recipe(check.check(store, splits))
  warned = check.disagreements(store, splits, anchored=True)
  assert line.startswith(f"Recipe: {MARGINAL if named else BEST} ") and len(line) <= 330
  assert len(warned) == len(named) + bool(named) and warned[-1:] == [f"{store.path}: {line}"] * bool(named)
  assert all(f"does not hold in '{name}'" in said for name, said in zip(named, warned))


def test_the_reasons_are_in_the_tables():
  gains = [points("place", f"placed-logits{field}") for field in ("", "-upper", "-box")]
  assert [(one[0], one[2]) for one in gains] == [
    (f"marginal{field}", "6") for field in ("", "-upper", "-box")
  ]
  assert f"is {gains[0][1]} points above" in of_partial(24)
  one_of_three = points("onebox", "placed-logits-one-box")
  assert (one_of_three[0], one_of_three[2]) == ("marginal-one-box", "6")
  others = sorted((gains[1][1], gains[2][1], one_of_three[1]), key=float)
  line = of_partial(24, depth=60)
  assert f"is {others[0]} to {others[-1]} points above" in line
  in_3d = [
    points(part, f"placed-logits-{field}")
    for part, field in (("fields3d", "one-box"), ("upper3d", "upper"), ("box3d_again", "box"))
  ]
  assert [one[2] for one in in_3d] == ["6", "8", "8"]  # on every seed
  low, *_, high = sorted((one[1] for one in in_3d), key=float)
  row = scored("box3d", "placed-logits-box")
  assert row["seeds"] == "6"
  assert float(row["reference_interval_low"]) < 0 < float(row["reference_interval_high"])
  not_shown = points("box3d", "placed-logits-box")[1]
  assert f"in 3-D {low} to {high}, but {not_shown} in boxes of six seeds" in line
  assert "(experiments/study: place, onebox, fields3d, upper3d, box3d, box3d_again)." in line


@pytest.mark.parametrize("count, dose", [(6, 6), (11, 6), (12, 12), (23, 12), (24, 24)])
def test_with_many_labelled_cases_partial_ones_are_not_promised_to_help(count, dose):
  rng = np.random.default_rng(7)
  store = checked(patients(rng, count), patients(rng, 24, ("liver",)))
  (line,) = with_many_labeled(check.check(*store))
  table = (ROOT / "experiments/study/results/dose/table.md").read_text(encoding="utf-8")
  gains, shown = [], []
  for cell in ("partial", "panns", "best"):
    row = rf"{cell}-third-{dose} − full-{dose} (\S+) *\| *(\S+) to \S+ \| +(\d) of (\d) "
    gain, low, ahead, seeds = (number.replace("−", "-") for number in re.search(row, table).groups())
    shown.append(float(low) > 0 and ahead == seeds)
    gains.append(gain)
  naive, panns, aligned = gains
  assert line.startswith(f"With {dose} labelled phantoms")
  assert f"by {naive} points by naive pseudo-labels, {panns} by PaNN and {aligned} by an averaged" in line
  said = {
    (False, False, False): "no gain that was shown",
    (False, False, True): "the last alone on every seed",
  }
  assert f", {said[tuple(shown)]} (experiments" in line


def test_of_few_labelled_cases_nothing_of_the_kind_is_said():
  rng = np.random.default_rng(7)
  assert with_many_labeled(check.check(*checked(patients(rng, 5), patients(rng, 24, ("liver",))))) == []


@pytest.mark.parametrize("counts, said", [((24, 6), True), ((20, 6), False), ((3, 40, 9), True)])
def test_sets_of_very_different_size_are_named_with_the_weighting_for_them(counts, said):
  rng = np.random.default_rng(8)
  partial = [one for n, organ in zip(counts, ORGANS) for one in patients(rng, n, (organ,))]
  lines = with_unequal_sets(check.check(*checked(patients(rng, 5), partial)))
  assert bool(lines) == said
  if len(counts) == 3:
    assert lines[0].startswith("Sets of 40, 9 and 3 cases: of slices --case_weighting=root draws")
    text = (ROOT / "experiments" / "README.md").read_text(encoding="utf-8")
    rows = {row: re.search(rf"\| .*{row}.* \| (\S+) \| (\S+) \| (\S+) \|\n", text) for row in WEIGHTINGS}
    for organ in (1, 2, 3):
      equal, root = (found[organ].strip("*") for found in rows.values())
      assert f"{equal} to {root}" in lines[0]


def test_of_many_sets_the_largest_and_the_smallest_are_named():
  rng = np.random.default_rng(8)
  annotated = [one for size in (1, 2) for one in itertools.combinations(ORGANS, size)]
  partial = [one for n, organs in zip((24, 1, 1, 2, 1, 1), annotated) for one in patients(rng, n, organs)]
  (line,) = with_unequal_sets(check.check(*checked(patients(rng, 5), partial)))
  assert line.startswith("Sets of 24 to 1 cases: of slices")
