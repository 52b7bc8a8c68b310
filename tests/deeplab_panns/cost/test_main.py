"""The command on flagfiles of the repository."""

import types

import pytest
from absl import flags

from data.input_error import InputError
from deeplab_panns.cost import __main__ as cost
from deeplab_panns.cost.__main__ import read_experiment, rows
from deeplab_panns.cost.network_cost import NetworkCost
from tests.conftest import ROOT


def test_a_flagfile_becomes_rows_of_each_machine_that_can_share_its_batch():
  experiment = read_experiment(str(ROOT / "experiments" / "resnet101_panns.flags"))
  assert experiment.batch_size == 16 and experiment.steps == 70000
  header, *lines = rows(experiment, NetworkCost(1e11, 3e8, 4e6, 6e7))
  assert len(lines) == 6 and all(len(line) == len(header) for line in lines)
  assert all(float(line[3]) <= float(line[4]) for line in lines)
  # 16 examples can be dealt to 8 devices, the 4 partial ones among them cannot
  assert not [line for line in lines if line[0].startswith(("8 ", "TPU"))]
  full = read_experiment(str(ROOT / "experiments" / "resnet101_full.flags"))
  _, *lines = rows(full, NetworkCost(1e11, 3e8, 4e6, 6e7))
  hours = {line[:2]: float(line[4]) for line in lines}
  assert len(lines) == 12 and hours["8 A100", "float32"] < hours["A100 80GB", "float32"] / 6


def test_what_is_no_flagfile_is_told(tmp_path):
  (tmp_path / "a.flags").write_text("--crop_size=12\n")
  with pytest.raises(flags.Error, match="crop_size"):
    read_experiment(str(tmp_path / "a.flags"))


def test_the_command_says_what_it_counted(monkeypatch, capsys):
  monkeypatch.setattr(cost, "build_network", lambda experiment, classes: None)
  monkeypatch.setattr(cost, "count", lambda network, shape: NetworkCost(2e9, 3e6, 4e6, 5_000_000))
  values = flags.FlagValues()
  flags.DEFINE_string("experiment", str(ROOT / "experiments" / "quickstart3d.flags"), "", flag_values=values)
  flags.DEFINE_integer("organs", 13, "", flag_values=values)
  values(["cost"])
  monkeypatch.setattr(cost.flags, "FLAGS", values)
  cost.main([])
  said = capsys.readouterr().out
  assert "2.0 GMAC, 3 M activations an example, 5.0 M parameters" in said and "| H100 SXM" in said


def test_two_networks_are_not_taken_for_one(monkeypatch, tmp_path):
  flagfile = tmp_path / "two.flags"
  quickstart = ROOT / "experiments" / "quickstart.flags"
  flagfile.write_text(f"--flagfile={quickstart}\n--supervision=partial\n--co_training\n")
  monkeypatch.setattr(cost.flags, "FLAGS", types.SimpleNamespace(experiment=str(flagfile), organs=13))
  with pytest.raises(InputError, match="trains two networks; the estimate is of one"):
    cost.main([])
