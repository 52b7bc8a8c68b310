"""The command `export` without its flags."""

import pathlib
import types

import pytest

from data.input_error import InputError
from deeplab_panns import export


@pytest.fixture
def args(tmp_path, monkeypatch):
  settings = types.SimpleNamespace(
    run_dir="run",
    checkpoint="best",
    output_dir=str(tmp_path / "model"),
    overwrite=False,
    format="saved_model",
  )
  run = types.SimpleNamespace(segmenter="segmenter", organs=("liver", "spleen"), step=70, scans="ranges")
  monkeypatch.setattr(export, "open_run", lambda *opened: opened == ("run", "best") and run)
  monkeypatch.setattr(export, "facts_of", lambda opened: opened is run and "facts")
  monkeypatch.setattr(export.flags, "FLAGS", settings)
  return settings


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_that_is_no_model_is_refused_before_the_run_is_opened(args, monkeypatch, overwrite):
  args.overwrite = overwrite
  pathlib.Path(args.output_dir).mkdir()
  (pathlib.Path(args.output_dir) / "scan.nii").touch()
  monkeypatch.setattr(export, "open_run", lambda *_: pytest.fail("opened the run"))
  with pytest.raises(InputError, match=r"model: holds what is no part of a SavedModel \(scan\.nii\)"):
    export.main(None)


def test_the_size_of_all_files_is_told(args, monkeypatch, capsys):
  def write(segmenter, organs, output_dir, scans, facts):
    assert (segmenter, scans, facts) == ("segmenter", "ranges", "facts")
    folder = pathlib.Path(output_dir) / "variables"
    folder.mkdir(parents=True)
    (folder / "data").write_bytes(bytes(1_500_000))
    (folder.parent / "saved_model.pb").write_bytes(bytes(700_000))

  monkeypatch.setattr(export, "write_saved_model", write)
  export.main(None)
  expected = f"{args.output_dir}: SavedModel of run at step 70, 2 organs, 2.2 MB\n"
  assert capsys.readouterr().out == expected


def test_an_onnx_file_tells_how_near_it_is(args, monkeypatch, capsys):
  def write(segmenter, facts, outputs):
    assert (segmenter, facts) == ("segmenter", "facts")
    (outputs.folder / "model.onnx").write_bytes(bytes(100_000))
    return 2.3e-6

  args.format = "onnx"
  monkeypatch.setattr(export, "require_onnx", lambda: None)
  monkeypatch.setattr(export, "write_onnx", write)
  export.main(None)
  expected = f"{args.output_dir}: ONNX file (probabilities within 2e-06 of TensorFlow's) of run at step 70, "
  assert capsys.readouterr().out == expected + "2 organs, 0.1 MB\n"


def test_what_an_onnx_file_would_replace_is_refused_before_the_run_is_opened(args, monkeypatch):
  args.format = "onnx"
  pathlib.Path(args.output_dir).mkdir()
  (pathlib.Path(args.output_dir) / "MODEL_CARD.md").touch()
  monkeypatch.setattr(export, "require_onnx", lambda: None)
  monkeypatch.setattr(export, "open_run", lambda *_: pytest.fail("opened the run"))
  with pytest.raises(InputError, match=r"MODEL_CARD\.md: exists"):
    export.main(None)
