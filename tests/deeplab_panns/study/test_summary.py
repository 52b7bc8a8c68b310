"""What a summary compares with what; the committed tables are what the committed scores say."""

import dataclasses

import pytest
from scipy import stats

from deeplab_panns.study.cache import Cache
from deeplab_panns.study.gains import Gain
from deeplab_panns.study.part_tables import write_summary
from deeplab_panns.study.plan import DosePoint, SizePoint, read_part
from deeplab_panns.study.planned_runs import plan_runs
from deeplab_panns.study.summary import GainAtSize, lines_of_series, summarize
from tests.deeplab_panns.study.conftest import CELLS, DICE, PART, PARTS, SEEDS, STUDY


def test_cells_are_compared_with_the_baseline_and_with_their_reference(tiny_summary):
  assert set(tiny_summary.gains) == {"partial", "panns", "oracle"}
  assert set(tiny_summary.gains_over_reference) == {"panns"}
  assert tiny_summary.gains["panns"].gain.difference == pytest.approx(0.1)  # on the seed that both have
  assert tiny_summary.gains_over_reference["panns"].gain.difference == pytest.approx(0.15)
  assert {name: list(gains) for name, gains in tiny_summary.organ_gains.items()} == {
    "panns": ["liver", "spleen"]
  }


def test_the_baseline_is_that_of_the_cells_own_seeds(tiny_summary):
  assert tiny_summary.baseline_there("panns") == pytest.approx(0.5)
  assert tiny_summary.baseline_there("partial") == pytest.approx(0.6)
  assert tiny_summary.baseline_there("soft") is None


def test_p_values_are_corrected_over_the_cells(tiny_summary):
  partial, oracle = (stats.ttest_rel(DICE[name], DICE["full"]).pvalue for name in ("partial", "oracle"))
  assert partial < oracle < 2 * partial
  gains = tiny_summary.gains
  assert gains["oracle"].gain.p == pytest.approx(oracle)
  assert gains["partial"].p == gains["oracle"].p == pytest.approx(2 * partial)
  assert gains["panns"].p is None  # one seed


def test_cells_of_other_unseen_patients_are_not_compared_with_the_baseline(tiny_cache):
  """A cohort of other fields of view has the same unseen patients, one of other anatomy has not."""
  cohorts = {
    **PART.cohorts,
    "box": (("data.phantom", "--partial_fields=liver_box"), ("data.prepare",)),
    "apart": (("data.phantom", "--displacement=2"), ("data.prepare",)),
  }
  on = {"partial": "apart", "panns": "box"}
  cells = tuple(
    dataclasses.replace(cell, cohort=on.get(cell.name, "phantom"), reference=None) for cell in CELLS
  )
  part = dataclasses.replace(PART, cells=cells, cohorts=cohorts)
  runs = [dataclasses.replace(run, cell=cells[CELLS.index(run.cell)]) for run in plan_runs(PART, SEEDS)]
  found = summarize(part, runs, tiny_cache)
  assert len(found.cells) == len(CELLS) and set(found.gains) == {"panns", "oracle"}
  assert (
    found.other_unseen == ["partial"] and found.gaps["partial"] is None and found.gaps["panns"] is not None
  )
  assert found.baseline_there("partial") is None


def test_what_is_missing(tiny_summary):
  assert tiny_summary.seeds == (1, 2, 3, 4, 5, 6)
  assert tiny_summary.missing == {"panns": (2, 3, 4, 5, 6), "soft": (1, 2, 3, 4, 5, 6)}


def test_gaps(tiny_summary):
  gaps = tiny_summary.gaps
  assert gaps["full"] is None and gaps["soft"] is None
  assert gaps["panns"].value == pytest.approx(0.1 / 0.38) and gaps["oracle"].value == pytest.approx(1)
  assert gaps["partial"].value == pytest.approx(-0.15 / 0.93)


@pytest.mark.slow
@pytest.mark.parametrize("name", PARTS)
def test_the_committed_tables_are_what_the_committed_scores_say(name, tmp_path):
  part, cache = read_part(STUDY, name), Cache(STUDY / "results", name)
  write_summary(summarize(part, plan_runs(part), cache), tmp_path)
  for made in sorted(tmp_path.glob("*.[cm]*")):
    assert made.read_text() == (cache.folder / made.name).read_text(), (
      f"{made.name}: make it anew by --summarize"
    )


def test_no_committed_score_is_of_a_run_that_no_part_has():
  planned = {run.key for name in PARTS for run in plan_runs(read_part(STUDY, name))}
  kept = {path.stem.rpartition("-")[2]: path for path in (STUDY / "results").glob("*/*-seed*.csv")}
  assert kept and [str(path) for key, path in kept.items() if key not in planned] == []


def test_gains_at_sizes_are_of_the_seeds_that_have_a_size(tiny_cache, monkeypatch):
  point = SizePoint("all", "full", "partial", "oracle")
  sizes = {1: -0.5, 3: -0.3}
  monkeypatch.setattr(
    Cache, "read_log_size", lambda _, run: sizes.get(run.seed) if run.cell.name == "oracle" else None
  )
  part = dataclasses.replace(PART, points=(point, dataclasses.replace(point, sizes="full")))
  (found,) = summarize(part, plan_runs(part, SEEDS), tiny_cache).gains_at_sizes
  assert found.log_sizes == sizes and found.log_size == pytest.approx(-0.4)
  assert found.gain.by_seed == {1: pytest.approx(-0.05), 3: pytest.approx(-0.04)}


def test_gains_at_doses_tell_the_labelled_patients_of_the_upper_cell(tiny_cache):
  cohorts = {"phantom": (("data.phantom", "--labeled_cases=3"), ("data.prepare",))}
  part = dataclasses.replace(PART, doses=(DosePoint("partial", "full", "partial"),), cohorts=cohorts)
  (found,) = summarize(part, plan_runs(PART, SEEDS), tiny_cache).gains_at_doses
  assert found.labeled == 3 and set(found.gain.by_seed) == set(SEEDS)
  assert found.gain.difference == pytest.approx(-0.05)


def test_where_a_line_crosses_zero():
  def item(series, *pairs):
    sizes, gains = ({seed: pair[k] for seed, pair in enumerate(pairs)} for k in (0, 1))
    return GainAtSize(SizePoint(series, "full", "partial", "stage1"), sizes, Gain(gains))

  found = [
    item("a", (-0.6, -0.04), (-0.4, -0.02)),
    item("a", (0.0, 0.02)),
    item("level", (-1, 0.01), (0, 0.01)),
    item("beyond", (-1, 0.01), (-0.5, 0.02)),
    item("one size", (-1, 0.0), (-1, 0.5)),
  ]
  lines = lines_of_series(found)
  zeros = {series: line.zero for series, line in lines.items()}
  assert zeros == {"a": pytest.approx(-0.2), "level": None, "beyond": None, "one size": None}
  assert (lines["a"].least, lines["a"].most) == (-0.6, 0.0)
  assert lines["one size"].start == pytest.approx(0.25)
