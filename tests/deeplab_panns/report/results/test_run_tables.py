"""Tables of seeds and runs."""

import dataclasses

from deeplab_panns.report.results import compared
from deeplab_panns.report.results.run_tables import run_table, seed_table
from tests.deeplab_panns.report.conftest import FULL, scored_run


def test_seeds_and_their_differences_by_hand():
  runs = [scored_run("full", FULL, seed) for seed in (0, 1)]
  runs += [scored_run("panns", FULL + 0.02, 0), scored_run("panns", FULL - 0.04, 1)]
  runs += [scored_run("semi", FULL + 0.01, 1)]
  mean = 100 * FULL.mean()
  assert seed_table(compared.build(runs)) == [
    ["method", "seed 0", "seed 1", "mean ± sd over seeds"],
    ["full", f"{mean:.1f}", f"{mean:.1f}", f"{mean:.1f} ± 0.0"],
    ["panns", f"{mean + 2:.1f}", f"{mean - 4:.1f}", f"{mean - 1:.1f} ± 4.2"],
    ["semi", "–", f"{mean + 1:.1f}", f"{mean + 1:.1f}"],
    ["panns − full", "+2.0", "−4.0", "−1.0"],
    ["semi − full", "–", "+1.0", "+1.0"],
  ]


def test_six_seeds_are_tested():
  runs = [scored_run("full", FULL, seed) for seed in range(6)]
  runs += [scored_run("panns", FULL + more, seed) for seed, more in enumerate((0.01, 0.02, 0.03) * 2)]
  assert ", t-test p ." in seed_table(compared.build(runs))[-1][-1]


def test_runs_are_told_by_folder_seed_and_fold():
  run = scored_run("full", [[0.5, 0.7]], seed=3)
  files = dataclasses.replace(run, settings={}, summary={**run.summary, "mean_dice": None, "step": 20})
  header, row = run_table(compared.build([run]))
  assert row == ["full", "full3", "3", "0", "–", "1", "60.0", "0", "0"] and len(header) == len(row)
  assert run_table(compared.build([files]))[1] == ["full3", "full3", "–", "–", "20", "1", "–", "0", "0"]
