"""Several stores in one."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from data.check.whole_store import check_store
from data.guards.case_guards import parse_rules
from data.input_error import InputError
from data.merge.merged import Source, merge_stores, other_folds
from data.stored.store import read_store, verify
from tests.conftest import make_case, make_store, write_nifti, write_raw


@pytest.fixture(scope="module")
def other_store(tmp_path_factory):
  """Two partial cases with the spleen alone, partial_0 and partial_1: scans that tiny_store has as full_0 and
  full_1."""
  folder = tmp_path_factory.mktemp("other")
  return make_store(write_raw(folder / "raw", 0, 2, 0, partial_organs=("spleen",)), folder / "spleens")


@pytest.fixture(scope="module")
def third_store(tmp_path_factory):
  """Scans that nobody else has."""
  folder = tmp_path_factory.mktemp("third")
  path = write_raw(folder / "raw", 0, 9, 0, partial_organs=("pancreas",))
  content = json.loads(path.read_text())
  path.write_text(json.dumps({**content, "cases": content["cases"][7:]}))
  return make_store(path, folder / "pancreases")


def test_cases_keep_their_arrays_and_folds(tiny_store, third_store, tmp_path):
  merged = merge_stores([Source(tiny_store), Source(third_store)], tmp_path / "all")
  one, other = read_store(tiny_store), read_store(third_store)
  assert [case.id for case in merged.cases] == [case.id for case in (*one.cases, *other.cases)]
  for case, before in zip(merged.cases, (*one.cases, *other.cases)):
    assert (case.fold, case.annotated, case.sha256) == (before.fold, before.annotated, before.sha256)
    np.testing.assert_array_equal(case.label(), before.label())
  verify(merged.cases)
  checked = check_store(tmp_path / "all")
  assert not checked.faults and not any(found.faults for found in checked.cases.values())
  assert (tmp_path / "all" / "prepare_report.html").is_file()
  shutil.rmtree(tmp_path / "all" / "cases" / "full_0")
  verify(merge_stores([Source(tiny_store), Source(third_store)], tmp_path / "all").cases)  # and again
  verify(one.cases)


def test_a_scan_in_train_and_test(tiny_store, other_store, tmp_path):
  sources = [Source(tiny_store, "a_"), Source(other_store, "b_")]
  with pytest.raises(
    InputError, match=r"a_full_0 \(fold 1\) = b_partial_0 \(no fold\).*--leave_out"
  ) as error:
    merge_stores(sources, tmp_path / "all")
  assert len(str(error.value)) <= 300 and not (tmp_path / "all").exists()
  with pytest.raises(InputError, match="b_partial_1"):
    merge_stores(sources, tmp_path / "all", ["b_partial_0"])
  merged = merge_stores(sources, tmp_path / "all", ["b_partial_0", "a_full_1"])
  assert len(merged.cases) == 6 and merged.cases[-1].id == "b_partial_1"
  rules = parse_rules(["duplicate"], refuse=True)
  assert len(merge_stores(sources, tmp_path / "twice", guards=rules).cases) == 8


def test_stores_that_number_their_patients_each_by_itself(tiny_store, third_store, tmp_path):
  """Patient 7 is held out of one store and trains in the other: one person, or two."""
  stores = [tmp_path / "one", tmp_path / "other"]
  for store, path, case_id in zip((tiny_store, third_store), stores, ("full_0", "partial_7")):
    shutil.copytree(store, path)
    content = json.loads((path / "index.json").read_text())
    next(case for case in content["cases"] if case["id"] == case_id)["patient"] = (
      "07" if path.name == "one" else "7"
    )
    (path / "index.json").write_text(json.dumps(content))
  sources = [Source(*pair) for pair in zip(stores, ("a_", "b_"))]
  with pytest.raises(InputError, match=r"a_full_0 .* = b_partial_7 .*are other people.*--own_patients"):
    merge_stores(sources, tmp_path / "all")
  sources = [dataclasses.replace(source, own_patients=True) for source in sources]
  merged = {case.id: case.patient for case in merge_stores(sources, tmp_path / "all").cases}
  assert merged["a_full_0"] == "a_07" and merged["b_partial_7"] == "b_7" and not merged["a_full_1"]


def test_stores_that_were_divided_otherwise_are_told(tiny_store, third_store, tmp_path):
  assert other_folds([Source(tiny_store), Source(third_store)]) == []  # the third has no folds
  shutil.copytree(third_store, tmp_path / "other")
  content = json.loads((tmp_path / "other" / "index.json").read_text())
  content["cases"][0]["fold"] = 4
  (tmp_path / "other" / "index.json").write_text(json.dumps(content))
  (line,) = other_folds([Source(tiny_store), Source(tmp_path / "other")])
  assert "has 0, 1" in line and "has 4)" in line and "prepare it by --part=train" in line


def test_a_part_of_a_scan_in_train_and_test(tmp_path):
  array, label = make_case(np.random.default_rng(9), (8, 72, 80))
  for name, part, counts in (("a", slice(None), (1, 0, 1)), ("b", slice(2, 7), (0, 1, 0))):
    path = write_raw(tmp_path / name, *counts)
    case_id = json.loads(path.read_text())["cases"][-1]["id"]
    write_nifti(tmp_path / name / "images" / f"{case_id}.nii.gz", array[part])
    write_nifti(tmp_path / name / "labels" / f"{case_id}.nii.gz", label[part])
    make_store(path, tmp_path / f"{name}_store")
  sources = [Source(tmp_path / "a_store"), Source(tmp_path / "b_store", "b_")]
  with pytest.raises(
    InputError,
    match=r"a part of each other's voxels: test_1 \(fold 0\) = b_partial_0 \(no fold\); .* --leave_out",
  ) as error:
    merge_stores(sources, tmp_path / "all")
  assert len(str(error.value)) <= 300 and "\n" not in str(error.value)
  index = tmp_path / "b_store" / "index.json"  # as earlier versions wrote it
  content = json.loads(index.read_text())
  del content["cases"][0]["sketch"]
  index.write_text(json.dumps(content))
  assert len(merge_stores(sources, tmp_path / "all").cases) == 3


def test_the_same_id_twice(tiny_store, tmp_path):
  shutil.copytree(tiny_store, tmp_path / "copy")
  sources = [Source(tiny_store), Source(tmp_path / "copy")]
  with pytest.raises(InputError, match=r"has a case full_0, as .* has full_0; tell them apart by --prefixes"):
    merge_stores(sources, tmp_path / "all")
  with pytest.raises(
    InputError, match=r"has a case A_full_0, as .* has a_full_0"
  ):  # one folder on many disks
    merge_stores([Source(tiny_store, "a_"), Source(tmp_path / "copy", "A_")], tmp_path / "all")


@pytest.mark.parametrize("prefix", ["../", "a/", "é"])
def test_a_prefix_that_leads_elsewhere(tiny_store, third_store, tmp_path, prefix):
  with pytest.raises(InputError, match=r"--prefixes: .* an id names a folder"):
    merge_stores([Source(tiny_store, prefix), Source(third_store)], tmp_path / "all")
  assert not (tmp_path / "all").exists()


def test_ids_that_nobody_has(tiny_store, third_store, tmp_path):
  with pytest.raises(InputError, match="no store has full_9"):
    merge_stores([Source(tiny_store), Source(third_store)], tmp_path / "all", ["full_9"])


@pytest.mark.parametrize(
  "key, value, says",
  [
    ("organs", ["spleen", "liver", "pancreas"], "the same 3 organs in another order than .*--organs_of="),
    ("organs", ["liver", "pancreas"], "lacks spleen, unlike"),
    ("spacing_mm", [3, 3, 3], "--spacing_mm"),
    ("window_hu", [-160, 240], r"grey values are the HU \[-160, 240\]"),
  ],
)
def test_stores_that_do_not_go_together(tiny_store, third_store, tmp_path, key, value, says):
  shutil.copytree(third_store, tmp_path / "third")
  index = json.loads((third_store / "index.json").read_text())
  (tmp_path / "third" / "index.json").write_text(json.dumps({**index, key: value}))
  with pytest.raises(InputError, match=says):
    merge_stores([Source(tiny_store), Source(tmp_path / "third")], tmp_path / "all")


def test_folders_that_are_taken(tiny_store, third_store, tmp_path):
  with pytest.raises(InputError, match="is one of the stores"):
    merge_stores([Source(tiny_store), Source(third_store)], tiny_store)
  (tmp_path / "all").mkdir()
  (tmp_path / "all" / "prepare_report.html").write_text("mine")
  with pytest.raises(InputError, match="was not written by prepare"):
    merge_stores([Source(tiny_store), Source(third_store)], tmp_path / "all")


def test_where_no_links_can_be_made(tiny_store, third_store, tmp_path, monkeypatch):
  def refuse(*_):
    raise OSError(18, "Invalid cross-device link")

  monkeypatch.setattr("data.merge.merged.os.link", refuse)
  verify(merge_stores([Source(tiny_store), Source(third_store)], tmp_path / "all").cases)
