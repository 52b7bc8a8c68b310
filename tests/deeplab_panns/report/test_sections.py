"""The order of the sections, and what stands above them."""

import pytest

from deeplab_panns.report import sections
from deeplab_panns.report.picture_sections import Pictures
from deeplab_panns.report.results import compared
from tests.deeplab_panns.report.conftest import FULL, PANNS, scored_run


def built(folder, *runs):
  found = {section.anchor: section for section in sections.build(compared.build(runs), Pictures(folder))}
  return {anchor: " ".join(section.pieces) for anchor, section in found.items()}


def test_what_can_be_shown_of_scores_alone(tmp_path):
  found = built(tmp_path, scored_run("full", FULL), scored_run("panns", PANNS))
  assert list(found) == [
    *("methods", "organs", "overlays", "worst", "confusion", "volumes", "training", "prior", "prior_check"),
    *("seeds", "runs"),
  ]
  assert "Gain against full, points of Dice" in found["organs"] and "p .031*" in found["organs"]
  assert [path.name for path in tmp_path.iterdir()] == ["dice_boxes.png"]
  assert found["seeds"].startswith('<p class="absent">One seed per method')


def test_one_method_has_no_gains_and_two_seeds_have_a_table(tmp_path):
  found = built(tmp_path, scored_run("full", FULL), scored_run("full", FULL, seed=1))
  assert "Gain against" not in found["organs"] and "mean ± sd over seeds" in found["seeds"]


@pytest.mark.parametrize("runs, paragraphs", [(["full"], 2), (["full", "panns"], 3)])
def test_the_lead_sets_each_method_against_the_baseline(runs, paragraphs):
  lead = sections.lead(compared.build([scored_run(mode, FULL) for mode in runs]))
  assert len(lead) == paragraphs and "the baseline." in lead[0]
  assert lead[-1].startswith('<p class="note">Dice in % on 7 cases')
