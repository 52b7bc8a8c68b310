"""The memory that prediction takes on a large scan. `pytest -s` prints it."""

import os
import subprocess
import sys

import numpy as np
import pytest

from tests.conftest import ROOT, write_nifti

LIMIT_GB = 4.0
SCRIPT = """
import pathlib, sys, types
from deeplab_panns.prediction.opened_model import on_tensorflow  # before TensorFlow, as the commands do
from deeplab_panns.prediction.prediction import predict_file
from deeplab_panns.prediction.scan import Scan
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
def windows(spacing_mm, overlap):
  return VolumeSegmenter(linear(3, 1), Windows((64, 64, 64), (spacing_mm,) * 3, overlap), CLASSES)
def slices(view):
  return SliceSegmenter(linear(2, 3), InputGrid(view, 3, (None, None, None)), CLASSES)

segmenter = {
    "windows": lambda: windows(None, float(sys.argv[4])),
    "slices": lambda: slices("axial"),
    "ensemble": lambda: Ensemble([slices("sagittal"), windows(2.0, float(sys.argv[4]))]),
}[sys.argv[1]]()
source, output_dir = map(pathlib.Path, sys.argv[2:4])
organs = [f"organ {number}" for number in range(1, CLASSES)]
output_dir.mkdir()
run = types.SimpleNamespace(segmenter=segmenter, organs=organs, scans={})
predict_file(on_tensorflow(run, ""), "scan", Scan(source), output_dir)
print(peak_memory_gb())
"""


# Half overlap, as predict has it, takes eight times the windows; experiments/README.md has its number, and
# those of 700 slices, for which windows take 65 CPU seconds.
OVERLAP = os.environ.get("PANN_MEMORY_OVERLAP", "0")
SLICES = int(os.environ.get("PANN_MEMORY_SLICES", "350"))


def write_scan(path, slices):
  """Slices of 512 x 512 pixels of 0.8 mm, 1 mm apart: blocks of noise, whose labels are soon written."""
  blocks = np.random.default_rng(0).integers(-200, 300, (88, 64, 64), dtype=np.int16)
  write_nifti(path, blocks.repeat(8, 0)[:slices].repeat(8, 1).repeat(8, 2), (1.0, 0.8, 0.8))
  return path


@pytest.mark.slow
@pytest.mark.parametrize(
  "kind, slices, limit_gb",
  [
    # maps of 14 classes alone would be 2.6 GB for 350 slices, beside the scan and TensorFlow
    ("windows", SLICES, 3.0 if SLICES <= 350 else LIMIT_GB),
    ("slices", 700, LIMIT_GB),
    ("ensemble", 200, 2.0),  # its maps of 14 classes alone would be 1.5 GB in memory, at 16 bits
  ],
)
def test_a_large_scan_of_13_organs_stays_below_4_gb(kind, slices, limit_gb, tmp_path):
  scan = write_scan(tmp_path / "scan.nii", slices)
  result = subprocess.run(
    [sys.executable, "-c", SCRIPT, kind, scan, tmp_path / "out", OVERLAP],
    cwd=ROOT,
    capture_output=True,
    text=True,
    check=True,
  )
  peak_gb = float(result.stdout.splitlines()[-1])
  print(f"{kind}: {peak_gb:.2f} GB")
  assert 0.5 < peak_gb < limit_gb
  assert (tmp_path / "out" / "scan.nii.gz").is_file()
  scan.unlink()
