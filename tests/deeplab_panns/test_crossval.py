"""Cross-validation: what is passed on to train, what is skipped, and how the folds are merged."""

import dataclasses
import json
import os
import signal
import statistics
import subprocess
import sys

import numpy as np
import pytest
from absl import flags

from data.input_error import InputError
from data.stored.store import read_store
from deeplab_panns import config, crossval
from deeplab_panns.crossval import CrossValidation
from deeplab_panns.runs.run_directory import RunDirectory
from deeplab_panns.scores import confusion, organ_volumes, score_table
from deeplab_panns.scores.metrics import OrganScore
from deeplab_panns.scores.organ_volumes import OrganVolume
from deeplab_panns.training import merged_folds
from tests.conftest import ROOT, TINY_FLAGS, TINY_ORGANS, run_command, start_interruptible


def parsed(*arguments):
  """crossval's flags as main() would see them, with the module that defines each."""
  values = flags.FlagValues()
  before = set(flags.FLAGS)
  crossval.define_flags()
  for name in set(flags.FLAGS) - before:
    module = flags.FLAGS.find_module_defining_flag(name)
    values[name] = flags.FLAGS[name]
    values.register_flag_by_module(module, values[name])
    delattr(flags.FLAGS, name)
  values(["crossval", "--data_dir=s", "--run_dir=r", *arguments])
  return values


@pytest.fixture
def validation(tiny_store, tmp_path):
  """A cross-validation of the tiny store's two folds: one case, and three."""
  store = read_store(tiny_store)
  args = parsed(*TINY_FLAGS, "--folds=2")
  return CrossValidation(
    tmp_path / "run",
    store,
    crossval.store_folds(store, 2),
    config.experiment_from_flags(args, store.spacing_mm),
    crossval.train_arguments(args),
    None,
  )


def score(organ, dice):
  return OrganScore(organ, dice, 1.0, 2.0, 2.0, 0.5)


def finish(validation, fold, dice=0.5, cases=None, **changed):
  """Leaves in a fold what train and evaluate would."""
  folder = validation.fold_dir(fold)
  RunDirectory(folder).open_for_training(
    dataclasses.replace(validation.experiment, fold=fold), validation.store
  )
  cases = validation.folds[fold] if cases is None else cases
  score_table.write_csv(
    folder / "metrics.csv", [(case, score(organ, dice)) for case in cases for organ in TINY_ORGANS]
  )
  organ_volumes.write_csv(
    folder / "volumes.csv", [OrganVolume(case, TINY_ORGANS[0], 10.0, 8.0 + fold) for case in cases]
  )
  confusion.write_csv(
    folder / "confusion.csv", TINY_ORGANS, (1 + fold) * np.eye(1 + len(TINY_ORGANS), dtype=np.int64)
  )
  sha256 = {case.id: case.sha256["label"][:16] for case in validation.store.cases}
  summary = {
    "split": "test",
    "checkpoint": "last",
    "step": 8,
    "grid": "store",
    "references": {case: sha256[case] for case in cases},
    **changed,
  }
  (folder / "metrics.json").write_text(json.dumps(summary))


def test_every_flag_of_train_passes_through(tmp_path):
  """What train reads from the arguments is what crossval read: lists, switches, numbers, flagfiles."""
  flagfile = tmp_path / "x.flags"
  flagfile.write_text(
    "# comment\n--lambda2=0.3\n--decoder\n--partial_organs=spleen,portal and splenic vein\n--noverify_store\n"
  )
  args = parsed(
    f"--flagfile={flagfile}",
    "--scales=1,1.25",
    "--folds=3",
    "--fold=2",
    "--stage1_run=x",
    "--seed=4",
    "--lambda1=0.5",
  )
  arguments = crossval.train_arguments(args)
  assert set(arguments) == {
    "--lambda2=0.3",
    "--decoder",
    "--partial_organs=spleen,portal and splenic vein",
    "--noverify_store",
    "--scales=1,1.25",
    "--seed=4",
    "--lambda1=0.5",
  }
  again = parsed(*arguments, "--fold=2")
  assert config.experiment_from_flags(again, (None,) * 3) == config.experiment_from_flags(args, (None,) * 3)
  assert not again.verify_store and crossval.train_arguments(parsed("--partial_organs=")) == (
    "--partial_organs=",
  )


def test_the_stores_folds(tiny_store):
  store = read_store(tiny_store)
  folds = crossval.store_folds(store, 2)
  assert list(folds) == [0, 1] and [len(cases) for cases in folds.values()] == [1, 3]
  with pytest.raises(
    InputError,
    match=r"has 2 folds \(0, 1\), --folds=5; give --folds=2, or deal others by data.prepare --folds=5",
  ):
    crossval.store_folds(store, 5)
  bare = dataclasses.replace(store, cases=tuple(dataclasses.replace(case, fold=None) for case in store.cases))
  with pytest.raises(InputError, match=r"has 0 folds \(none\)"):
    crossval.store_folds(bare, 2)


