"""A store as a whole."""

import json
import shutil

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
