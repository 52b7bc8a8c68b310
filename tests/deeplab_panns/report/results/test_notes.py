"""What is said of the results follows from what was compared."""

import dataclasses

import numpy as np
import pytest

from deeplab_panns.report.results import compared, notes
from tests.deeplab_panns.report.conftest import FULL, PANNS, scored_run
from tests.deeplab_panns.report.results.test_compared import of_patients
from tests.deeplab_panns.report.results.test_gains import of_seed


def of_seeds(count):
  """Two methods on patients that each seed has for itself."""
  return compared.build(
    [of_seed(m, table, seed) for seed in range(count) for m, table in (("full", FULL), ("panns", PANNS))]
  )


def test_the_note_counts_cases_seeds_and_exclusions():
  panns = PANNS.copy()
  panns[0, 1] = np.nan
  runs = [scored_run("full", FULL), scored_run("full", FULL, 1), scored_run("panns", panns)]
  note = notes.note(compared.build(runs))
  assert note.startswith(
    "Dice in % on 7 cases of the test split, on the store's grid; 1 to 2 seeds per method, a"
  )
  assert "(pairs over all runs: full 0, panns 1)" in note and "Fewer than" not in note


def test_few_pairs_are_said():
  note = notes.note(compared.build([scored_run("full", FULL[:1])]))
  assert "on 1 case of" in note and "; 1 seed per method" in note
  assert note.endswith("Fewer than 6 cases: no p-values, no intervals.")
  assert notes.note(of_seeds(5)).endswith("Fewer than 6 seeds: no p-values, no intervals.")


def test_pairs_are_seeds_where_these_have_cases_of_their_own():
  cases, seeds = compared.build([scored_run("full", FULL), scored_run("panns", PANNS)]), of_seeds(6)
  assert (cases.pairs.kind, seeds.pairs.kind) == ("cases", "seeds")
  assert "paired over cases" in notes.how_tested(cases) and "paired over seeds" in notes.how_tested(seeds)
  assert "6 seeds per method, each with cases of its own." in notes.note(seeds)


def test_pairs_are_patients_where_one_has_several_scans():
  runs = [of_patients(scored_run(*of), c1="c0") for of in (("full", FULL), ("panns", PANNS))]
  found = compared.build(runs)
  assert "paired over patients, of several scans of one their mean, in" in notes.how_tested(found)
  assert notes.against_baseline(found)[1].endswith("6 patients).")


def test_each_method_is_set_against_the_baseline():
  runs = [scored_run("full", FULL), scored_run("panns", PANNS), scored_run("semi", FULL - 0.02)]
  full, panns, semi = notes.against_baseline(compared.build(runs))
  # the case means are .70, .60, .65, .65, .65, .65, .70
  assert full == "full: mean Dice 65.7 ± 3.5 %, the baseline."
  assert panns.startswith("panns: +3.4 points against full (95 % interval +") and "Wilcoxon p = .031" in panns
  assert semi.startswith("semi: −2.0 points against full") and semi.endswith("t-test p < .001; 7 cases).")


def test_without_enough_pairs_there_is_no_p():
  runs = [scored_run("full", FULL[:2]), scored_run("panns", PANNS[:2])]
  (_, sentence) = notes.against_baseline(compared.build(runs))
  assert sentence == "panns: +3.5 points against full; a test needs 6 cases or more, this has 2."


@pytest.mark.parametrize("seed, says", [(None, "runs without seeds."), (0, "1 seed per method")])
def test_label_files_have_no_seeds(seed, says):
  assert says in notes.note(compared.build([scored_run("full", FULL, seed)]))


def test_cases_of_the_training_are_told():
  run = scored_run("full", FULL)
  seen = dataclasses.replace(run, summary={**run.summary, "seen_in_training": ["c1", "c0"]})
  assert "2 of 7 cases were seen in training (c0, c1)" in notes.note(compared.build([seen]))
  assert "seen in training" not in notes.note(compared.build([run]))
  unknown = dataclasses.replace(run, summary={**run.summary, "seen_in_training": None})
  assert "Of 1 run it is not known which cases were seen" in notes.note(compared.build([unknown]))


def test_runs_that_ended_early_and_cases_that_were_not_scored_are_named():
  def run(mode, seed, **summary):
    made = scored_run(mode, FULL, seed)
    settings = {**made.settings, "stage1_steps": 40, "stage2_steps": 30}
    return dataclasses.replace(
      made, settings=settings, summary={**made.summary, "checkpoint": "last", **summary}
    )

  whole, early = run("full", 0, step=70), run("panns", 0, step=4, not_scored={"c9": "has another grid"})
  assert "before the end" not in notes.note(compared.build([whole]))
  text = notes.note(compared.build([whole, early]))
  assert " Scored before the end of training: panns0: step 4 of 70." in text
  assert " Cases that could not be scored are left out (panns0: c9)." in text
