"""What a run starts from is named by its content: another path is the same start, another file is not."""

import pytest

from data.input_error import InputError
from deeplab_panns.pretrained import start
from deeplab_panns.pretrained.start import Start
from deeplab_panns.runs.experiment import Experiment
from deeplab_panns.runs.flat_settings import differences, from_flat


def write(path, content=b"weights"):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_bytes(content)
  return str(path)


def test_nothing_to_start_from_changes_nothing():
  assert Start().named_in(Experiment()) == Experiment() and Start().load(None, Experiment()) is None


def test_a_file_is_named_by_its_content(tmp_path):
  here, there = write(tmp_path / "a" / "r50.h5"), write(tmp_path / "b" / "r50.h5")
  experiment = Start(pretrained=here).named_in(Experiment())
  assert experiment.pretrained.startswith("r50.h5 sha256:") and len(experiment.pretrained) == 30
  assert Start(pretrained=there).named_in(Experiment()) == experiment
  assert not experiment.has_stage1_of(Experiment())
  other = Start(pretrained=write(tmp_path / "c" / "r50.h5", b"others")).named_in(Experiment())
  assert [line.partition("=")[0] for line in differences(other, experiment)] == ["--pretrained"]


def test_a_checkpoint_is_named_by_its_index(tmp_path):
  index = write(tmp_path / "model.ckpt.index")
  by_prefix = Start(pretrained=str(tmp_path / "model.ckpt")).named_in(Experiment()).pretrained
  by_index = Start(pretrained=index).named_in(Experiment()).pretrained
  assert by_prefix.partition(" ")[2] == by_index.partition(" ")[2]


def test_a_run_is_named_by_its_last_checkpoint(tmp_path):
  for step in (9, 10):
    write(tmp_path / "run[0]" / "checkpoints" / "last" / f"ckpt-{step}.index", str(step).encode())
  first = Start(init_from=str(tmp_path / "run[0]")).named_in(Experiment()).init_from
  write(tmp_path / "run[0]" / "checkpoints" / "last" / "ckpt-9.index", b"other")
  assert Start(init_from=str(tmp_path / "run[0]")).named_in(Experiment()).init_from == first
  write(tmp_path / "run[0]" / "checkpoints" / "last" / "ckpt-10.index", b"other")
  assert Start(init_from=str(tmp_path / "run[0]")).named_in(Experiment()).init_from != first


@pytest.mark.parametrize(
  "settings, given, says",
  [
    ({}, {"pretrained": "a", "init_from": "b"}, "starts from one of the two"),
    ({}, {"pretrained": "/nowhere/r50.h5"}, "there is no such file; name a TF1 checkpoint"),
    ({}, {"init_from": "/nowhere"}, "holds no run with a checkpoint"),
    ({"network": "dltk_unet3d"}, {"pretrained": "a"}, "there are public weights of --network=deeplab_v3"),
    ({"backbone": "resnet_small"}, {"pretrained": "a"}, "--backbone=resnet50 or resnet101"),
  ],
)
def test_what_cannot_be_started_from_is_one_line(settings, given, says):
  with pytest.raises(InputError, match=says):
    Start(**given).named_in(from_flat(settings))


def test_each_kind_is_loaded_by_its_reader(monkeypatch):
  monkeypatch.setattr(start, "load_imagenet", lambda network, config, path: (network, config.backbone, path))
  monkeypatch.setattr(start, "load_from_run", lambda network, run_dir: (network, run_dir))
  assert Start(pretrained="file").load("net", Experiment()) == ("net", "resnet50", "file")
  assert Start(init_from="run").load("net", Experiment()) == ("net", "run")
