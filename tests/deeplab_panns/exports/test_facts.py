"""What an export says of its run: read from run, store and last evaluation, and nothing guessed."""

import dataclasses
import json
import pathlib
import types

import pytest

from data.stored.store import read_store
from deeplab_panns.exports.facts import facts_of, scores_of
from deeplab_panns.runs.run_directory import fingerprint
from tests.conftest import TINY_FLAGS, TINY_ORGANS
from tests.train_flags import experiment as experiment_of


@pytest.fixture
def run(tiny_store, tmp_path):
  """An opened run of the tiny store, as far as facts look at it."""
  store = read_store(tiny_store)
  experiment = experiment_of(
    *TINY_FLAGS, "--fold=0", "--validation_fraction=0.4", spacing_mm=store.spacing_mm
  )
  return types.SimpleNamespace(
    directory=types.SimpleNamespace(path=pathlib.Path(tmp_path)),
    experiment=experiment,
    organs=store.organs,
    data_dir=str(tiny_store),
    segmenter=types.SimpleNamespace(grid=experiment.input_grid),
    step=8,
    scans={},
    fingerprint=fingerprint(store),
    patients="",
  )


def evaluated(run, **changes):
  organs = {"liver": {"dice": 0.9, "dice_sd": 0.1, "cases": 3, "excluded": 1}}
  header = {
    "split": "val",
    "step": 8,
    "run_dirs": ["r"],
    "seen_in_training": [],
    "cases": 3,
    "mean_dice": 0.9,
  }
  (run.directory.path / "metrics.json").write_text(json.dumps({**header, "organs": organs, **changes}))


def test_the_facts_of_a_2d_run(run, tiny_store):
  facts = facts_of(run)
  assert json.loads(json.dumps(facts)) == facts and str(tiny_store) not in json.dumps(facts)
  assert facts["organs"] == TINY_ORGANS and facts["window_hu"] == [-125, 275]
  assert (facts["view"], facts["slices_per_input"], facts["spacing_mm"]) == ("axial", 3, [None] * 3)
  cases = facts["training"]["cases"]
  # three full cases, of which 0.4 * 3 = 1 validates; two partial ones with the liver alone; one of fold 0
  assert cases == {
    "labelled": 2,
    "partial": 2,
    "validation": 1,
    "test": 1,
    "annotated": {"liver": 4, "spleen": 2, "pancreas": 2},
  }
  assert facts["training"]["settings"]["crop_size"] == 33 and facts["scores"] is None
  assert "not" in facts["intended_use"].lower()


def test_a_3d_run_has_windows(run):
  experiment = experiment_of("--network=dltk_unet3d", "--patch_size=16,32,64", "--batch_size=4", "--fold=0")
  run.experiment, run.segmenter.grid = experiment, experiment.input_grid
  facts = facts_of(run)
  assert facts["patch_size"] == [16, 32, 64] and facts["overlap"] == 0.5 and "view" not in facts


def test_partial_cases_that_a_run_did_not_use_are_not_counted(run):
  full = dataclasses.replace(run.experiment.stage2, supervision="full")
  run.experiment = dataclasses.replace(run.experiment, stage2=full)
  assert facts_of(run)["training"]["cases"]["partial"] == 0


def test_a_checkpoint_of_stage_1_saw_no_partial_case_and_semi_no_annotation_of_theirs(run):
  semi = dataclasses.replace(run.experiment.stage2, supervision="semi")
  run.experiment = dataclasses.replace(run.experiment, stage2=semi)
  cases = facts_of(run)["training"]["cases"]
  assert cases["partial"] == 2 and cases["annotated"]["liver"] == 2
  run.step = run.experiment.stage1.steps
  assert facts_of(run)["training"]["cases"]["partial"] == 0


def test_a_store_that_is_gone_or_has_changed_is_not_counted(run):
  run.fingerprint = "another"
  assert facts_of(run)["training"]["cases"] is None
  run.data_dir = "/nowhere"
  assert facts_of(run)["training"]["cases"] is None


def test_scores_are_those_of_this_checkpoint_on_unseen_cases(run):
  evaluated(run)
  assert scores_of(run) == {
    "split": "val",
    "cases": 3,
    "mean_dice": 0.9,
    "organs": {"liver": {"dice": 0.9, "sd": 0.1, "n": 2}},
    "chose_checkpoint": False,
  }
  evaluated(run, checkpoint="best")
  assert scores_of(run)["chose_checkpoint"]


def test_scores_of_another_run_or_store_or_of_the_cases_that_were_left_are_none(run, tmp_path):
  own, data = run.directory.path, run.data_dir
  evaluated(run, run_dirs=[str(own)], data_dir=str(data))
  assert scores_of(run) is not None
  for change in (
    {"run_dirs": [str(tmp_path.parent)]},  # another folder that is there
    {"data_dir": str(tmp_path.parent)},
    {"not_scored": {"c7": "has another grid"}},
  ):
    evaluated(run, **{"run_dirs": [str(own)], "data_dir": str(data), **change})
    assert scores_of(run) is None


PLAIN = {"test_scales": [1.0], "crop_to_body": False, "fill_holes": False}


def test_scores_at_one_scale_and_without_mending_are_those_of_the_exported_model(run):
  evaluated(run, test_time=PLAIN)
  assert scores_of(run)["mean_dice"] == 0.9


@pytest.mark.parametrize(
  "change",
  [
    {"step": 7},
    {"split": "all"},
    {"run_dirs": ["r", "s"]},
    {"seen_in_training": ["c"]},
    {"seen_in_training": None},
    {"organs": 3},
    {"test_time": {**PLAIN, "test_scales": [0.75, 1.0]}},
    {"test_time": {**PLAIN, "fill_holes": True}},
  ],
)
def test_other_scores_are_none(run, change):
  evaluated(run, **change)
  assert scores_of(run) is None