def record(monkeypatch, validation, fail_at=None):
  """Replaces the commands by what they leave; the list of what was run."""
  calls = []

  def run(module, arguments):
    values = dict(argument.lstrip("-").partition("=")[::2] for argument in arguments)
    fold = int(values["run_dir"][-1])
    calls.append((module.rpartition(".")[2], fold))
    if calls[-1] == fail_at:
      raise KeyboardInterrupt
    if module.endswith("train"):
      assert (
        values["fold"] == str(fold)
        and values["data_dir"] == str(validation.store.path)
        and values["stage1_steps"] == "4"
      )
      assert values.get("stage1_run") == (
        f"{validation.stage1_run}/fold{fold}" if validation.stage1_run else None
      )
    else:
      assert values["split"] == "test"
      finish(validation, fold, dice=0.5 + 0.1 * fold)

  monkeypatch.setattr(crossval, "run_module", run)
  return calls


def test_all_folds_then_nothing(validation, monkeypatch, capsys):
  validation = dataclasses.replace(validation, stage1_run="other")
  calls = record(monkeypatch, validation)
  crossval.cross_validate(validation)
  assert calls == [("train", 0), ("evaluate", 0), ("train", 1), ("evaluate", 1)]
  assert "4 cases, each tested once" in capsys.readouterr().out
  crossval.cross_validate(validation)
  assert len(calls) == 4 and capsys.readouterr().out.count("trained and evaluated before") == 2


def test_it_goes_on_where_it_was_stopped(validation, monkeypatch):
  calls = record(monkeypatch, validation, fail_at=("evaluate", 1))
  with pytest.raises(KeyboardInterrupt):
    crossval.cross_validate(validation)
  assert not (validation.run_dir / "metrics.json").exists()
  calls = record(monkeypatch, validation)
  crossval.cross_validate(validation)
  assert calls == [("train", 1), ("evaluate", 1)]


def test_folds_of_a_job_array_merge_with_the_last(validation, monkeypatch, capsys):
  calls = record(monkeypatch, validation)
  crossval.cross_validate(validation, only=1)
  assert calls == [("train", 1), ("evaluate", 1)]
  assert (
    "still without fold0" in capsys.readouterr().out and not (validation.run_dir / "metrics.csv").exists()
  )
  crossval.cross_validate(validation, only=0)
  assert (validation.run_dir / "metrics.csv").exists()
  with pytest.raises(InputError, match=r"has no fold 7; its folds are \[0, 1\]"):
    crossval.cross_validate(validation, only=7)


@pytest.mark.parametrize(
  "changed",
  [{"split": "val"}, {"step": 7}, {"checkpoint": "best"}, {"references": {"test_5": "of another store"}}],
)
def test_only_the_end_of_training_on_the_test_cases_is_finished(validation, changed):
  finish(validation, 0, **changed)
  assert not validation.is_finished(0)
  (validation.fold_dir(0) / "metrics.json").write_text("{")
  assert not validation.is_finished(0)
  finish(validation, 0)
  assert validation.is_finished(0)


def test_a_fold_of_other_flags_is_refused(validation):
  finish(validation, 0)
  other = dataclasses.replace(validation, experiment=dataclasses.replace(validation.experiment, lambda1=0.5))
  with pytest.raises(InputError, match=r"fold0: holds a run of other flags: --lambda1=0.5 \(was 1.0\)"):
    other.is_finished(0)


def test_merged_numbers_by_hand(validation):
  """Fold 0 has one case of Dice .5, fold 1 three of .7: .65 over cases, .6 over folds."""
  finish(validation, 0, 0.5)
  finish(validation, 1, 0.7)
  summary = merged_folds.merge(
    {fold: validation.fold_dir(fold) for fold in (0, 1)}, validation.folds, validation.run_dir
  )
  assert summary == json.loads((validation.run_dir / "metrics.json").read_text())
  assert summary["mean_dice"] == pytest.approx(0.65) and summary["cases"] == 4
  assert summary["over_cases"]["mean_dice"] == pytest.approx(0.65)
  assert summary["over_cases"]["sd"] == pytest.approx(statistics.stdev([0.5, 0.7, 0.7, 0.7]))
  assert summary["over_folds"]["mean_dice"] == pytest.approx(0.6) and summary["over_folds"]["each"] == {
    "0": 0.5,
    "1": pytest.approx(0.7),
  }
  assert summary["over_folds"]["sd"] == pytest.approx(statistics.stdev([0.5, 0.7]))
  assert set(summary["references"]) == {case for cases in validation.folds.values() for case in cases}
  rows = score_table.read_csv(validation.run_dir / "metrics.csv")
  assert sorted(case for case, _ in rows) == sorted(
    case for cases in validation.folds.values() for case in cases for _ in TINY_ORGANS
  )
  volumes = organ_volumes.read_csv(validation.run_dir / "volumes.csv")
  assert sorted((volume.case, volume.predicted_ml) for volume in volumes) == sorted(
    (case, 8.0 + fold) for fold, cases in validation.folds.items() for case in cases
  )
  organs, counts = confusion.read_csv(validation.run_dir / "confusion.csv")
  assert organs == tuple(TINY_ORGANS) and np.array_equal(counts, 3 * np.eye(1 + len(TINY_ORGANS)))
  assert "mean Dice 0.6500 over 3 organs and 4 cases" in crossval.describe(summary, validation.run_dir)


