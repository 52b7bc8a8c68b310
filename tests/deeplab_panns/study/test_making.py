"""Two studies do not work in one folder."""

import pytest

from data.files.file_lock import locked
from data.input_error import InputError
from deeplab_panns.study.making import run_missing
from deeplab_panns.study.planned_runs import plan_runs
from tests.deeplab_panns.study.conftest import PART


def test_a_work_dir_that_another_study_holds_is_refused(tiny_cache, tmp_path):
  with locked(tmp_path / "work" / "lock"):
    with pytest.raises(InputError, match=r"another study works there.*--work_dir"):
      run_missing([], tiny_cache, tmp_path / "work", 1)
    assert run_missing([], tiny_cache, tmp_path / "other", 1) == {}
  assert run_missing([], tiny_cache, tmp_path / "work", 1) == {}


def test_what_is_done_is_counted_and_not_made_again(tiny_cache, tmp_path, capsys):
  runs = [run for run in plan_runs(PART, [1]) if run.cell.name != "soft"]
  assert run_missing(runs, tiny_cache, tmp_path, 1) == {}
  assert capsys.readouterr().out.startswith("4 runs, 4 of them done; 0 tasks, 1 at a time; logs in")
