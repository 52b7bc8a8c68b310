"""What the report reads of a run, whatever version trained it."""

import dataclasses
import json
import pathlib
import shutil

import pytest

from data.input_error import InputError
from deeplab_panns.report.results.methods import group
from deeplab_panns.report.results.scored_runs import case_id, case_key, read_all, read_scored, with_effect
from deeplab_panns.runs.flat_settings import from_flat, load_experiment, save_experiment, to_flat
from deeplab_panns.runs.setting_names import SETTINGS
from deeplab_panns.scores import score_table
from deeplab_panns.scores.score_table import COLUMNS

HEADER, LINE = ",".join(COLUMNS), "a,liver,1,0,0,0,0\n"
BEFORE_FORMATS = pathlib.Path(__file__).parents[2] / "runs" / "before_formats"


@pytest.mark.parametrize("network", ["deeplab_v3", "dltk_unet3d"])
def test_runs_of_before_formats_and_of_now_have_the_same_settings(network):
  now = {"format": 2, **to_flat(from_flat({"network": network}))}
  before = {
    **dict.fromkeys(SETTINGS, "of the other network"),
    **{k: v for k, v in now.items() if k != "format"},
  }
  assert with_effect(before) == with_effect(now)
  assert "format" not in with_effect(now) and with_effect(now)["network"] == network


def test_a_key_is_the_id_and_the_hash_of_its_reference():
  key = case_key("p1", {"references": {"p1": "0123456789abcdef"}})
  assert key == "p1@01234567" and case_id(key) == "p1"
  assert case_key("p2", {}) == "p2" == case_id("p2")


@pytest.mark.parametrize(
  "content, said",
  [
    (None, "has no metrics.json; run"),
    ("{", "cannot be read as what train and evaluate write"),
    ("[1]", "it holds a list"),
    (json.dumps({"mean_dice": 0.5}), "it has no 'label_organs'"),
  ],
)
def test_what_was_not_evaluated_is_one_line(tmp_path, content, said):
  if content is not None:
    (tmp_path / "metrics.json").write_text(content)
  with pytest.raises(InputError, match=said):
    read_scored(tmp_path)


def test_a_patient_is_told_by_its_reference_not_by_its_id(run_dirs):
  run = read_scored(run_dirs[0])
  assert run.cases[0] == "case_0@00000000" == case_key("case_0", run.summary)


def test_an_evaluation_elsewhere_is_still_of_its_run(run_dirs, tmp_path):
  summary = json.loads((run_dirs[0] / "metrics.json").read_text())
  shutil.copy(run_dirs[0] / "metrics.csv", tmp_path)
  (tmp_path / "metrics.json").write_text(json.dumps({**summary, "run_dirs": [str(run_dirs[0])]}))
  assert (
    read_scored(tmp_path).settings["supervision"] == "full" and read_scored(tmp_path).run_dir == run_dirs[0]
  )
  (tmp_path / "metrics.json").write_text(
    json.dumps({**summary, "run_dirs": [str(run_dir) for run_dir in run_dirs[:2]]})
  )
  assert read_scored(tmp_path).settings == {}  # an ensemble has the settings of no single run


def merged(folder, run_dirs):
  """What a cross-validation leaves of its folds."""
  summary = json.loads((run_dirs[0] / "metrics.json").read_text())
  rows = [row for run_dir in run_dirs for row in score_table.read_csv(run_dir / "metrics.csv")]
  score_table.write_csv(folder / "metrics.csv", rows)
  content = {**summary, **score_table.summary(rows), "over_folds": {}, "run_dirs": list(map(str, run_dirs))}
  (folder / "metrics.json").write_text(json.dumps(content))


def of_other_cases(run_dir, folder):
  shutil.copytree(run_dir, folder)
  text = (folder / "metrics.csv").read_text()
  (folder / "metrics.csv").write_text(text.replace("case_", "other_"))
  return folder