def test_folds_of_other_organs_are_refused(validation):
  finish(validation, 0)
  finish(validation, 1)
  confusion.write_csv(validation.fold_dir(1) / "confusion.csv", ["liver"], np.eye(2, dtype=np.int64))
  with pytest.raises(InputError, match=r"fold1: confusion\.csv has the organs liver, another fold's"):
    merged_folds.merge(
      {fold: validation.fold_dir(fold) for fold in (0, 1)}, validation.folds, validation.run_dir
    )
  assert not (validation.run_dir / "metrics.csv").exists()


def test_undefined_dice_is_left_out():
  nan = float("nan")
  rows = [("a", score("liver", 0.5)), ("a", score("spleen", nan)), ("b", score("liver", nan))]
  assert merged_folds.case_means(rows) == {"a": 0.5, "b": None}


def test_a_case_in_two_folds_or_missing_is_refused(validation):
  finish(validation, 0)
  finish(validation, 1, cases=[*validation.folds[1], *validation.folds[0]])
  folders = {fold: validation.fold_dir(fold) for fold in (0, 1)}
  with pytest.raises(InputError, match=r"fold1: scores the case 'test_5', as .*fold0 does"):
    merged_folds.merge(folders, validation.folds, validation.run_dir)
  finish(validation, 1, cases=validation.folds[1][1:])
  with pytest.raises(
    InputError, match=r"fold1: scores 2 cases, the store's fold 1 has 3.*full_0; delete its metrics.json"
  ):
    merged_folds.merge(folders, validation.folds, validation.run_dir)
  assert not (validation.run_dir / "metrics.csv").exists()


@pytest.mark.parametrize(
  "code, says",
  [
    ("import sys; print('error: store: is gone', file=sys.stderr); sys.exit(1)", "^store: is gone$"),
    ("import os; os.kill(os.getpid(), 9)", "exit code -9 .killed: not enough memory"),
    ("raise SystemExit(3)", "ended with exit code 3"),
  ],
)
def test_a_failing_command_becomes_one_line(tmp_path, monkeypatch, code, says):
  (tmp_path / "failing.py").write_text(code)
  monkeypatch.setenv("PYTHONPATH", str(tmp_path))
  with pytest.raises(InputError, match=says):
    crossval.run_module("failing", [])


def test_an_interrupted_command_interrupts(tmp_path, monkeypatch, capfd):
  (tmp_path / "interrupted.py").write_text("import sys; print('warning: x', file=sys.stderr); sys.exit(130)")
  monkeypatch.setenv("PYTHONPATH", str(tmp_path))
  with pytest.raises(KeyboardInterrupt):
    crossval.run_module("interrupted", [])
  assert capfd.readouterr().err == "warning: x\n"


@pytest.mark.slow
def test_the_command_is_interrupted_and_goes_on(tiny_store, tmp_path):
  """Ctrl-C in the first fold: one line, exit code 130, no child left; then the same command does the rest,
  then nothing."""
  arguments = [
    *TINY_FLAGS,
    f"--data_dir={tiny_store}",
    f"--run_dir={tmp_path / 'cv'}",
    "--folds=2",
    "--supervision=full",
  ]
  running = start_interruptible(
    [sys.executable, "-m", "deeplab_panns.crossval", *arguments],
    cwd=ROOT,
    text=True,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    env={**os.environ, "PYTHONUNBUFFERED": "1"},
  )
  while "step 0 of 8" not in running.stdout.readline():
    assert running.poll() is None, running.stderr.read()
  running.send_signal(signal.SIGINT)
  _, said = running.communicate(timeout=600)
  assert running.returncode == 130 and said.count("\n") == 1 and "goes on from what is finished" in said
  with RunDirectory(tmp_path / "cv" / "fold0").locked():
    pass  # so nobody is training there any more
  first = run_command("deeplab_panns.crossval", *arguments)
  assert "4 cases, each tested once" in first.stdout and first.stderr == ""
  summary = json.loads((tmp_path / "cv" / "metrics.json").read_text())
  assert summary["cases"] == 4 and summary["fold"] == [0, 1] and summary["split"] == "test"
  again = run_command("deeplab_panns.crossval", *arguments)
  assert again.stdout.count("trained and evaluated before") == 2
  wrong = run_command("deeplab_panns.crossval", *arguments, "--folds=5", check=False)
  assert wrong.returncode == 1 and wrong.stderr.count("\n") == 1 and "has 2 folds" in wrong.stderr
