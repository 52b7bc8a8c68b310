"""The benchmark counts and reports what it says; how fast anything is, no test decides."""

import json

import pytest
import tensorflow as tf

from deeplab_panns.benchmark import __main__
from dltk_unet.unet import UNetConfig, unet_3d
from dltk_unet.unet import multiply_accumulates as of_unet
from tests.conftest import run_command


def test_multiply_accumulates_by_hand():
  image = tf.keras.Input([8, 8, 3])
  features = tf.keras.layers.Conv2D(5, 3, strides=2, padding="same")(image)
  network = tf.keras.Model(image, tf.keras.layers.Conv2D(2, 1)(features))
  assert __main__.multiply_accumulates(network, (2, 8, 8, 3)) == 2 * 4 * 4 * (27 * 5 + 5 * 2)


def test_multiply_accumulates_of_the_unet_are_its_own_count():
  config = UNetConfig(3, filters=(4, 8), strides=((1, 1, 1), (2, 2, 2)))
  assert __main__.multiply_accumulates(unet_3d(config), (1, 8, 8, 16, 1)) == of_unet(config, (8, 8, 16))


def test_measures_take_turns_and_the_first_two_rounds_do_not_count():
  order = []
  measures = [
    __main__.Measure(name, lambda name=name: order.append(name), {"multiply_accumulates": 10})
    for name in "ab"
  ]
  seconds = __main__.time_in_turns(measures, 3)
  assert "".join(order) == "ab" * 5 and [len(kept) for kept in seconds] == [3, 3]


def test_ratios_by_hand():
  lines = __main__.ratios(
    [
      {"measure": "panns step", "minimum_s": 1.1},
      {"measure": "supervised step", "minimum_s": 1.0},
      {"measure": "sliding_window volume", "minimum_s": 10.0, "windows": 8},
      {"measure": "one window", "minimum_s": 1.2},
    ]
  )
  assert "1.100" in lines[0] and "4.0 %" in lines[1]


@pytest.mark.slow
def test_the_command_prints_a_table_and_json_lines():
  result = run_command("deeplab_panns.benchmark", "--what=unet_step", "--batch=1", "--size=16", "--repeats=3")
  line = json.loads(result.stdout.splitlines()[-1])
  assert (
    line["parameters"] == 3_739_888
    and line["input"] == [1, 16, 16, 16, 1]
    and line["minimum_s"] <= line["median_s"]
  )
  result = run_command("deeplab_panns.benchmark", "--what=metrics", "--size=64", "--repeats=3")
  assert json.loads(result.stdout.splitlines()[-1])["volume"][1:] == [64, 64]
  failed = run_command("deeplab_panns.benchmark", "--what=speed", check=False)
  assert failed.returncode == 2 and "must name measures" in failed.stderr