def test_a_copy_of_a_cross_validation_is_read_by_the_folds_in_it(run_dirs, tmp_path):
  """Its scores name the folds where they were, which were trained again since."""
  shutil.copytree(run_dirs[0], tmp_path / "cv" / "fold0")
  of_other_cases(run_dirs[1], tmp_path / "cv" / "fold1")
  folds = [tmp_path / "cv" / f"fold{fold}" for fold in (0, 1)]
  merged(tmp_path / "cv", folds)
  shutil.copytree(tmp_path / "cv", tmp_path / "copy")
  text = (folds[0] / "metrics.csv").read_text()
  (folds[0] / "metrics.csv").write_text(text.replace("case_", "again_"))
  runs, _ = read_all([tmp_path / "copy"])
  assert [run.folder for run in runs] == [tmp_path / "copy" / "fold0", tmp_path / "copy" / "fold1"]
  with pytest.raises(InputError, match="its scores are not those of its folds"):
    read_all([tmp_path / "cv"])


def test_a_cross_validation_counts_as_its_folds(run_dirs, tmp_path):
  run_dirs = [run_dirs[0], of_other_cases(run_dirs[1], tmp_path / "second"), *run_dirs[2:]]
  merged(tmp_path, run_dirs[:2])
  runs, names = read_all([tmp_path, run_dirs[2]], ["ours", "theirs"])
  assert [run.folder for run in runs] == run_dirs[:3] and names == ["ours", "ours", "theirs"]
  assert read_all(run_dirs)[1] is None
  with pytest.raises(InputError, match="names 1 runs, --run_dirs has 4"):
    read_all(run_dirs, ["ours"])


@pytest.mark.parametrize(
  "name, text, says",
  [
    ("metrics.json", "{", "what train and evaluate write"),
    ("metrics.json", "[]", "holds a list"),
    ("metrics.csv", "case,organ\n", "columns"),
    ("metrics.csv", f"{HEADER}\na,lung,1,0,0,0,0\n", "scores lung, which metrics.json"),
    ("metrics.csv", f"{HEADER}\n{2 * LINE}", "scores the liver of a 2 times"),
    ("metrics.csv", f"{HEADER}\n", "holds no score"),
    ("metrics.csv", f"{HEADER}\n{LINE.replace('1', '88', 1)}", "holds a Dice outside of 0 to 1"),
    ("metrics.csv", f"{HEADER}\n{LINE}", "has another mean Dice than metrics.json beside it"),
    ("experiment.json", '{"seed": "one"}', "its 'seed' is 'one'"),
    ("data.json", '{"data_dir": null}', "its 'data_dir' is 'None'"),
  ],
)
def test_damaged_scores_are_one_line_for_the_user(run_dirs, tmp_path, name, text, says):
  for source in ("metrics.csv", "metrics.json"):
    shutil.copy(run_dirs[0] / source, tmp_path)
  (tmp_path / name).write_text(text)
  with pytest.raises(InputError, match=says):
    read_scored(tmp_path)


@pytest.mark.parametrize("name", ["slices.json", "patches.json"])
def test_a_run_of_before_formats_and_one_of_now_are_one_method(run_dirs, tmp_path, name):
  for folder in ("before", "now"):
    shutil.copytree(run_dirs[0], tmp_path / folder)
  shutil.copy(BEFORE_FORMATS / name, tmp_path / "before" / "experiment.json")
  again = dataclasses.replace(load_experiment(BEFORE_FORMATS / name), seed=1)
  save_experiment(again, tmp_path / "now" / "experiment.json")
  runs = [read_scored(tmp_path / folder) for folder in ("before", "now")]
  (method,) = group(runs)
  assert method.seeds == (0, 1) and method.name == "panns"


def test_folders_of_others_are_one_line(run_dirs, tmp_path):
  (tmp_path / "summary.json").touch()
  with pytest.raises(InputError, match="gone: there is no such folder"):
    read_scored(tmp_path / "gone")
  with pytest.raises(InputError, match=r"2 of 3 folders hold no scores \(.*gone, .*\); the first: .*gone"):
    read_all([tmp_path / "gone", run_dirs[0], tmp_path])


def test_what_was_seen_in_training(run_dirs):
  run = read_scored(run_dirs[0])
  assert run.seen_in_training == ()  # an earlier version does not tell, but held-out cases were not seen
  for told, seen in (
    ({"split": "all"}, None),
    ({"split": "all", "seen_in_training": ["case_0"]}, ("case_0",)),
    ({"split": "test", "seen_in_training": None}, None),
  ):
    assert dataclasses.replace(run, summary={**run.summary, **told}).seen_in_training == seen
