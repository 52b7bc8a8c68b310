"""How long the import of a command takes: everybody waits for it, every time. The goal is 4 s."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT

# Generous: processors differ, and count more seconds when others use them too. The ratio does not.
MOST_SECONDS, MOST_OF_KERAS = 8.0, 2.0
SCRIPT = """
import importlib, resource, sys
import data
importlib.import_module(sys.argv[1])
if sys.argv[1] == "tensorflow":
  importlib.import_module("tensorflow").keras.layers
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime)
"""


def seconds(module):
  """Of the processor: what other processes take does not count."""
  command = [sys.executable, "-c", SCRIPT, module]
  return float(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


@pytest.mark.slow
def test_the_heaviest_import_is_that_of_keras():
  """`train` imports what trains; of others only `crossval` imports as much."""
  keras, train = seconds("tensorflow"), seconds("deeplab_panns.train")
  print(f"import of train: {train:.2f} s, of TensorFlow and Keras alone {keras:.2f} s")
  assert train < MOST_SECONDS and train < MOST_OF_KERAS * keras
