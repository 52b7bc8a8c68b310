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


def test_the_command_names_the_organs_and_where_they_are(tmp_path, monkeypatch, capsys):
  write_nifti(tmp_path / "scan.nii.gz", np.zeros((3, 4, 5), np.int16))
  args = types.SimpleNamespace(
    run_dir="a", run_dirs=[], model=None, checkpoint="last", input=tmp_path, output_dir=str(tmp_path / "out")
  )
  monkeypatch.setattr(predict.flags, "FLAGS", args)
  run = types.SimpleNamespace(segmenter=Nothing(), organs=("liver", "spleen"))
  monkeypatch.setattr(predict, "open_run", lambda *_: run)
  predict.main(None)
  said = capsys.readouterr().out
  organs_json = tmp_path / "out" / "organs.json"
  assert said.startswith(f"{tmp_path / 'out'}: 1 label maps; values 1 to 2 are the organs in {organs_json}; ")
  assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["organs.json", "scan.nii.gz"]
