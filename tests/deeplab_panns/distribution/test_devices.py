"""What the flags allow, and what is said where devices are not to be had."""

import pytest
import tensorflow as tf

from data.input_error import InputError
from deeplab_panns.distribution.devices import Devices, make_team


@pytest.mark.parametrize(
  "settings, found",
  [
    ({"strategy": "two"}, "strategy=two: must be one of one, mirrored, multi_worker, tpu"),
    ({"cpu_replicas": 2}, "cpu_replicas=2: is for --strategy=mirrored"),
    ({"strategy": "mirrored", "cpu_replicas": 65}, "cpu_replicas=65: must be in"),
  ],
)
def test_settings_that_do_not_go_together(settings, found):
  with pytest.raises(ValueError, match=f"^{found}"):
    Devices(**settings)


def test_one_device_has_no_strategy():
  team = make_team(Devices())
  assert (team.replicas, team.workers, team.is_chief, team.describe()) == (1, 1, True, "")


def test_a_tpu_that_is_not_there_is_one_line(monkeypatch):
  def absent(*_, **__):
    raise tf.errors.NotFoundError(None, None, "no TPU\nTraceback ...")

  monkeypatch.setattr(tf.tpu.experimental, "initialize_tpu_system", absent)
  with pytest.raises(InputError, match=r"no TPU answers at --tpu=local \(no TPU\)"):
    make_team(Devices("tpu"))


def test_replicas_on_the_cpu_must_come_before_tensorflow(monkeypatch):
  tf.constant(0)
  with pytest.raises(InputError, match="TensorFlow runs already"):
    make_team(Devices("mirrored", cpu_replicas=2))


def test_replicas_on_the_cpu_are_for_hosts_without_a_gpu(monkeypatch):
  monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
  with pytest.raises(InputError, match="this one has 1; leave it out"):
    make_team(Devices("mirrored", cpu_replicas=2))
