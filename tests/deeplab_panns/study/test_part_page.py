"""The page of a part: its numbers, hypotheses, and what is missing."""

import dataclasses
import re

from deeplab_panns.study.gains import Gain, gap_closed
from deeplab_panns.study.part_page import as_markdown
from deeplab_panns.study.plan import DosePoint, SizePoint
from deeplab_panns.study.planned_runs import plan_runs
from deeplab_panns.study.summary import GainAtDose, GainAtSize, summarize
from tests.deeplab_panns.study.conftest import PART, constant_scores


def row(page, name):
  """The cells of a line of the table."""
  (line,) = re.findall(rf"^\| {name} +\|.*$", page, re.MULTILINE)
  return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_row_by_hand(tiny_summary):
  found = row(as_markdown(tiny_summary), "partial")
  assert found[:4] == ["partial", "55.0 ± 9.4", "6", "60.0"]
  assert found[4] == "−5.0" and found[7:10] == ["0 of 6", "–", "–"]
  assert found[-3:] == ["−16 % (−20 to −13)", "18", "0"]
  alone = row(as_markdown(tiny_summary), "panns")
  assert alone[1:4] == ["60.0", "1", "50.0"] and alone[4:8] == ["+10.0", "too few seeds", "–", "1 of 1"]
  assert alone[8:10] == ["partial", "+15.0"] and alone[-3] == "26 %"


def test_nothing_is_dropped_silently(tiny_summary):
  page = as_markdown(tiny_summary)
  assert "## Missing\n\n- panns: seeds 2, 3, 4, 5, 6\n- soft: seeds 1, 2, 3, 4, 5, 6\n" in page
  assert set(row(page, "soft")[2:]) == {"–"} and row(page, "soft")[1] == "not run"


def test_a_second_gap_where_an_oracle_shares_stage_1(tiny_summary):
  """With its own stage 1 the oracle is 38, 30 and 25 points above full; here one that is 10 above it."""
  cells = tiny_summary.cells
  near = constant_scores("near", 0.6, 0.7, 0.8, 0.6, 0.7, 0.8)
  gaps = {
    "partial": gap_closed(
      cells["partial"], cells["full"], dataclasses.replace(near, cases=cells["full"].cases)
    )
  }
  page = as_markdown(dataclasses.replace(tiny_summary, gaps_same_stage1=gaps))
  assert "Gap closed to oracle-same-stage1, " in page and ": partial −50 % (−60 to −40).\n" in page
  assert "same-stage1" not in as_markdown(tiny_summary)


def test_the_hypotheses_are_judged(tiny_summary):
  page = as_markdown(tiny_summary)
  assert (
    "full < partial, p < 0.05: **the opposite holds**; partial − full = −5.0 (−5.9 to −4.1), p < .001, "
    "signed-rank p .031, ahead in 0 of 6 seeds." in page
  )
  assert (
    "partial < panns, p < 0.05: **too few seeds for a test**; panns − partial = +15.0 (too few seeds), p –, "
    "signed-rank p –, ahead in 1 of 1 seeds." in page
  )
  assert "panns < soft, p < 0.05: **not run**." in page
  assert "0 of the 1 that were tested hold. 1 with too few seeds for a test. 1 not run." in page


def test_it_tells_its_seeds_and_how_it_is_made(tiny_summary):
  assert "of seeds 1, 2, 3, 4, 5, 6, each with patients of its own" in as_markdown(tiny_summary)
  assert "`python -m deeplab_panns.study --part=tiny`" in as_markdown(tiny_summary)


def test_a_part_of_which_nothing_was_run(tiny_cache):
  page = as_markdown(summarize(PART, plan_runs(PART, [9]), tiny_cache))
  assert "- full: seeds 9" in page and "0 of the 0 that were tested hold. 3 not run." in page


def test_gains_at_sizes_are_a_table(tiny_summary):
  point = SizePoint("partial - full", "full", "partial", "stage1-6")
  found = GainAtSize(point, {1: -0.5, 2: -0.3}, Gain({1: -0.03, 2: 0.01}))
  page = as_markdown(dataclasses.replace(tiny_summary, gains_at_sizes=(found,)))
  row = next(line for line in page.splitlines() if "stage1-6" in line)
  assert [cell.strip() for cell in row.split("|")[1:-1]] == [
    "partial - full",
    "stage1-6",
    "-0.40",
    "partial − full −1.0",
    "too few seeds",
    "1 of 2",
  ]
  assert "(–: not among their sizes): partial - full: -0.35. sizes.png" in page
  assert "sizes.png" not in as_markdown(tiny_summary)


def test_gains_at_doses_are_a_table(tiny_summary):
  found = GainAtDose(DosePoint("partial", "full-6", "partial-6"), 6, Gain({1: -0.03, 2: -0.01}))
  page = as_markdown(dataclasses.replace(tiny_summary, gains_at_doses=(found,)))
  row = next(line for line in page.splitlines() if "partial-6" in line)
  assert [cell.strip() for cell in row.split("|")[1:-1]] == [
    "partial",
    "6",
    "partial-6 − full-6 −2.0",
    "too few seeds",
    "0 of 2",
  ]
  assert "doses.png" in page and "doses.png" not in as_markdown(tiny_summary)
