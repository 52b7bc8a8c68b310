"""The commands as a user runs them, on three organs and eight steps."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import nibabel
import numpy as np
import pytest
import tensorflow as tf

from deeplab_panns.scores.score_table import read_csv
from tests.conftest import ROOT, TINY_FLAGS, TINY_ORGANS, make_case, run_command, write_nifti

pytestmark = pytest.mark.slow


def checkpoint(run_dir, step):
  reader = tf.train.load_checkpoint(str(run_dir / "checkpoints" / "last" / f"ckpt-{step}"))
  return {
    name: reader.get_tensor(name)
    for name in reader.get_variable_to_shape_map()
    if "save_counter" not in name and "OBJECT" not in name
  }


def assert_same_checkpoint(ours, theirs):
  assert set(ours) == set(theirs)
  for name, value in ours.items():
    np.testing.assert_array_equal(value, theirs[name], err_msg=name)


def scalars(run_dir):
  found = {}
  for file in sorted((run_dir / "events").glob("events*")):
    for event in tf.compat.v1.train.summary_iterator(str(file)):
      for value in event.summary.value:
        found.setdefault(value.tag, {})[event.step] = value.tensor
  return found


def test_the_scalars_have_their_names(tiny_run):
  tags = scalars(tiny_run)
  organs = ["liver", "spleen", "pancreas"]
  expected = {
    "_hparams_/experiment",
    "_hparams_/session_start_info",
    "gradient/norm",
    "loss/labeled",
    "loss/partial",
    "loss/prior",
    "prior/kl",
    "learning_rate/theta",
    "learning_rate/dual",
    "throughput/images_per_second",
    "validation/dice/mean",
    "overlay/image_reference_prediction",
  }
  expected |= {
    f"prior/{kind}/{name}" for kind in ("nu", "mu", "p_bar", "q") for name in ["background", *organs]
  }
  expected |= {f"validation/dice/{organ}" for organ in organs}
  assert set(tags) == expected
  assert sorted(tags["loss/labeled"]) == [2, 4, 6, 8] and sorted(tags["prior/kl"]) == [6, 8]
  rates = {step: float(tf.make_ndarray(tensor)) for step, tensor in tags["learning_rate/theta"].items()}
  assert rates[2] == pytest.approx(0.01 * 0.75**0.9) and rates[6] == pytest.approx(0.01 * 0.75**0.9)


def test_the_run_holds_its_prior_and_settings(tiny_run):
  prior = json.loads((tiny_run / "prior.json").read_text())
  assert prior["classes"] == ["background", *TINY_ORGANS]
  assert sum(prior["sampled"]) == pytest.approx(1) and prior["sampled"] != prior["voxels"]
  assert json.loads((tiny_run / "experiment.json").read_text())["supervision"] == "panns"


def test_a_finished_run_says_so(tiny_run, tiny_store):
  result = run_command(
    "deeplab_panns.train",
    *TINY_FLAGS,
    f"--data_dir={tiny_store}",
    f"--run_dir={tiny_run}",
    "--fold=0",
    "--validation_fraction=0.4",
  )
  assert "finished at step 8; nothing to do" in result.stdout and result.stderr == ""


def test_other_flags_are_refused(tiny_run, tiny_store):
  result = run_command(
    "deeplab_panns.train",
    *TINY_FLAGS,
    f"--data_dir={tiny_store}",
    f"--run_dir={tiny_run}",
    "--fold=0",
    "--validation_fraction=0.4",
    "--lambda1=0.5",
    check=False,
  )
  assert (
    result.returncode == 1 and "--lambda1=0.5 (was 1.0)" in result.stderr and result.stderr.count("\n") == 1
  )


def test_stage_1_taken_from_another_run_gives_the_same_weights(tiny_run, tiny_store, tmp_path):
  arguments = [
    *TINY_FLAGS,
    f"--data_dir={tiny_store}",
    "--fold=0",
    "--validation_fraction=0.4",
    f"--stage1_run={tiny_run}",
  ]
  result = run_command("deeplab_panns.train", *arguments, f"--run_dir={tmp_path / 'panns'}")
  assert "step 4 of 8" in result.stdout and "step 2 of 8" not in result.stdout
  assert_same_checkpoint(checkpoint(tmp_path / "panns", 8), checkpoint(tiny_run, 8))
  other = run_command(
    "deeplab_panns.train", *arguments, f"--run_dir={tmp_path / 'other'}", "--momentum=0.5", check=False
  )
  assert other.returncode == 1 and "--momentum=0.5 (was 0.9)" in other.stderr


def test_a_strategy_of_one_device_and_flags_of_another_network(tiny_store, tmp_path):
  result = run_command(
    "deeplab_panns.train",
    *TINY_FLAGS,
    "--patch_size=8",
    "--supervision=full",
    "--stage2_steps=0",
    "--strategy=mirrored",
    f"--data_dir={tiny_store}",
    f"--run_dir={tmp_path / 'run'}",
  )
  assert "finished at step 4" in result.stdout
  assert "warning: --network=deeplab_v3 does not look at --patch_size; given here, this" in result.stdout


def test_a_corrected_prior_is_kept_and_logged(tiny_store, tmp_path):
  """The partial cases annotate the liver and so decide its share; the other shares keep their ratios."""
  run_command(
    "deeplab_panns.train",
    *TINY_FLAGS,
    f"--data_dir={tiny_store}",
    "--fold=0",
    "--prior_mismatch=correct",
    f"--run_dir={tmp_path / 'run'}",
  )
  prior = json.loads((tmp_path / "run" / "prior.json").read_text())
  sampled, corrected = prior["sampled"], prior["corrected"]
  assert sum(corrected) == pytest.approx(1) and corrected[1] != pytest.approx(sampled[1], rel=1e-3)
  assert corrected[2] / sampled[2] == pytest.approx(corrected[0] / sampled[0])
  assert float(tf.make_ndarray(scalars(tmp_path / "run")["prior/q/liver"][8])) == pytest.approx(corrected[1])


@pytest.mark.parametrize("split, cases", [("val", 1), ("all", 6)])
def test_evaluate_scores_a_split(tiny_run, tmp_path, split, cases):
  result = run_command(
    "deeplab_panns.evaluate", f"--run_dir={tiny_run}", f"--split={split}", f"--output_dir={tmp_path}"
  )
  assert "on the store's grid" in result.stdout
  summary = json.loads((tmp_path / "metrics.json").read_text())
  assert summary["cases"] == cases and set(summary["organs"]) == set(TINY_ORGANS)
  rows = read_csv(tmp_path / "metrics.csv")
  # of the two partial cases only the liver is annotated
  assert len(rows) == (cases * 3 if split != "all" else 4 * 3 + 2)


def test_predict_export_and_evaluate_agree(tiny_run, tiny_raw, tmp_path):
  """The labels are the same from the run, from its SavedModel, and from the SavedModel in a process that has
  only TensorFlow."""
  run_command("deeplab_panns.export", f"--run_dir={tiny_run}", f"--output_dir={tmp_path / 'model'}")
  inputs = tmp_path / "inputs"
  inputs.mkdir()
  shutil.copy(tiny_raw / "images" / "test_5.nii.gz", inputs)
  image, _ = make_case(np.random.default_rng(11), (11, 33, 46))  # sizes of its own
  write_nifti(inputs / "other.nii.gz", image, (2.0, 1.1, 1.1))
  run_command(
    "deeplab_panns.predict", f"--run_dir={tiny_run}", f"--input={inputs}", f"--output_dir={tmp_path / 'a'}"
  )
  run_command(
    "deeplab_panns.predict",
    f"--model={tmp_path / 'model'}",
    f"--input={inputs}",
    f"--output_dir={tmp_path / 'b'}",
  )
  script = """
