"""All numbers at full precision."""

import pytest

from deeplab_panns.report.results import compared
from deeplab_panns.report.results.gains import organ_gains
from deeplab_panns.report.results.statistics_table import statistics_table
from tests.deeplab_panns.report.conftest import FULL, PANNS, scored_run


@pytest.fixture
def found():
  return compared.build([scored_run("full", FULL), scored_run("panns", PANNS)])


def test_every_digit_is_kept(found):
  header, *rows = statistics_table(found)
  cells = dict(zip(header, next(row for row in rows if row[0] == "panns" and row[2] == "spleen")))
  gain = organ_gains(found, found.others[0])["spleen"]
  assert float(cells["mean_dice"]) == PANNS[:, 1].mean()
  assert float(cells["gain"]) == gain.comparison.difference
  assert float(cells["wilcoxon_p"]) == pytest.approx(2 / 2**7)
  assert float(cells["wilcoxon_p_holm"]) == gain.wilcoxon_p == pytest.approx(4 / 2**7)


def test_each_method_has_a_row_for_each_organ_and_the_mean(found):
  header, *rows = statistics_table(found)
  organs = ("liver", "spleen", "mean")
  assert [tuple(row[:3]) for row in rows] == [
    (m, "full", organ) for m in ("full", "panns") for organ in organs
  ]
  assert all(len(row) == len(header) for row in rows)
  assert all(set(row[5:]) == {""} for row in rows[:3])  # the baseline is not compared with itself
