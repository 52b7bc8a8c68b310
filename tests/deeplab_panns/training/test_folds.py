"""Cross-validation: what is skipped, what runs again, and how a failing command is told of."""

import dataclasses

import pytest

from data.command import Terminated
from data.input_error import InputError
from data.stored.store import read_store
from deeplab_panns.training import folds
from deeplab_panns.training.folds import store_folds
from tests.deeplab_panns.training.finished_fold import finish


def test_the_stores_folds(tiny_store):
  store = read_store(tiny_store)
  folds = store_folds(store, 2)
  assert list(folds) == [0, 1] and [len(cases) for cases in folds.values()] == [1, 3]
  with pytest.raises(
    InputError,
    match=r"has 2 folds \(0, 1\), --folds=5; give --folds=2, or deal others by data.prepare --folds=5",
  ):
    store_folds(store, 5)
  partial = dataclasses.replace(store.cases[3], fold=1)  # prepare --fold_partial
  held_out = store_folds(dataclasses.replace(store, cases=(*store.cases[:3], partial, *store.cases[4:])), 2)
  assert held_out[1] == [*folds[1], partial.id] and held_out[0] == folds[0]
  bare = dataclasses.replace(store, cases=tuple(dataclasses.replace(case, fold=None) for case in store.cases))
  with pytest.raises(InputError, match=r"has 0 folds \(none\)"):
    store_folds(bare, 2)


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

  monkeypatch.setattr(folds, "run_module", run)
  return calls


def test_all_folds_then_nothing(validation, monkeypatch, capsys):
  validation = dataclasses.replace(validation, stage1_run="other")
  calls = record(monkeypatch, validation)
  folds.cross_validate(validation)
  assert calls == [("train", 0), ("evaluate", 0), ("train", 1), ("evaluate", 1)]
  assert "4 cases, each tested once" in capsys.readouterr().out
  folds.cross_validate(validation)
  assert len(calls) == 4 and capsys.readouterr().out.count("trained and evaluated before") == 2


def test_it_goes_on_where_it_was_stopped(validation, monkeypatch):
  calls = record(monkeypatch, validation, fail_at=("evaluate", 1))
  with pytest.raises(KeyboardInterrupt):
    folds.cross_validate(validation)
  assert not (validation.run_dir / "metrics.json").exists()
  calls = record(monkeypatch, validation)
  folds.cross_validate(validation)
  assert calls == [("train", 1), ("evaluate", 1)]


def test_folds_of_a_job_array_merge_with_the_last(validation, monkeypatch, capsys):
  calls = record(monkeypatch, validation)
  folds.cross_validate(validation, only=1)
  assert calls == [("train", 1), ("evaluate", 1)]
  assert (
    "still without fold0" in capsys.readouterr().out and not (validation.run_dir / "metrics.csv").exists()
  )
  folds.cross_validate(validation, only=0)
  assert (validation.run_dir / "metrics.csv").exists()
  with pytest.raises(InputError, match=r"has no fold 7; its folds are \[0, 1\]"):
    folds.cross_validate(validation, only=7)


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
  other = dataclasses.replace(validation, experiment=dataclasses.replace(validation.experiment, seed=5))
  with pytest.raises(InputError, match=r"fold0: holds a run of other flags: --seed=5 \(was 0\)"):
    other.is_finished(0)


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
    folds.run_module("failing", [])


@pytest.mark.parametrize("code, error", [(130, KeyboardInterrupt), (143, Terminated)])
def test_an_interrupted_command_interrupts(tmp_path, monkeypatch, capfd, code, error):
  (tmp_path / "interrupted.py").write_text(
    f"import sys; print('warning: x', file=sys.stderr); sys.exit({code})"
  )
  monkeypatch.setenv("PYTHONPATH", str(tmp_path))
  with pytest.raises(error):
    folds.run_module("interrupted", [])
  assert capfd.readouterr().err == "warning: x\n"