import json, sys, numpy as np, tensorflow as tf
assert not any(name in sys.modules for name in ("data", "deeplab_panns", "tensorflow_addons"))
model, volume, spacing, out = sys.argv[1:5]
signature = tf.saved_model.load(model).signatures["serving_default"]
spacing_mm = tf.constant(json.loads(spacing), tf.float32)
np.save(out, signature(volume=tf.constant(np.load(volume)), spacing_mm=spacing_mm)["labels"].numpy())
"""
  for name, spacing in (("test_5", [3.0, 2.0, 2.0]), ("other", [2.0, 1.1, 1.1])):
    source, ours, theirs = (
      nibabel.load(folder / f"{name}.nii.gz") for folder in (inputs, tmp_path / "a", tmp_path / "b")
    )
    assert ours.get_data_dtype() == np.uint8 and ours.shape == source.shape
    np.testing.assert_allclose(ours.affine, source.affine, atol=1e-4)
    np.testing.assert_array_equal(np.asarray(ours.dataobj), np.asarray(theirs.dataobj))
    np.save(tmp_path / "volume.npy", np.asarray(source.dataobj).transpose(2, 1, 0).astype(np.float32))
    # oneDNN as in the commands, for equal bits
    environment = {**os.environ, "PYTHONPATH": "", "TF_ENABLE_ONEDNN_OPTS": "1"}
    arguments = [tmp_path / "model", tmp_path / "volume.npy", json.dumps(spacing), tmp_path / "labels.npy"]
    subprocess.run(
      [sys.executable, "-c", script, *arguments],
      cwd=tmp_path,
      check=True,
      env=environment,
      capture_output=True,
    )
    np.testing.assert_array_equal(
      np.load(tmp_path / "labels.npy").transpose(2, 1, 0), np.asarray(ours.dataobj)
    )
  assert json.loads((tmp_path / "model" / "assets" / "organs.json").read_text()) == TINY_ORGANS
  assert sorted(file.name for file in (tmp_path / "a").glob("*.nii.gz")) == ["other.nii.gz", "test_5.nii.gz"]


def test_predict_takes_several_runs(tiny_run, tiny_raw, tmp_path):
  source = tiny_raw / "images" / "test_5.nii.gz"
  run_command(
    "deeplab_panns.predict",
    f"--run_dirs={tiny_run},{tiny_run}",
    f"--input={source}",
    f"--output_dir={tmp_path / 'two'}",
  )
  run_command(
    "deeplab_panns.predict", f"--run_dir={tiny_run}", f"--input={source}", f"--output_dir={tmp_path / 'one'}"
  )
  two, one = (np.asarray(nibabel.load(tmp_path / name / "test_5.nii.gz").dataobj) for name in ("two", "one"))
  # the mean of two equal networks, but for the rounding of a logarithm
  assert np.mean(two == one) > 0.999
  for arguments in ((f"--run_dirs={tiny_run}", f"--run_dir={tiny_run}"), ()):
    said = run_command(
      "deeplab_panns.predict", *arguments, f"--input={source}", f"--output_dir={tmp_path}", check=False
    )
    assert said.returncode == 1 and "exactly one of --run_dir, --run_dirs and --model" in said.stderr


def test_evaluate_folders(tmp_path):
  for number in range(2):
    _, label = make_case(np.random.default_rng(number))
    write_nifti(tmp_path / "references" / f"c{number}.nii.gz", label)
    write_nifti(
      tmp_path / "predictions" / f"c{number}.nii.gz", np.where(label == 2, 0, label).astype(np.uint8)
    )
  arguments = [
    f"--predictions={tmp_path / 'predictions'}",
    f"--references={tmp_path / 'references'}",
    f"--output_dir={tmp_path / 'out'}",
  ]
  result = run_command("deeplab_panns.evaluate", *arguments, "--organs=liver,spleen,pancreas")
  summary = json.loads((tmp_path / "out" / "metrics.json").read_text())
  assert [summary["organs"][organ]["dice"] for organ in TINY_ORGANS] == [1, 0, 1]
  assert summary["missed"] == 2 and "mean Dice 0.6667" in result.stdout
  (tmp_path / "predictions" / "c1.nii.gz").unlink()
  failed = run_command("deeplab_panns.evaluate", *arguments, "--organs=liver,spleen,pancreas", check=False)
  assert failed.returncode == 1 and "c1.nii.gz" in failed.stderr
  too_few = run_command("deeplab_panns.evaluate", *arguments, "--organs=liver", check=False)
  assert too_few.returncode == 1 and "holds the values 2, 3" in too_few.stderr


def test_report_prints_a_table(tiny_run, tmp_path):
  run = tmp_path / "run"
  shutil.copytree(tiny_run, run)
  run_command("deeplab_panns.evaluate", f"--run_dir={run}")
  result = run_command(
    "deeplab_panns.report",
    f"--run_dirs={run},{run}",
    "--names=ours,again",
    f"--output_dir={tmp_path / 'report'}",
  )
  assert result.stdout.startswith((tmp_path / "report" / "table.md").read_text()) and result.stderr == ""
  lines = (tmp_path / "report" / "table.csv").read_text().splitlines()
  assert lines[0] == "organ,ours,again" and lines[-1].startswith("mean,") and len(lines) == 5
  page = (tmp_path / "report" / "report.html").read_text()
  # boxes, slices, worst cases, confusion, volumes, training, prior, prior check
  assert page.count("data:image/png;base64,") == 8


def test_every_flagfile_parses():
  files = sorted((ROOT / "experiments").glob("*.flags"))
  assert files
  script = """
import sys
from absl import flags
from deeplab_panns import config
config.define_flags()
for file in sys.argv[1:]:
  flags.FLAGS.unparse_flags()
  flags.FLAGS(["train", "--flagfile=" + file, "--data_dir=x", "--run_dir=y"])
  config.experiment_from_flags(flags.FLAGS, (None, None, None))
  for name in list(flags.FLAGS): flags.FLAGS[name].unparse()
"""
  result = subprocess.run(
    [sys.executable, "-c", script, *map(str, files)], cwd=ROOT, capture_output=True, text=True, check=False
  )
  assert result.returncode == 0, result.stderr


def test_flagfiles_say_what_they_reproduce():
  for file in (ROOT / "experiments").glob("*.flags"):
    header = [line for line in pathlib.Path(file).read_text().splitlines() if line.startswith("#")]
    for word in ("Run:", "Cost:", "Expect:"):
      assert any(word in line for line in header), f"{file}: {word}"
