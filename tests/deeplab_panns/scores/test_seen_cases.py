"""Scans that a network was trained on are known again, also in other stores that were made of them."""

import base64
import dataclasses
import json
import shutil

import numpy as np
import pytest

from data.stored.store import read_store
from deeplab_panns.runs.experiment import Experiment, HeldOut, Stage2
from deeplab_panns.runs.run_directory import RunDirectory, fingerprint, labeled_hashes
from deeplab_panns.runs.trained import TrainedRun
from deeplab_panns.scores.seen_cases import seen_by_any
from tests.conftest import TINY_ORGANS

FULL, PARTIAL = ["full_0", "full_1", "full_2"], ["partial_3", "partial_4"]


def trained(store, fold=0, data_dir=None, **stage2):
  return TrainedRun(
    RunDirectory("run"),
    Experiment(held_out=HeldOut(fold, 0.0), stage2=Stage2(**stage2)),
    tuple(TINY_ORGANS),
    str(data_dir or store.path),
    segmenter=None,
    step=7,
    fingerprint=fingerprint(store),
  )


@pytest.fixture
def other_store(tiny_store, tmp_path):
  """The scans of tiny_store under other ids, one of them as at another spacing."""
  shutil.copytree(tiny_store, tmp_path / "other")
  index = tmp_path / "other" / "index.json"
  content = json.loads(index.read_text())
  for case in content["cases"]:
    folder = tmp_path / "other" / "cases"
    (folder / case["id"]).rename(folder / f"again_{case['id']}")
    case["id"] = f"again_{case['id']}"
  content["cases"][0]["sha256"]["image"] = "0" * 64
  index.write_text(json.dumps(content))
  return read_store(tmp_path / "other")


def test_on_the_runs_own_store(tiny_store):
  store = read_store(tiny_store)
  assert seen_by_any([trained(store)], store, store.cases) == [*FULL, *PARTIAL]
  assert seen_by_any([trained(store, supervision="full")], store, store.cases) == FULL
  assert seen_by_any([trained(store, partial_organs=("liver",))], store, store.cases) == [*FULL, *PARTIAL]
  held_out = [case for case in store.cases if case.id == "test_5"]
  assert seen_by_any([trained(store)], store, held_out) == []
  assert seen_by_any([trained(store), trained(store, fold=1)], store, held_out) == ["test_5"]


def test_on_another_store_by_the_scans_and_not_by_the_ids(tiny_store, other_store):
  run = trained(read_store(tiny_store))
  assert seen_by_any([run], other_store, other_store.cases) == [f"again_{name}" for name in (*FULL, *PARTIAL)]


def test_on_a_store_that_has_parts_of_the_scans(tiny_store, other_store, tmp_path):
  """Other files, other voxels: a part of one scan, and one of the case that the fold holds out."""
  shutil.copytree(tiny_store, tmp_path / "ours")
  sketch = {
    name: base64.b64encode(np.arange(first, first + 100, dtype="<u8").tobytes()).decode()
    for name, first in (("full_1", 0), ("again_full_1", 60), ("test_5", 1000), ("again_test_5", 1060))
  }
  for folder, hashes in (
    (tmp_path / "ours", {}),
    (other_store.path, {"image": "0" * 64, "source_image": "1"}),
  ):
    content = json.loads((folder / "index.json").read_text())
    for case in content["cases"]:
      case["sketch"] = sketch.get(case["id"], "")
      case["sha256"].update(hashes)
    (folder / "index.json").write_text(json.dumps(content))
  scored = read_store(other_store.path)
  assert seen_by_any([trained(read_store(tmp_path / "ours"))], scored, scored.cases) == ["again_full_1"]


def test_without_the_store_of_the_training_it_is_not_known(tiny_store, other_store, tmp_path):
  lost = trained(read_store(tiny_store), data_dir=tmp_path / "gone")
  assert seen_by_any([lost], other_store, other_store.cases) is None
  known = trained(other_store, supervision="full")
  assert seen_by_any([lost, known], other_store, other_store.cases) == [f"again_{name}" for name in FULL]
  held_out = [case for case in other_store.cases if case.id == "again_test_5"]
  assert seen_by_any([lost, known], other_store, held_out) is None


def test_without_the_store_of_the_training_the_labelled_cases_are_known_by_their_hashes(
  tiny_store, other_store, tmp_path
):
  """As where it was prepared again with folds that were dealt anew."""
  run = dataclasses.replace(
    trained(read_store(tiny_store), data_dir=tmp_path / "gone"), fingerprint="changed"
  )
  labeled = labeled_hashes(read_store(tiny_store), run.experiment)
  seen = seen_by_any([dataclasses.replace(run, labeled=tuple(labeled))], other_store, other_store.cases)
  assert seen == [f"again_{name}" for name in FULL[1:]]  # the first has another hash there
  held_out = [case for case in other_store.cases if case.id == "again_test_5"]
  assert seen_by_any([dataclasses.replace(run, labeled=tuple(labeled))], other_store, held_out) is None


def test_another_scan_of_a_patient_who_was_trained_on(tiny_store, tmp_path):
  shutil.copytree(tiny_store, tmp_path / "store")
  index = tmp_path / "store" / "index.json"
  content = json.loads(index.read_text())
  for case in content["cases"]:
    if case["id"] in ("full_0", "test_5"):
      case["patient"] = "p1"
  index.write_text(json.dumps(content))
  store = read_store(tmp_path / "store")
  held_out = [case for case in store.cases if case.id == "test_5"]
  assert seen_by_any([trained(store)], store, held_out) == ["test_5"]
