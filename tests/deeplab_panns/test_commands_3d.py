"""The commands with a 3-D network: training, scores, export, and an ensemble with a 2-D run."""

import json

import nibabel
import numpy as np
import pytest

from data.stored.store import read_store
from tests.conftest import TINY_ORGANS, TINY_SCHEDULE, run_command

pytestmark = pytest.mark.slow
FLAGS_3D = [
  "--network=dltk_unet3d",
  "--unet_filters=4,8",
  "--unet_strides=1,2",
  "--patch_size=8,16,16",
  *TINY_SCHEDULE,
  "--weight_decay=0",
  "--fold=0",
]


@pytest.fixture(scope="module")
def run_3d(tiny_store, tmp_path_factory):
  """A run at a spacing coarser than the cases' own 3 x 2 x 2 mm, so that images and labels are resampled."""
  folder = tmp_path_factory.mktemp("runs") / "unet"
  run_command(
    "deeplab_panns.train",
    *FLAGS_3D,
    f"--data_dir={tiny_store}",
    f"--run_dir={folder}",
    "--spacing_mm=3,2.5,2.5",
    "--validation_fraction=0.4",
  )
  return folder


def test_training_keeps_the_resampled_cases_in_the_run(run_3d, tiny_store):
  experiment = json.loads((run_3d / "experiment.json").read_text())
  assert experiment["spacing_mm"] == [3.0, 2.5, 2.5] and experiment["patch_size"] == [8, 16, 16]
  images = list((run_3d / "resampled").rglob("image.npy"))
  assert len(images) == len(read_store(tiny_store).cases) and np.load(images[0]).shape == (6, 32, 29)


def test_pictures_show_three_planes_and_padding_is_reported_once(run_3d, tiny_store, tmp_path):
  import tensorflow as tf

  result = run_command(
    "deeplab_panns.train",
    *FLAGS_3D,
    "--stage1_steps=1",
    "--stage2_steps=0",
    f"--data_dir={tiny_store}",
    f"--run_dir={tmp_path / 'run'}",
  )
  assert result.stdout.count("are smaller than --patch_size=8,16,16; they are padded") == 1
  shapes = {
    tuple(map(int, value.tensor.string_val[:2]))
    for file in (run_3d / "events").glob("events*")
    for event in tf.compat.v1.train.summary_iterator(str(file))
    for value in event.summary.value
    if "overlay" in value.tag
  }
  # Rows of the axial plane, and of the two others, whose 3 mm slices are enlarged to square pixels.
  assert shapes and all(height > 40 + 6 + 6 for _, height in shapes)


def test_a_resumed_3d_run_ends_in_the_same_bits(run_3d, tiny_store, tmp_path):
  import tensorflow as tf

  flags = [*FLAGS_3D, f"--data_dir={tiny_store}", "--spacing_mm=3,2.5,2.5", "--validation_fraction=0.4"]
  half = [flag for flag in flags if not flag.startswith("--stage2_steps")] + ["--stage2_steps=0"]
  run_command("deeplab_panns.train", *half, f"--run_dir={tmp_path / 'stage1'}")
  run_command(
    "deeplab_panns.train", *flags, f"--run_dir={tmp_path / 'run'}", f"--stage1_run={tmp_path / 'stage1'}"
  )
  ours, theirs = (
    tf.train.load_checkpoint(str(run / "checkpoints" / "last" / "ckpt-8"))
    for run in (tmp_path / "run", run_3d)
  )
  for name in theirs.get_variable_to_shape_map():
    if "OBJECT" not in name and "save_counter" not in name:
      np.testing.assert_array_equal(ours.get_tensor(name), theirs.get_tensor(name), err_msg=name)


def test_evaluate_and_the_exported_model(run_3d, tiny_raw, tmp_path):
  run_command("deeplab_panns.evaluate", f"--run_dir={run_3d}", f"--output_dir={tmp_path / 'scores'}")
  assert set(json.loads((tmp_path / "scores" / "metrics.json").read_text())["organs"]) == set(TINY_ORGANS)
  run_command("deeplab_panns.export", f"--run_dir={run_3d}", f"--output_dir={tmp_path / 'model'}")
  source = tiny_raw / "images" / "test_5.nii.gz"
  for model, folder in ((f"--run_dir={run_3d}", "a"), (f"--model={tmp_path / 'model'}", "b")):
    run_command("deeplab_panns.predict", model, f"--input={source}", f"--output_dir={tmp_path / folder}")
  ours, theirs = (np.asarray(nibabel.load(tmp_path / folder / "test_5.nii.gz").dataobj) for folder in "ab")
  assert ours.shape == nibabel.load(source).shape
  np.testing.assert_array_equal(ours, theirs)


def test_a_2d_and_a_3d_run_predict_together(run_3d, tiny_run, tiny_raw, tmp_path):
  runs = f"--run_dirs={tiny_run},{run_3d}"
  run_command(
    "deeplab_panns.predict",
    runs,
    f"--input={tiny_raw / 'images' / 'test_5.nii.gz'}",
    f"--output_dir={tmp_path}",
  )
  assert set(np.unique(np.asarray(nibabel.load(tmp_path / "test_5.nii.gz").dataobj))) <= {0, 1, 2, 3}
  result = run_command("deeplab_panns.evaluate", runs, f"--output_dir={tmp_path / 'scores'}")
  assert "mean Dice" in result.stdout


def test_a_spacing_the_store_cannot_serve(tiny_store, tmp_path):
  arguments = [*FLAGS_3D, f"--data_dir={tiny_store}", f"--run_dir={tmp_path / 'run'}"]
  result = run_command(
    "deeplab_panns.train", *arguments, "--spacing_mm=0.5", "--max_voxels=100000", check=False
  )
  assert result.returncode == 1 and result.stderr.count("\n") == 1 and "--max_voxels=100,000" in result.stderr
