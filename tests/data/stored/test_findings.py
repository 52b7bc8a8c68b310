"""Scans that are there twice are refused; organs without a voxel are told of."""

import base64

import numpy as np
import pytest

from data.guards.case_guards import parse_rules
from data.input_error import InputError
from data.stored.findings import (
  cases_above,
  fold_summary,
  require_each_scan_once,
  warnings,
  without_sketch,
)


def entry(name, source, image, fold=None, annotated=("liver",), voxels=None, notes=()):
  return {
    "id": name,
    "sha256": {"source_image": source, "image": image},
    "fold": fold,
    "annotated": list(annotated),
    "voxels": {"liver": 5, "spleen": 0, **(voxels or {})},
    "notes": list(notes),
  }


def sketched(name, first, fold=None, **more):
  """A case of its own files whose sketch holds 100 hashes from `first` on."""
  sketch = base64.b64encode(np.arange(first, first + 100, dtype="<u8").tobytes()).decode()
  return {**entry(name, name, name, fold, **more), "sketch": sketch}


def test_each_scan_once_is_fine():
  require_each_scan_once("m.json", [entry("a", "1", "x"), entry("b", "2", "y")])


@pytest.mark.parametrize("second", [("1", "y"), ("2", "x")], ids=["same file", "same voxels in another file"])
def test_the_same_scan_twice_is_refused_with_both_roles(second):
  with pytest.raises(InputError, match=r"same scan twice: a \(fold 0\) = msd_7 \(no fold\);"):
    require_each_scan_once("m.json", [entry("a", "1", "x", 0), entry("msd_7", *second)])


def test_equal_voxels_of_other_files_in_one_role_are_a_warning():
  entries = [entry("a", "1", "x"), entry("b", "2", "x")]
  require_each_scan_once("m.json", entries)
  assert "a and b have the same voxels" in warnings(entries, ["liver"])


def test_a_part_of_a_scan_in_train_and_test():
  entries = [sketched("a", 0, 0), sketched("b", 500, 1), sketched("msd_7", 60)]
  with pytest.raises(
    InputError,
    match=r"m.json: cases hold a part of each other's voxels: a \(fold 0\) = msd_7 \(no fold\); a network",
  ):
    require_each_scan_once("m.json", entries)
  require_each_scan_once("m.json", entries, parse_rules(["duplicate:msd_7"], refuse=True))
  require_each_scan_once("m.json", [sketched("a", 0, 0), sketched("msd_7", 93)])  # 7 hashes by chance
  require_each_scan_once("m.json", [sketched("a", 0, 0), entry("old", "old", "old")])


def test_parts_of_a_scan_in_one_role_are_a_warning():
  entries = [sketched("a", 0), sketched("b", 60), sketched("c", 500)]
  require_each_scan_once("m.json", entries)
  (line,) = warnings(entries, ["liver"])
  assert line.startswith("cases hold a part of each other's voxels: a = b; one scan")
  entries[1]["sha256"]["image"] = "a"
  assert warnings(entries, ["liver"]) == ["a and b have the same voxels"]


def test_cases_of_earlier_versions_are_told():
  assert without_sketch([sketched("a", 0)]) == []
  (line,) = without_sketch([sketched("a", 0), entry("b", "2", "y")])
  assert line.startswith("1 of 2 cases (b) were prepared by an earlier version")


def test_pairs_that_spoil_a_test_score_come_first():
  entries = [
    entry("b", "2", "y", 1),
    entry("c", "2", "y", 1),
    entry("a", "1", "x", 0),
    entry("msd_7", "1", "x"),
  ]
  with pytest.raises(
    InputError, match=r"twice: a \(fold 0\) = msd_7 \(no fold\), b \(fold 1\) = c \(fold 1\);"
  ):
    require_each_scan_once("m.json", entries)


def test_an_organ_without_a_voxel_in_every_case_that_annotates_it_is_told_of():
  entries = [entry("a", "1", "x", annotated=("liver", "spleen")), entry("b", "2", "y", annotated=("spleen",))]
  (line,) = warnings(entries, ["liver", "spleen"])
  assert line.startswith("no case that annotates spleen has a voxel of it")
  entries[1]["voxels"]["spleen"] = 1
  assert warnings(entries, ["liver", "spleen"]) == []


