"""The command `predict` without its flags: which model predicts, and what it says in the end."""

import json
import types

import numpy as np
import pytest
from absl import flags

from data.input_error import InputError
from deeplab_panns import predict
from deeplab_panns.exports import saved_model
from deeplab_panns.prediction.opened_model import OpenedModel
from deeplab_panns.prediction.prediction import TABLES
from deeplab_panns.runs import trained
from deeplab_panns.segmentation.application import Application
from tests.conftest import write_nifti


@pytest.fixture
def openers(monkeypatch):
  """What each way of naming a model opens, in its organs."""

  def opened(*organs):
    network = types.SimpleNamespace(variables=[])
    return {"organs": organs, "scans": {}, "segmenter": types.SimpleNamespace(grid=organs, network=network)}

  def run(run_dir, checkpoint):
    settings = {**opened(f"run {run_dir}", checkpoint), "directory": None, "experiment": None}
    return trained.TrainedRun(**settings, data_dir="", step=1)

  def runs(run_dirs, checkpoint):
    several = [run(one, checkpoint) for one in run_dirs]
    return types.SimpleNamespace(**opened(f"runs {run_dirs}", checkpoint), runs=several)

  monkeypatch.setattr(trained, "open_run", run)
  monkeypatch.setattr(trained, "open_runs", runs)
  monkeypatch.setattr(saved_model, "open_saved_model", lambda model: types.SimpleNamespace(**opened(model)))


def test_a_run_several_runs_or_a_model_is_opened(openers, tmp_path):
  (tmp_path / "model").touch()
  run = predict.open_model("a", None, "best")
  model = predict.open_model(None, str(tmp_path / "model"), "last")
  runs = predict.open_model(None, None, "last", ["a", "c"])
  assert run.organs == ("run a", "best") and model.organs == (str(tmp_path / "model"),)
  assert runs.organs == ("runs ['a', 'c']", "last")
  assert len({run.identity, model.identity, runs.identity}) == 3


@pytest.mark.parametrize(
  "run_dir, model, run_dirs",
  [(None, None, []), ("a", "b", []), ("a", None, ["c"]), (None, "b", ["c"]), ("a", "b", ["c"])],
)
def test_none_and_several_are_refused(openers, run_dir, model, run_dirs):
  with pytest.raises(InputError, match="exactly one of --run_dir, --run_dirs and --model"):
    predict.open_model(run_dir, model, "last", run_dirs)


class Nothing:
  def labels(self, volume, spacing_mm):
    return {"labels": np.zeros(volume.shape, np.uint8)}


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
    output_format=["nifti"],
    seg_type="binary",
    output_masks=False,
    output_probabilities=False,
    preview=False,
    jobs=1,
    shard=None,
    keep_patient_ids=False,
    test_scales=["1"],
    crop_to_body=False,
    mend_sides=False,
    min_piece_share=0.0,
    fill_holes=False,
    memory_gb=None,
  )
  monkeypatch.setattr(predict.flags, "FLAGS", settings)
  opened = OpenedModel(Nothing(), ("liver", "spleen"), {}, "abc")
  monkeypatch.setattr(predict, "open_model", lambda *_: opened)
  return settings


def write_scan(path):
  """Noise from air to bone."""
  write_nifti(path, np.random.default_rng(0).integers(-1000, 300, (3, 4, 5)).astype(np.int16))


