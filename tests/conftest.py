"""Small stores and runs that several tests share."""

import json
import os
import pathlib
import re
import signal
import subprocess

import nibabel
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
REAL_CT = pathlib.Path(os.environ.get("PANN_REAL_CT", ROOT.parent / "shared" / "real-ct"))
# What TensorFlow 2.21 writes to stderr where it is imported, here in worker processes; no setting stops it.
TENSORFLOW_SAYS = re.compile(r"^(WARNING: All log messages before absl|I\d{4} ).*\n", re.MULTILINE)
TINY_ORGANS = ["liver", "spleen", "pancreas"]
# A schedule of seconds, and a 2-D network for it.
TINY_SCHEDULE = [
  "--scales=1",
  "--batch_size=4",
  "--stage1_steps=4",
  "--stage2_steps=4",
  "--pseudo_label_interval=2",
  "--log_interval=2",
  "--checkpoint_interval=3",
  "--validation_interval=4",
  "--prior_examples=16",
  "--learning_rate_stage1=0.01",
  "--learning_rate_stage2=0.01",
  "--threads=2",
]
TINY_FLAGS = [
  "--backbone=resnet_small",
  "--output_stride=16",
  "--batch_norm_decay=0.9",
  "--crop_size=33",
  *TINY_SCHEDULE,
]


def run_command(module, *args, check=True):
  """Runs `python -m module args` in the checkout; the finished process with its output as text."""
  from tests.command_server import run_module

  result = run_module(module, list(map(str, args)), dict(os.environ))
  result.stderr = TENSORFLOW_SAYS.sub("", result.stderr)
  if check and result.returncode:
    raise AssertionError(f"{module} ended with {result.returncode}: {result.stderr}")
  return result


def start_interruptible(command, **settings):
  """A Popen that heeds Ctrl-C: shells have what they run in the background ignore SIGINT, and children
  inherit that."""
  return subprocess.Popen(
    command, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **settings
  )


def own_lines(stderr):
  """What a command said itself. TensorFlow from 2.19 on tells what machine it found, whatever
  TF_CPP_MIN_LOG_LEVEL is (tensorflow/tensorflow issue 100442)."""
  theirs = re.compile(r"I\d{4} |WARNING: All log messages before absl")
  return "".join(line for line in stderr.splitlines(keepends=True) if not theirs.match(line))


def write_nifti(path, array_zyx, spacing_mm=(3.0, 2.0, 2.0)):
  """A NIfTI file in LPS order; array [z, y, x], spacing (z, y, x)."""
  z, y, x = spacing_mm
  path.parent.mkdir(parents=True, exist_ok=True)
  nibabel.save(
    nibabel.Nifti1Image(np.ascontiguousarray(array_zyx.transpose(2, 1, 0)), np.diag([-x, -y, z, 1.0])), path
  )


def make_case(rng, size=(6, 40, 36)):
  """(image HU int16, label uint8): three boxes of their own HU in a body of 0 HU, [z, y, x]."""
  image = np.full(size, -1000, np.int16)
  image[:, 4:-4, 4:-4] = 0
  label = np.zeros(size, np.uint8)
  for value, (row, col, hu) in enumerate(((8, 6, 100), (10, 24, 180), (24, 14, 50)), 1):
    top, left = row + rng.integers(0, 3), col + rng.integers(0, 3)
    part = (slice(1, -1), slice(top, top + 8), slice(left, left + 6))
    image[part], label[part] = hu, value
  image += rng.integers(-20, 20, size).astype(np.int16)
  return image, label


def write_raw(folder, full=3, partial=2, test=1, partial_organs=("liver",)):
  """A manifest of tiny cases; returns its path."""
  cases = []
  for number, role in enumerate(["full"] * full + ["partial"] * partial + ["test"] * test):
    image, label = make_case(np.random.default_rng(number))
    case_id = f"{role}_{number}"
    annotated = [organ for organ in TINY_ORGANS if organ in partial_organs] if role == "partial" else "all"
    if role == "partial":
      kept = [1 + TINY_ORGANS.index(organ) for organ in partial_organs]
      label = np.where(np.isin(label, kept), label, 0).astype(np.uint8)
    write_nifti(folder / "images" / f"{case_id}.nii.gz", image)
    write_nifti(folder / "labels" / f"{case_id}.nii.gz", label)
    entry = {
      "id": case_id,
      "image": f"images/{case_id}.nii.gz",
      "label": f"labels/{case_id}.nii.gz",
      "annotated": annotated,
      "labels": {str(value): organ for value, organ in enumerate(TINY_ORGANS, 1)},
    }
    if role != "partial" and test:
      entry["fold"] = 0 if role == "test" else 1
    cases.append(entry)
  path = folder / "dataset.json"
  path.write_text(json.dumps({"organs": TINY_ORGANS, "cases": cases}), encoding="utf-8")
  return path


@pytest.fixture(scope="session")
def tiny_raw(tmp_path_factory):
  """Folder with dataset.json, images/, labels/: three full cases, two with the liver alone, one test case."""
  folder = tmp_path_factory.mktemp("raw")
  write_raw(folder)
  return folder


def make_store(manifest_path, output_dir, spacing_mm=(None, None, None)):
  """Prepares a manifest in this process: no second TensorFlow to start."""
  from data.stored.preparation import prepare_store

  return prepare_store(manifest_path, output_dir, spacing_mm).path


@pytest.fixture(scope="session")
def tiny_store(tiny_raw, tmp_path_factory):
  return make_store(tiny_raw / "dataset.json", tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="session")
def tiny_run(tiny_store, tmp_path_factory):
  """A PaNN run of eight steps, trained by the command."""
  folder = tmp_path_factory.mktemp("runs") / "panns"
  run_command(
    "deeplab_panns.train",
    *TINY_FLAGS,
    f"--data_dir={tiny_store}",
    f"--run_dir={folder}",
    "--fold=0",
    "--validation_fraction=0.4",
  )
  return folder


@pytest.fixture(scope="session")
def real_ct():
  if not (REAL_CT / "dataset.json").is_file():
    pytest.skip(f"the real CT cases are not at {REAL_CT} (PANN_REAL_CT names their folder)")
  return REAL_CT
