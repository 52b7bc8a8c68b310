"""Error messages: one line with the file, what was found, what is allowed, and a way out."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from absl import flags

from data.input_error import InputError
from data.stored.store import read_store
from deeplab_panns import config
from deeplab_panns.predict import open_model
from deeplab_panns.report.results.scored_runs import read_scored
from deeplab_panns.runs.run_directory import RunDirectory
from deeplab_panns.runs.trained import TrainedRun, open_run
from deeplab_panns.scores.run_scores import select_cases
from tests.conftest import TINY_FLAGS, make_store, run_command, write_raw
from tests.train_flags import parsed


@pytest.mark.parametrize(
  "arguments, says",
  [
    (["--crop_size=128"], "113 and 129"),
    (["--crop_size=105", "--output_stride=16"], "97 and 113"),
    (["--output_stride=4"], "one of 8, 16"),
    (["--slices_per_input=2"], "odd"),
    (["--batch_size=6"], "multiple of 4"),
    (["--batch_size=4", "--partial_batch_fraction=0.3"], "1.2 examples"),
    (["--partial_batch_fraction=1"], "leaves labelled"),
    (["--scales=0"], "--scales"),
    (["--scales=a"], "--scales"),
    (["--multi_grid=1,2"], "three"),
    (["--network=dltk_unet3d", "--patch_size=60"], "multiples of 8.*nearest is 64,64,64"),
    (["--network=dltk_unet3d", "--patch_size=64,64"], "--patch_size=64,64: must be .*three"),
    (["--network=dltk_unet3d", "--unet_strides=1,2,2"], "--unet_strides=.*each scale"),
    (["--network=dltk_unet3d", "--unet_strides=2,2,2,2"], "--unet_strides=.*the first must be"),
    (["--network=dltk_unet3d", "--unet_strides=1,3,2,2"], "1 or even"),
    (["--partial_loss=marginal", "--teacher_decay=0.9"], "uses no pseudo-labels"),
    (["--mix", "--pseudo_labels=soft"], "pastes label maps"),
    (["--mix", "--partial_batch_fraction=0.75"], "a labelled example for each"),
  ],
)
def test_flags_that_do_not_go_together(arguments, says):
  with pytest.raises(flags.ValidationError, match=says):
    config.experiment_from_flags(parsed(*arguments), (None, None, None))


def test_the_spacing_of_training_is_the_stores_where_no_flag_says_another():
  own, three = (None, None, None), (3.0, 3.0, 3.0)
  assert config.experiment_from_flags(parsed(), three).spacing_mm == three
  assert config.experiment_from_flags(parsed("--spacing_mm=4,4"), three).spacing_mm == (3.0, 4.0, 4.0)
  assert config.experiment_from_flags(parsed("--spacing_mm=2"), own).spacing_mm == (2.0, 2.0, 2.0)


def test_the_flags_own_words():
  with pytest.raises(flags.IllegalFlagValueError, match="supervision"):
    parsed("--supervision=marginal_")


def fails(module, *arguments, code=1):
  result = run_command(module, *arguments, check=False)
  assert result.returncode == code, result.stderr
  assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1, result.stderr
  return result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
  "module, arguments, says",
  [
    ("data.prepare", ["--output_dir=x"], "--manifest"),
    ("data.prepare", ["--manifest=a", "--output_dir=x", "--speed=3"], "speed"),
    ("deeplab_panns.train", ["--data_dir=a", "--run_dir=b", "--supervision=most"], "supervision"),
    ("deeplab_panns.train", ["--data_dir=a", "--run_dir=b", "--batch_size=x"], "batch_size"),
    ("deeplab_panns.train", ["--data_dir=a", "--run_dir=b", "extra"], "extra"),
    ("deeplab_panns.train", ["--flagfile=gone.flags"], "gone.flags"),
    ("deeplab_panns.evaluate", [], "--run_dir"),
  ],
)
def test_wrong_flags_end_with_2(module, arguments, says):
  assert says in fails(module, *arguments, code=2)


@pytest.mark.slow
def test_training_says_what_is_wrong(tiny_store, tmp_path):
  arguments = [*TINY_FLAGS, f"--run_dir={tmp_path / 'run'}"]
  assert "holds no index.json" in fails("deeplab_panns.train", *arguments, f"--data_dir={tmp_path}")
  damaged = tmp_path / "damaged"
  shutil.copytree(tiny_store, damaged)
  array = np.load(damaged / "cases" / "full_0" / "label.npy")
  array[0, 0, 0] = 3
  np.save(damaged / "cases" / "full_0" / "label.npy", array)
  assert "sha256" in fails("deeplab_panns.train", *arguments, f"--data_dir={damaged}")


@pytest.mark.slow
def test_no_partial_cases_and_an_organ_without_voxels(tmp_path):
  path = write_raw(tmp_path / "raw", partial=0)
  store = make_store(path, tmp_path / "store")
  arguments = [*TINY_FLAGS, f"--run_dir={tmp_path / 'run'}"]
  assert "--supervision=full" in fails("deeplab_panns.train", *arguments, f"--data_dir={store}")
  path = write_raw(tmp_path / "raw2")
  content = json.loads(path.read_text())
  content["organs"].append("thymus")
  for case in content["cases"]:
    case["labels"]["4"] = "thymus"
  path.write_text(json.dumps(content))
  store = make_store(path, tmp_path / "store2")
  said = fails("deeplab_panns.train", *TINY_FLAGS, f"--run_dir={tmp_path / 'run2'}", f"--data_dir={store}")
  assert "no voxel of ['thymus']" in said and "--supervision=partial" in said


@pytest.mark.slow
def test_a_nan_ends_training_with_its_step(tiny_store, tmp_path):
  said = fails(
    "deeplab_panns.train",
    *TINY_FLAGS,
    f"--data_dir={tiny_store}",
    f"--run_dir={tmp_path / 'run'}",
    "--learning_rate_stage2=1e30",
    "--learning_rate_policy=constant",
  )
  assert "not finite at step" in said and "ckpt-4" in said


def test_a_run_is_locked(tmp_path):
  directory = RunDirectory(tmp_path / "run")
  with (
    directory.locked(),
    pytest.raises(InputError, match="another process"),
    RunDirectory(tmp_path / "run").locked(),
  ):
    pass


def test_another_store_is_noticed(tiny_store, tmp_path):
  store = read_store(tiny_store)
  experiment = config.experiment_from_flags(parsed(), store.spacing_mm)
  RunDirectory(tmp_path).open_for_training(experiment, store)
  other = read_store(make_store(write_raw(tmp_path / "raw", full=2), tmp_path / "store"))
  with pytest.raises(InputError, match="another content of the store"):
    RunDirectory(tmp_path).open_for_training(experiment, other)


def test_no_run_no_model_no_metrics(tmp_path):
  for call, says in (
    (lambda: open_run(tmp_path), "experiment.json"),
    (lambda: open_model(None, str(tmp_path), "last"), "holds no SavedModel of this project"),
    (lambda: open_model(None, None, "last"), "exactly one of --run_dir, --run_dirs and --model"),
    (lambda: read_scored(tmp_path), "metrics"),
  ):
    with pytest.raises(InputError, match=says):
      call()


def test_an_empty_split_is_not_a_score(tiny_store, tmp_path):
  store = read_store(tiny_store)
  run = TrainedRun(
    RunDirectory(tmp_path),
    config.experiment_from_flags(parsed("--fold=-1"), store.spacing_mm),
    store.organs,
    str(tiny_store),
    segmenter=None,
    step=0,
  )
  for which in ("test", "val"):
    with pytest.raises(InputError, match=f"--split={which} is empty.*--split=all"):
      select_cases(store, [run], which)
  other = dataclasses.replace(run, organs=("liver",))
  with pytest.raises(InputError, match="same list"):
    select_cases(store, [other], "all")
