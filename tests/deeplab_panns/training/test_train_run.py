"""What `train` does around the training: the folder, refusals, the spacing, a finished run."""

import dataclasses

import pytest

from data.input_error import InputError
from data.stored.store import read_store
from deeplab_panns.runs.experiment import Stage1
from deeplab_panns.runs.run_directory import RunDirectory
from deeplab_panns.training import Intervals, train


def test_a_refused_start_leaves_nothing_behind(
  tmp_path, tiny_store, tiny_experiment, with_stage2, small_network
):
  store = read_store(tiny_store)
  folder = tmp_path / "run"
  with pytest.raises(InputError, match="partial_organs"):
    train(with_stage2(partial_organs=("spleen",)), store, folder)
  assert not folder.exists()
  train(dataclasses.replace(tiny_experiment, stage1=Stage1(steps=1)), store, folder, Intervals(10, 10, 10))
  with pytest.raises(InputError, match="holds a run of other flags"):
    train(tiny_experiment, store, folder)
  assert RunDirectory(folder).settings().experiment.stage1.steps == 1


def test_a_finished_run_says_so_and_stays(tmp_path, tiny_store, tiny_experiment, small_network, capsys):
  store = read_store(tiny_store)
  train(tiny_experiment, store, tmp_path, Intervals(10, 10, 10))
  before = {path: path.stat().st_mtime_ns for path in (tmp_path / "checkpoints").rglob("*")}
  capsys.readouterr()
  train(tiny_experiment, store, tmp_path, Intervals(10, 10, 10))
  assert capsys.readouterr().out.endswith("finished at step 7; nothing to do.\n")
  assert {path: path.stat().st_mtime_ns for path in (tmp_path / "checkpoints").rglob("*")} == before


def test_a_run_knows_the_spacing_of_a_store_that_was_resampled(
  tmp_path, tiny_store, tiny_experiment, small_network
):
  store = dataclasses.replace(read_store(tiny_store), spacing_mm=(3.0, 2.0, 2.0))
  native = dataclasses.replace(tiny_experiment, spacing_mm=(None, None, None))
  directory = train(native, store, tmp_path, Intervals(10, 10, 10))
  assert directory.settings().experiment.spacing_mm == (3.0, 2.0, 2.0)
