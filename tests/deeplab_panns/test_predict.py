"""The command `predict` without its flags: which model predicts, and what it says in the end."""

import types

import numpy as np
import pytest
import tensorflow as tf

from data.input_error import InputError
from deeplab_panns import predict
from tests.conftest import write_nifti


@pytest.fixture
def openers(monkeypatch):
  """What each way of naming a model opens, as text."""
  monkeypatch.setattr(predict, "open_run", lambda run_dir, checkpoint: f"run {run_dir}, {checkpoint}")
  monkeypatch.setattr(predict, "open_runs", lambda run_dirs, checkpoint: f"runs {run_dirs}, {checkpoint}")
  monkeypatch.setattr(predict, "open_saved_model", lambda folder: f"model {folder}")


def test_a_run_several_runs_or_a_model_is_opened(openers):
  assert predict.open_model("a", None, "best") == "run a, best"
  assert predict.open_model(None, "b", "last") == "model b"
  assert predict.open_model(None, None, "last", ["a", "c"]) == "runs ['a', 'c'], last"


@pytest.mark.parametrize(
  "run_dir, model, run_dirs",
  [(None, None, []), ("a", "b", []), ("a", None, ["c"]), (None, "b", ["c"]), ("a", "b", ["c"])],
)
def test_none_and_several_are_refused(openers, run_dir, model, run_dirs):
  with pytest.raises(InputError, match="exactly one of --run_dir, --run_dirs and --model"):
    predict.open_model(run_dir, model, "last", run_dirs)


class Nothing:
  def labels(self, volume, spacing_mm):
    return {"labels": tf.zeros(volume.shape, tf.uint8)}


@pytest.fixture
def args(tmp_path, monkeypatch):
  settings = types.SimpleNamespace(
    run_dir="a",
    run_dirs=[],
    model=None,
    checkpoint="last",
    input=tmp_path / "in",
    output_dir=str(tmp_path / "out"),
    overwrite=False,
    assume_hu=False,
    nifti_header=None,
  )
  monkeypatch.setattr(predict.flags, "FLAGS", settings)
  run = types.SimpleNamespace(segmenter=Nothing(), organs=("liver", "spleen"), scans={})
  monkeypatch.setattr(predict, "open_run", lambda *_: run)
  return settings


def write_scan(path):
  """Noise from air to bone."""
  write_nifti(path, np.random.default_rng(0).integers(-1000, 300, (3, 4, 5)).astype(np.int16))


def test_the_command_names_the_organs_and_where_they_are(args, tmp_path, capsys):
  write_scan(tmp_path / "in" / "scan.nii.gz")
  predict.main(None)
  said = capsys.readouterr().out
  organs_json = tmp_path / "out" / "organs.json"
  assert said.startswith(f"{tmp_path / 'out'}: 1 label map; values 1 to 2 are the organs in {organs_json}; ")
  names = {path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")}
  assert names == {"organs.json", "scan.nii.gz"}


def test_what_is_not_used_and_ids_of_paths_are_said_first(args, tmp_path, capsys):
  for name in ("p1/SE0.nii", "p2/SE0.nii"):
    write_scan(tmp_path / "in" / name)
  (tmp_path / "in" / "a.txt").touch()
  predict.main(None)
  unused, ids, last = capsys.readouterr().out.splitlines()
  assert unused == "not used: 1 file (a.txt)"
  assert ids.startswith("2 inputs share their names") and ids.endswith(": p1_SE0, p2_SE0")
  assert ": 2 label maps; " in last


def test_the_folder_of_the_input_is_refused_before_the_run_is_opened(args, tmp_path, monkeypatch):
  write_scan(tmp_path / "in" / "scan.nii.gz")
  args.output_dir = args.input
  monkeypatch.setattr(predict, "open_run", lambda *_: pytest.fail("opened the run"))
  with pytest.raises(InputError, match=r"is a folder of the input; scan\.nii\.gz would be"):
    predict.main(None)
