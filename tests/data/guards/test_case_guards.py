"""All guards together, and who may override them."""

import pytest

from data.dataset_json.manifest_file import read_manifest
from data.guards.case_guards import TELL_ALL, check_case, parse_rules, require_plausible
from data.guards.measures import Measures, measure
from data.input_error import InputError
from data.reading.case_volumes import read_case_image, read_case_label
from tests.data.guards.patients import mirrored, patient, with_organ


def test_a_patient_passes_and_the_severe_come_first():
  assert check_case(patient()) == []
  findings = check_case(with_organ(mirrored(patient(), axis=0), "liver", ml=2700.0))
  assert [finding.severe for finding in findings] == sorted(
    (finding.severe for finding in findings), reverse=True
  )
  assert {finding.guard for finding in findings} == {"side", "volume"}


def test_masks_may_all_be_empty():
  empty = Measures({}, ("liver",), None)
  assert [finding.guard for finding in check_case(empty)] == ["empty"]
  assert check_case(empty, may_be_empty=True) == []


@pytest.mark.parametrize("text", ["all", "side", "volume,side", "side:case_7", "all:case_7"])
def test_overrides(text):
  findings = check_case(mirrored(patient(), axis=0))
  rules = parse_rules(text.split(","), refuse=True)
  require_plausible("case_7", "ct.nii", findings, rules)
  if ":" in text:
    with pytest.raises(
      InputError, match=r"ct\.nii: .*--override_guards=side:case_8, else --leave_out=case_8"
    ):
      require_plausible("case_8", "ct.nii", findings, rules)


@pytest.mark.parametrize("text", ["volume", "hu,mask", "side:case_8"])
def test_other_overrides_do_not_help(text):
  with pytest.raises(InputError) as error:
    require_plausible(
      "case_7", "x/ct.nii.gz", check_case(mirrored(patient(), axis=0)), parse_rules(text.split(","), True)
    )
  assert len(str(error.value)) <= 300


def test_all_does_not_change_how_files_are_read():
  assert not parse_rules(["all"], refuse=True).override("grid", "a")
  assert parse_rules(["all", "grid:a"], refuse=True).override("grid", "a")


def test_by_default_all_is_told_and_nothing_refused():
  require_plausible("a", "ct.nii", check_case(mirrored(patient(), axis=0)), TELL_ALL)


@pytest.mark.parametrize("text", ["sides", "side:", "", "everything"])
def test_names_that_no_guard_has(text):
  with pytest.raises(InputError, match="side, posture, volume, hu, mask, empty, ct, duplicate, grid"):
    parse_rules([text], refuse=True)


@pytest.mark.slow
def test_real_scans_need_no_override(real_ct):
  manifest = read_manifest(real_ct / "dataset.json")
  for case in manifest.cases:
    image = read_case_image(case)
    label = read_case_label(case, image, manifest.organs).array
    grid = (image.affine, image.spacing_mm, manifest.organs, case.annotated)
    assert not [one for one in check_case(measure(image.array, label, *grid)) if one.severe], case.id


def test_a_real_scan_that_is_turned_is_found(real_ct):
  manifest = read_manifest(real_ct / "dataset.json")
  (case,) = [case for case in manifest.cases if case.id == "ts_ct"]
  image = read_case_image(case)
  label = read_case_label(case, image, manifest.organs).array
  for turn, guards in ((("x"), {"side"}), ("y", {"posture"}), ("label x", {"side", "mask"})):
    axis = {"y": 1, "x": 2}[turn[-1]]
    turned = (
      image.array.copy()
      if turn.startswith("label")
      else image.array.swapaxes(0, axis)[::-1].swapaxes(0, axis)
    )
    labels = label.swapaxes(0, axis)[::-1].swapaxes(0, axis)
    found = check_case(
      measure(turned, labels, image.affine, image.spacing_mm, manifest.organs, case.annotated)
    )
    assert guards <= {one.guard for one in found if one.severe}, turn
