"""One stored case against its index: what is right passes, and whatever is changed is named."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from data.check.stored_case import check_stored_case
from data.files.file_hash import file_sha256
from data.stored.preparation import index_entries
from data.stored.store import read_store


@pytest.fixture
def stored(tiny_store, tmp_path):
  """(case, organs, entry) of a copy, the first case of the store."""
  shutil.copytree(tiny_store, tmp_path / "store")
  store = read_store(tmp_path / "store")
  return store.cases[0], store.organs, index_entries(store)[0]


def faults(stored, **changes):
  case, organs, entry = stored
  return check_stored_case(dataclasses.replace(case, **changes), organs, entry).faults


def rewritten(case, name, array):
  """The case with another array, and the index's hash of it as if it belonged there."""
  np.save(case.folder / f"{name}.npy", array)
  return {**case.sha256, name: file_sha256(case.folder / f"{name}.npy")}


def test_what_prepare_made_passes(stored):
  assert faults(stored) == ()


def test_a_changed_array(stored):
  case = stored[0]
  image = np.array(case.image())
  image[0, 0, 0] ^= 1
  np.save(case.folder / "image.npy", image)
  (fault,) = faults(stored)
  assert fault.startswith("image.npy was changed or damaged")


def test_another_shape(stored):
  case = stored[0]
  (fault,) = faults(stored, sha256=rewritten(case, "label", np.array(case.label())[:-1]))
  assert "label.npy is uint8 of (5, 40, 36); the index says uint8 of (6, 40, 36)" in fault


def test_a_value_beyond_the_organs_and_one_that_is_not_annotated(stored):
  found = faults(stored, annotated=("liver", "spleen"))
  assert any("not annotated: 3 (pancreas)" in fault for fault in found)
  case = stored[0]
  label = np.array(case.label())
  label[0, 0, 0] = 9
  found = faults(stored, sha256=rewritten(case, "label", label))
  assert "the label map has values that are not annotated: 9" in found
  assert any("counts other voxels of background" in fault for fault in found)


def test_a_grid_that_is_not_the_stores(stored):
  case = stored[0]
  (fault,) = faults(stored, affine=case.affine * 2)
  assert "the affine has voxels of [6.0, 4.0, 4.0] mm" in fault
  (fault,) = faults(stored, affine=case.affine @ np.diag([-1.0, 1, 1, 1]))
  assert "none of voxels from right to left" in fault


def test_an_index_that_was_edited(stored):
  case, organs, entry = stored
  found = check_stored_case(case, organs, {**entry, "annotated": ["liver"]}).faults
  assert found == ("case.json and the index differ in annotated",)
  (case.folder / "case.json").write_text("{")
  assert faults(stored) == ("case.json is missing or damaged",)


def test_guards_are_asked_again_and_what_prepare_saw_is_repeated(stored):
  case, organs, entry = stored
  seen = [
    {"guard": "hu", "severe": True, "line": "-300 HU"},
    {"guard": "volume", "severe": True, "line": "old"},
  ]
  record = json.loads((case.folder / "case.json").read_text())
  record["entry"]["findings"] = seen
  (case.folder / "case.json").write_text(json.dumps(record))
  found = check_stored_case(case, organs, {**entry, "findings": seen})
  assert not found.faults
  lines = [finding.line for finding in found.findings]
  assert "-300 HU" in lines and "old" not in lines
  assert any("the liver has 2.304 mL" in line for line in lines)  # 4 x 8 x 6 voxels of 12 mm³