def test_the_command_names_the_organs_and_where_they_are(args, tmp_path, capsys):
  write_scan(tmp_path / "in" / "scan.nii.gz")
  predict.main(None)
  said = capsys.readouterr().out
  organs_json = tmp_path / "out" / "organs.json"
  assert said.startswith(f"{tmp_path / 'out'}: 1 label map (")
  assert f" s a slice); values 1 to 2 are the organs in {organs_json}; " in said
  names = {path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")}
  assert names == {*TABLES, "scan.nii.gz"}
  predict.main(None)
  assert ": 0 label maps, 1 kept as they were finished before; values" in capsys.readouterr().out
  args.overwrite = True
  predict.main(None)
  assert ": 1 label map (" in capsys.readouterr().out


def test_what_is_not_used_and_ids_of_paths_are_said_first(args, tmp_path, capsys):
  for name in ("p1/SE0.nii", "p2/SE0.nii"):
    write_scan(tmp_path / "in" / name)
  (tmp_path / "in" / "a.txt").touch()
  predict.main(None)
  unused, ids, _, _, last = capsys.readouterr().out.splitlines()
  assert unused == "not used: 1 file (a.txt)"
  assert ids.startswith("2 inputs share their names") and ids.endswith(": p1_SE0, p2_SE0")
  assert ": 2 label maps (" in last


def test_shards_deal_the_scans_whatever_is_done_already(args, tmp_path, capsys):
  for name in "abcd":
    write_scan(tmp_path / "in" / f"{name}.nii")
  for args.shard, done in (("2/3", ["b"]), ("1/3", ["a", "b", "d"]), ("1/3", ["a", "b", "d"]), ("9/9", None)):
    predict.main(None)
    names = sorted(path.name[0] for path in (tmp_path / "out").glob("*.nii.gz"))
    assert names == (done or ["a", "b", "d"])
  assert ": 0 label maps; values" in capsys.readouterr().out.splitlines()[-1]
  args.shard = "4/3"
  with pytest.raises(InputError, match=r"^--shard=4/3: must be i/n"):
    predict.main(None)


def test_the_folder_of_the_input_is_refused_before_the_run_is_opened(args, tmp_path, monkeypatch):
  write_scan(tmp_path / "in" / "scan.nii.gz")
  args.output_dir = args.input
  monkeypatch.setattr(predict, "open_model", lambda *_: pytest.fail("opened the run"))
  with pytest.raises(InputError, match=r"is a folder of the input; scan\.nii\.gz would be"):
    predict.main(None)


def test_formats_that_do_not_exist_are_refused_before_anything_is_made(args, tmp_path):
  write_scan(tmp_path / "in" / "scan.nii.gz")
  args.output_format = ["nifti", "stl"]
  with pytest.raises(InputError, match=r"^--output_format=nifti,stl: one or several of"):
    predict.main(None)
  assert not (tmp_path / "out").exists()


def test_every_flag_is_known_to_change_labels_or_not(monkeypatch):
  """A case is kept if nothing that its labels depend on has changed."""
  values = flags.FlagValues()
  for kind in ("string", "list", "enum", "bool", "integer", "float"):
    define = getattr(flags, f"DEFINE_{kind}")
    monkeypatch.setattr(
      predict.flags,
      f"DEFINE_{kind}",
      lambda *args, define=define, **settings: define(*args, **settings, flag_values=values),
    )
  predict.define_flags()
  told_by_the_model = {"run_dir", "run_dirs", "model", "checkpoint"}
  files = {
    "input",
    "output_dir",
    "output_format",
    "seg_type",
    "output_masks",
    "output_probabilities",
    "preview",
  }
  ways = {"jobs", "shard", "overwrite", "memory_gb", "keep_patient_ids"}
  assert set(values) == {*predict.LABEL_FLAGS, *told_by_the_model, *files, *ways}


def test_an_exported_model_is_not_applied_in_another_way(openers, tmp_path):
  (tmp_path / "model").touch()
  model = str(tmp_path / "model")
  assert predict.open_model(None, model, "last", how=Application()).organs == (model,)
  for how in (Application((0.5, 1.0)), Application(crop_to_body=True), Application(memory_gb=1.0)):
    with pytest.raises(InputError, match=r"is applied as it was exported; leave --test_scales, --crop"):
      predict.open_model(None, model, "last", how=how)
  with pytest.raises(InputError, match="is of one checkpoint; leave --checkpoint out"):
    predict.open_model(None, model, "best")


def test_a_folder_of_two_models_is_not_guessed_at(openers, tmp_path):
  for name in ("model.onnx", "saved_model.pb"):
    (tmp_path / name).touch()
  with pytest.raises(InputError, match=r"holds model\.onnx and a SavedModel, which may be of two runs"):
    predict.open_model(None, str(tmp_path), "last")


def test_labels_are_mended_before_they_are_written(args, tmp_path, monkeypatch):
  class Specks(Nothing):
    def labels(self, volume, spacing_mm):
      labels = np.zeros(volume.shape, np.uint8)
      labels[0, 0, :3], labels[2, 3, 4] = 1, 1
      return {"labels": labels}

  opened = OpenedModel(Specks(), ("liver", "spleen"), {}, "abc")
  monkeypatch.setattr(predict, "open_model", lambda *_: opened)
  write_scan(tmp_path / "in" / "scan.nii.gz")
  voxels = []
  for share in (0.0, 0.5, 0.5):  # with another flag the case is made again
    args.min_piece_share = share
    predict.main(None)
    statistics = json.loads((tmp_path / "out" / "statistics.json").read_text())
    voxels.append(statistics["scan"]["liver"]["voxels"])
  assert voxels == [4, 3, 3]
