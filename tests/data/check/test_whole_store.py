"""A store as a whole."""

import base64
import json
import shutil

import numpy as np
import pytest

from data.check.whole_store import check_store


@pytest.fixture
def store(tiny_store, tmp_path):
  shutil.copytree(tiny_store, tmp_path / "store")
  return tmp_path / "store"


def edit(store, change):
  index = json.loads((store / "index.json").read_text())
  change(index["cases"])
  (store / "index.json").write_text(json.dumps(index))


def test_a_sound_store(store):
  checked = check_store(store)
  assert list(checked.cases) == [case.id for case in checked.store.cases]
  assert not checked.faults and not checked.notes and not any(one.faults for one in checked.cases.values())


def test_one_scan_in_train_and_test(store):
  def same(cases):
    cases[0]["sha256"]["source_image"] = cases[-1]["sha256"]["source_image"]

  edit(store, same)
  (fault,) = check_store(store).faults
  assert "full_0 (fold 1) = test_5 (fold 0)" in fault


def test_a_folder_that_nobody_knows(store):
  shutil.copytree(store / "cases" / "full_0", store / "cases" / "old")
  checked = check_store(store)
  assert not checked.faults and len(checked.notes) == 1 and "old: is not in the index" in checked.notes[0]


def test_grey_values_of_other_hu(store):
  index = json.loads((store / "index.json").read_text())
  (store / "index.json").write_text(json.dumps({**index, "window_hu": [-160, 240]}))
  (fault,) = check_store(store).faults
  assert "are the HU [-160, 240], this program means [-125.0, 275.0]" in fault


def test_a_part_of_a_scan_in_train_and_test(store):
  def parts(cases):
    for number, case in enumerate(cases):
      first = 0 if case["id"] == "full_0" else 50 if case["id"] == "test_5" else 1000 * number
      case["sketch"] = base64.b64encode(np.arange(first, first + 100, dtype="<u8").tobytes()).decode()

  edit(store, parts)
  (fault,) = check_store(store).faults
  assert "hold a part of each other's voxels: full_0 (fold 1) = test_5 (fold 0)" in fault


def test_cases_of_before_there_were_sketches(store):
  edit(store, lambda cases: [case.pop("sketch") for case in cases[:2]])
  checked = check_store(store)
  (note,) = checked.notes
  assert not checked.faults and note.startswith("2 of 6 cases (full_0, full_1) were prepared by an earlier")
