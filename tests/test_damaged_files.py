"""Files that anybody may have sent, with bytes changed at random: what they hold, or one line; never a
traceback, a hang or an end by a signal.

`PANN_DAMAGED=5000 pytest tests/test_damaged_files.py -n 0` tries so many of each kind.
"""

import contextlib
import json
import os
import pathlib
import signal

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.dataset_json.manifest_file import read_manifest
from data.input_error import InputError
from data.reading.case_volumes import read_case_image, read_case_label
from data.reading.volumes import read_image, read_label
from data.stored.store import read_store, verify
from deeplab_panns.method.dual import Duals
from deeplab_panns.method.objective import Objective
from deeplab_panns.method.panns import PaNN
from deeplab_panns.method.prior import Prior, load_prior, save_prior
from deeplab_panns.prediction.finished import PREDICTIONS, series_by_id
from deeplab_panns.runs.checkpoints import Checkpoints
from deeplab_panns.runs.experiment import Experiment
from deeplab_panns.runs.run_directory import RunDirectory
from deeplab_panns.runs.run_record import note_end, note_start
from tests.data.dicom.dicom_files import write_series
from tests.data.dicom.label_files import write_rtstruct, write_scan, write_seg

OF_EACH = int(os.environ.get("PANN_DAMAGED", "15"))
MOST_SECONDS = 20
# What data.command turns into one line.
ONE_LINE = (InputError, OSError, MemoryError)
VALUES = st.recursive(
  st.none()
  | st.booleans()
  | st.integers(-(2**70), 2**70)
  | st.floats()
  | st.sampled_from(["", "..", "/etc/passwd", "a" * 500, "\0", "<script>", "nan", "1e999", "\ud800"]),
  lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
  max_leaves=4,
)


def damaged_bytes(content, draw):
  """The bytes with a few of them changed, cut off, doubled or taken out; mostly in the header."""
  content = bytearray(content)
  for _ in range(draw(st.integers(1, 4))):
    at = draw(st.integers(0, len(content)) | st.integers(0, min(len(content), 400)))
    kind = draw(st.sampled_from(["set", "set", "set", "flip", "cut", "take", "double"]))
    if kind == "set":
      fresh = draw(
        st.sampled_from(
          [b"\0", b"\xff", b"\x7f", b"\xff\xff\xff\x7f", b"\0\0\xc0\x7f", b"9999", b"-1", b"\n"]
        )
      )
      content[at : at + len(fresh)] = fresh
    elif kind == "flip" and at < len(content):
      content[at] ^= 1 << draw(st.integers(0, 7))
    elif kind == "cut":
      del content[at:]
    elif kind == "take":
      del content[at : at + draw(st.integers(1, 50))]
    else:
      content[at:at] = content[at : at + 40]
  return bytes(content)


def damaged_json(content, draw):
  """JSON with another value in one place, or without it; or damaged bytes of it."""
  if draw(st.integers(0, 4)) == 0:
    return damaged_bytes(content, draw)
  root = whole = json.loads(content)
  while True:
    keys = list(whole) if isinstance(whole, dict) else list(range(len(whole)))
    key = draw(st.sampled_from(keys))
    if not isinstance(whole[key], (dict, list)) or not whole[key] or draw(st.booleans()):
      break
    whole = whole[key]
  if draw(st.integers(0, 4)) == 0:
    del whole[key]
  else:
    whole[key] = draw(VALUES)
  return json.dumps(root).encode("utf-8", "surrogatepass")


def volume_file(ending):
  def make(folder, store):
    path = folder / f"scan{ending}"
    array = np.random.default_rng(0).integers(-500, 500, (4, 6, 5)).astype(np.int16)
    if ending.startswith(".nii"):
      nibabel.save(nibabel.Nifti1Image(array, np.diag([2.0, 2.0, 3.0, 1.0])), path)
    else:
      image = sitk.GetImageFromArray(array)
      image.SetSpacing((2.0, 2.0, 3.0))
      sitk.WriteImage(image, str(path))
    return path, lambda: (read_image(path), read_label(path))

  return make


def dicom(folder, store):
  series = write_series(folder / "series")
  return min(series.iterdir()), lambda: read_image(series)


def label_object(ending):
  """A DICOM SEG or RTSTRUCT as a case's label."""

  def make(folder, store):
    voxels = np.random.default_rng(0).integers(-500, 500, (4, 6, 8)).astype(np.int16)
    slices, path = write_scan(folder / "scan", voxels), folder / f"label.{ending}.dcm"
    if ending == "seg":
      write_seg(path, slices, {"liver": voxels > 100, "spleen": voxels < -300})
    else:
      square = [[-19, -29, 12], [-17, -29, 12], [-17, -27, 12], [-19, -27, 12]]
      write_rtstruct(path, {"liver": [square], "spleen": [[[x, y, z + 2] for x, y, z in square]]})
    case = {"id": "a", "image": "scan", "label": path.name, "annotated": "all"}
    case["labels"] = {"liver": "liver", "spleen": "spleen"}
    (folder / "dataset.json").write_text(json.dumps({"organs": ["liver", "spleen"], "cases": [case]}))
    case, organs = read_manifest(folder / "dataset.json").cases[0], ("liver", "spleen")
    image = read_case_image(case)
    return path, lambda: read_case_label(case, image, organs)

  return make