def test_an_organ_that_nobody_annotates_and_notes_of_cases_are_told():
  lines = warnings([entry("a", "1", "x", notes=["kept by one voxel"])], ["liver", "spleen"])
  assert lines == ["a: kept by one voxel", "no case annotates spleen; it cannot be learned."]


def test_folds_are_counted():
  entries = [entry(name, name, name, fold) for name, fold in (("a", 0), ("b", 1), ("c", 1), ("d", None))]
  organs = entries[0]["annotated"]
  assert fold_summary(entries, organs).startswith("2 folds of fully labelled cases (fold 0: 1, fold 1: 2)")
  assert fold_summary(entries, [*organs, "x"]).startswith("2 folds of partial cases")
  assert fold_summary(entries[3:], organs).startswith("no folds")


@pytest.mark.parametrize("one, other", [("P2", "p2"), ("007", "7"), ("Jos\u00e9", "Jose\u0301")])
def test_one_patient_under_two_spellings(one, other):
  entries = [{**entry("a", "1", "x", 0), "patient": one}, {**entry("b", "2", "y"), "patient": other}]
  with pytest.raises(InputError, match=r"cases are of the same patient twice: a \(fold 0\) = b"):
    require_each_scan_once("s", entries)


def test_one_patient_in_train_and_test():
  entries = [{**entry("a", "1", "x", 0), "patient": "p"}, {**entry("b", "2", "y"), "patient": "p"}]
  with pytest.raises(InputError, match=r"cases are of the same patient twice: a \(fold 0\) = b \(no fold\)"):
    require_each_scan_once("m.json", entries)
  entries[1]["fold"] = 0
  require_each_scan_once("m.json", entries)


def test_one_role_and_overrides():
  entries = [entry("a", "1", "x"), entry("b", "1", "x")]
  require_each_scan_once("m.json", entries, same_role=False)
  require_each_scan_once("m.json", entries, parse_rules(["duplicate:b"], refuse=True))
  with pytest.raises(InputError, match=r"the other\. Rename it\."):
    require_each_scan_once("m.json", entries, way_out="Rename it.")


def test_what_guards_found_is_told_the_severe_first_and_not_without_end():
  found = [{"guard": "volume", "severe": False, "line": f"line {number}"} for number in range(30)]
  entries = [
    {**entry("a", "1", "x"), "findings": [*found, {"guard": "side", "severe": True, "line": "left"}]}
  ]
  lines = warnings(entries, ["liver"])
  assert lines[0] == "a: left (side)" and lines[1] == "a: line 0 (volume)"
  assert len(lines) == 21 and lines[-1] == "the guards found 11 more: prepare_report.html shows them"


def test_one_label_map_of_two_scans_is_told():
  entries = [entry(name, name, name) for name in "abc"]
  for one in entries[:2]:
    one["sha256"]["source_label"] = "l"
  (line,) = [line for line in warnings(entries, entries[0]["annotated"]) if "label map" in line]
  assert line.startswith("a and b are other scans with the same label map")
  entries[1]["sha256"]["source_image"] = "a"  # two cases of one scan
  assert not any("label map" in line for line in warnings(entries, entries[0]["annotated"]))


def test_one_label_map_saved_again_for_another_scan_is_told():
  """The files differ (int16 instead of uint8), what was stored of them does not."""
  entries = [entry(name, name, name) for name in "ab"]
  for one in entries:
    one["sha256"].update(source_label=one["id"], label="same")
  assert any(
    "a and b are other scans with the same label map" in line for line in warnings(entries, ["liver"])
  )
  for one in entries:
    one["voxels"]["liver"] = 0  # empty maps are alike
  assert not any("label map" in line for line in warnings(entries, ["liver"]))


def test_full_cases_outside_of_all_folds_are_told():
  entries = [entry("a", "a", "a", 0), entry("b", "b", "b", 1), entry("c", "c", "c")]
  organs = entries[0]["annotated"]
  assert "of 3 fully labelled cases c are in no fold: they always train" in warnings(entries, organs)
  assert not any("no fold" in line for line in warnings(entries[:2] + [], organs))
  assert not any("no fold" in line for line in warnings(entries[2:], organs))


def test_cases_of_large_tumours():
  entries = {"a": {"values_ml": {"1": 900.0, "2": 732.1}}, "b": {"values_ml": {"2": 5.0}}, "c": {}}
  assert cases_above(entries, 2, 5) == {"a": 732.1} and cases_above(entries, 2, 0) == {"a": 732.1, "b": 5.0}
