"""The memory that prediction takes on a large scan. `pytest -s` prints it."""

import subprocess
import sys

import numpy as np
import pytest

from tests.conftest import ROOT, write_nifti

LIMIT_GB = 3.0
SCRIPT = """
import pathlib, sys, types
from deeplab_panns.prediction.opened_model import on_tensorflow  # before TensorFlow, as the commands do
from deeplab_panns.prediction.prediction import predict_file
import tensorflow as tf
from deeplab_panns.segmentation.ensemble import Ensemble
from deeplab_panns.segmentation.slice_segmenter import InputGrid, SliceSegmenter
from deeplab_panns.segmentation.peak_memory import peak_memory_gb
from deeplab_panns.segmentation.sliding_window import VolumeSegmenter, Windows

CLASSES = 14
def linear(dimensions, channels):
  image = tf.keras.Input([None] * dimensions + [channels])
  convolution = tf.keras.layers.Conv2D if dimensions == 2 else tf.keras.layers.Conv3D
  return tf.keras.Model(image, convolution(CLASSES, 1)(image))
def windows(spacing_mm):
  return VolumeSegmenter(linear(3, 1), Windows((64, 64, 64), (spacing_mm,) * 3), CLASSES)
def slices(view):
  return SliceSegmenter(linear(2, 3), InputGrid(view, 3, (None, None, None)), CLASSES)

segmenter = {
    "windows": lambda: windows(None),
    "resampled windows": lambda: windows(2.0),
    "slices": lambda: slices("axial"),
    "ensemble": lambda: Ensemble([slices("sagittal"), windows(2.0)]),
}[sys.argv[1]]()
source, output_dir = map(pathlib.Path, sys.argv[2:4])
organs = [f"organ {number}" for number in range(1, CLASSES)]
run = types.SimpleNamespace(segmenter=segmenter, organs=organs, scans={})
predict_file(on_tensorflow(run, ""), "scan", source, output_dir)
print(peak_memory_gb())
"""


@pytest.fixture(scope="module")
def large_scan(tmp_path_factory):
  """400 slices of 512 x 512 pixels of 0.8 mm, 1 mm apart, every second column noise."""
  path = tmp_path_factory.mktemp("large") / "scan.nii"
  image = np.zeros((400, 512, 512), np.int16)
  image[..., ::2] = np.random.default_rng(0).integers(-200, 300, (400, 512, 256))
  write_nifti(path, image, (1.0, 0.8, 0.8))
  return path


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["windows", "resampled windows", "slices", "ensemble"])
def test_a_large_scan_of_13_organs_stays_below_3_gb(kind, large_scan, tmp_path):
  result = subprocess.run(
    [sys.executable, "-c", SCRIPT, kind, large_scan, tmp_path],
    cwd=ROOT,
    capture_output=True,
    text=True,
    check=True,
  )
  peak_gb = float(result.stdout)
  print(f"{kind}: {peak_gb:.2f} GB")
  assert 0.5 < peak_gb < LIMIT_GB
  assert (tmp_path / "scan.nii.gz").is_file()