def predictions(folder, store):
  one = {
    "input": "scan.nii",
    "input_sha256": "0" * 64,
    "model": "1" * 64,
    "version": "1",
    "settings": {"assume_hu": False},
    "files": ["a.nii.gz"],
    "seconds": 1.0,
    "organs": {"liver": {"ml": 1.0}},
    "series": "abcdef",
  }
  (folder / PREDICTIONS).write_text(json.dumps({"a": one, "b": one}))

  return folder / PREDICTIONS, lambda: series_by_id(folder)


def manifest(folder, store):
  path = folder / "dataset.json"
  for name in ("a.nii.gz", "b.nii.gz"):
    (folder / name).write_bytes(b"")
  case = {
    "id": "a",
    "image": "a.nii.gz",
    "label": "b.nii.gz",
    "annotated": ["liver"],
    "labels": {"1": "liver"},
  }
  whole = {
    **case,
    "id": "b",
    "annotated": "all",
    "labels": {"1": "liver", "2": "spleen", "3": None},
    "fold": 1,
  }
  path.write_text(json.dumps({"organs": ["liver", "spleen"], "cases": [case, whole]}))
  return path, lambda: read_manifest(path)


def store_index(folder, store):
  path = folder / "index.json"
  path.write_bytes((store / "index.json").read_bytes())
  (folder / "cases").symlink_to(store / "cases")
  return path, lambda: read_store(folder)


def array(folder, store):
  source = read_store(store).cases[0]
  (folder / "index.json").write_bytes((store / "index.json").read_bytes())
  for case in (store / "cases").iterdir():
    (folder / "cases" / case.name).mkdir(parents=True)
    for name in ("image.npy", "label.npy"):
      (folder / "cases" / case.name / name).write_bytes((case / name).read_bytes())
  return folder / "cases" / source.id / "image.npy", lambda: verify(read_store(folder).cases)


def run_file(name):
  def make(folder, store):
    directory = RunDirectory(folder)
    directory.open_for_training(Experiment(), read_store(store))
    save_prior(Prior(("background", "liver"), (0.9, 0.1), (0.8, 0.2), 16), directory.prior)
    note_start(directory.record, 0, "", {"seed": 0})
    readers = {
      "experiment.json": directory.settings,
      "data.json": directory.settings,
      "prior.json": lambda: load_prior(directory.prior),
      "run.json": lambda: note_end(directory.record, 1),
    }
    return folder / name, readers[name]

  return make


def checkpoint(ending):
  def make(folder, store):
    import tensorflow as tf

    def network():
      image = tf.keras.Input([None, None, 1])
      return tf.keras.Model(image, tf.keras.layers.Conv2D(2, 1)(image))

    panns = PaNN(network(), network(), Duals(np.array([0.8, 0.2])), Objective(), seed=0)
    panns.compile(optimizer=tf.keras.optimizers.SGD(0.1))
    checkpoints = Checkpoints(panns, folder)
    checkpoints.save("last", 4)
    return folder / "last" / f"ckpt-4{ending}", checkpoints.restore_latest

  return make


KINDS = {
  "nii": volume_file(".nii"),
  "nii.gz": volume_file(".nii.gz"),
  "nrrd": volume_file(".nrrd"),
  "mha": volume_file(".mha"),
  "dicom": dicom,
  "dicom seg": label_object("seg"),
  "rtstruct": label_object("rtstruct"),
  "manifest": manifest,
  "index.json": store_index,
  "npy": array,
  **{name: run_file(name) for name in ("experiment.json", "data.json", "prior.json", "run.json")},
  "predictions.json": predictions,
  "checkpoint index": checkpoint(".index"),
  "checkpoint data": checkpoint(".data-00000-of-00001"),
}


@contextlib.contextmanager
def limited_time():
  """Raises if the block takes longer than MOST_SECONDS."""

  def late(number, frame):
    raise AssertionError(f"it took more than {MOST_SECONDS} s")

  before = signal.signal(signal.SIGALRM, late)
  signal.alarm(MOST_SECONDS)
  try:
    yield
  finally:
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_read_or_refused_in_one_line(kind, tmp_path, tiny_store, capfd):
  path, read = KINDS[kind](tmp_path, pathlib.Path(tiny_store))
  whole = path.read_bytes()
  read()  # undamaged
  damage = damaged_json if path.suffix == ".json" else damaged_bytes
  refused = []

  @settings(
    max_examples=OF_EACH,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
  )
  @given(st.data())
  def read_damaged(data):
    path.write_bytes(damage(whole, data.draw))
    with limited_time():
      try:
        read()
      except ONE_LINE as error:
        assert "\n" not in str(error), str(error)
        refused.append(error)

  read_damaged()
  assert refused or kind in ("run.json", "predictions.json")
