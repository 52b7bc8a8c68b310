"""Every field of a manifest is checked when it is read."""

import json

import pytest

from data.dataset_json import Reading, read_manifest, read_organs, with_organs
from data.input_error import InputError


@pytest.fixture
def write(tmp_path):
  (tmp_path / "ct.nii.gz").write_bytes(b"x")
  (tmp_path / "label.nii.gz").write_bytes(b"x")

  def write_manifest(case=None, **fields):
    entry = {
      "id": "a",
      "image": "ct.nii.gz",
      "label": "label.nii.gz",
      "annotated": "all",
      "labels": {"1": "liver", "7": "spleen"},
      **(case or {}),
    }
    content = {"organs": ["liver", "spleen"], "cases": [entry], **fields}
    path = tmp_path / "dataset.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path

  return write_manifest


def test_reads_a_case(write, tmp_path):
  case = read_manifest(write(case={"fold": 2})).cases[0]
  assert (case.id, case.annotated, case.values, case.fold) == (
    "a",
    ("liver", "spleen"),
    {1: "liver", 7: "spleen"},
    2,
  )
  assert case.image == tmp_path / "ct.nii.gz"


def test_annotating_every_organ_equals_all(write):
  assert read_manifest(write(case={"annotated": ["spleen", "liver"]})).cases[0].annotated == (
    "liver",
    "spleen",
  )


def test_an_unlabelled_case_needs_no_label(write):
  case = read_manifest(write(case={"annotated": [], "label": None})).cases[0]
  assert case.label is None and case.annotated == ()


def test_values_default_to_the_organs_places(write):
  path = write()
  content = json.loads(path.read_text())
  del content["cases"][0]["labels"]
  path.write_text(json.dumps(content))
  assert read_manifest(path).cases[0].values == {1: "liver", 2: "spleen"}


def test_unknown_keys_are_ignored(write):
  assert read_manifest(write(name="mine", case={"scanner": "x"})).cases[0].id == "a"


@pytest.mark.parametrize(
  "case, says",
  [
    ({"id": "../up"}, "id"),
    ({"id": ".."}, "id"),
    ({"id": 3}, "id"),
    ({"id": "a b"}, "id"),
    ({"image": "gone.nii.gz"}, "gone.nii.gz"),
    ({"image": None}, "image"),
    ({"image": 3}, "image"),
    ({"label": "gone.nii.gz"}, "gone.nii.gz"),
    ({"label": None}, "no label map"),
    ({"annotated": ["kidney"]}, "kidney"),
    ({"annotated": "liver"}, "annotated"),
    ({"annotated": None}, "annotated"),
    ({"labels": {"1": "lung"}}, "lung"),
    ({"labels": {"0": "liver"}}, "0"),
    ({"labels": {"-1": "liver"}}, "-1"),
    ({"labels": {"1": "ignored"}}, "ignore"),
    ({"label": {}}, "mask"),
    ({"label": {"lung": "label.nii.gz"}}, "lung"),
    ({"label": {"liver": "gone.nii.gz"}}, "gone.nii.gz"),
    ({"label": {"liver": None}}, "names no file"),
    ({"labels": ["liver"]}, "labels"),
    ({"labels": {"1": "liver"}}, "spleen"),
    ({"fold": -1}, "fold"),
    ({"fold": "1"}, "fold"),
    ({"fold": True}, "fold"),
  ],
)
def test_a_wrong_case_is_named(write, case, says):
  with pytest.raises(InputError) as error:
    read_manifest(write(case=case))
  assert says in str(error.value) and "dataset.json" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
  "fields, says",
  [
    ({"organs": []}, "organs"),
    ({"organs": "liver"}, "organs"),
    ({"organs": ["liver", "liver"]}, "more than once"),
    ({"organs": ["background"]}, "background"),
    ({"organs": [f"o{i}" for i in range(255)]}, "254"),
    ({"cases": []}, "cases"),
    ({"cases": {}}, "cases"),
    ({"cases": ["a"]}, "object"),
  ],
)
def test_a_wrong_manifest_is_named(write, fields, says):
  with pytest.raises(InputError, match=says):
    read_manifest(write(**fields))


def test_an_id_twice(write):
  path = write()
  content = json.loads(path.read_text())
  path.write_text(json.dumps({**content, "cases": content["cases"] * 2}))
  with pytest.raises(InputError, match='"a" stands twice'):
    read_manifest(path)


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00"])
def test_not_json(tmp_path, text):
  path = tmp_path / "dataset.json"
  path.write_text(text)
  with pytest.raises(InputError, match=r"dataset\.json"):
    read_manifest(path)


def test_missing_file_and_folder(tmp_path):
  with pytest.raises(InputError, match="no such file"):
    read_manifest(tmp_path / "none.json")
  with pytest.raises(InputError, match="is a folder"):
    read_manifest(tmp_path)


def write_text(path, text):
  path.write_text(text, encoding="utf-8")
  return path


def test_a_byte_order_mark_is_no_part_of_the_manifest(write):
  path = write()
  path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
  assert read_manifest(path).organs == ("liver", "spleen")


@pytest.mark.parametrize(
  "old, new, said",
  [
    ('"1": "liver"', '"1": "liver", "1": "spleen"', 'the key "1" stands twice'),
    (
      '"1": "liver"',
      '"1": "liver", "01": "spleen"',
      '"labels" names the value 1 twice, the second time as "01"',
    ),
    ('"1": "liver"', '"1": "liver", "001": null', "names the value 1 twice"),
    ('"image":', '"image": "other.nii.gz", "image":', 'the key "image" stands twice in case "a"'),
    ('"labels":', '"lables":', 'case "a": has the key "lables", which is not known; is "labels" meant?'),
    ('"cases":', '"case":', 'has the key "case", which is not known; is "cases" meant?'),
    ('"annotated":', '"anotated":', 'is "annotated" meant?'),
    ('"1": "liver"', '"1": "livr"', 'maps 1 to "livr".*A value that is not wanted maps to null'),
    ('"1": "liver"', '"9999999999": "liver"', "values are whole numbers"),
  ],
)
def test_what_could_be_read_in_two_ways_is_refused(write, old, new, said):
  path = write()
  text = path.read_text()
  assert old in text
  with pytest.raises(InputError, match=said) as error:
    read_manifest(write_text(path, text.replace(old, new, 1)))
  assert len(str(error.value)) <= 300 + len(str(path))


def test_labels_stand_once_at_the_top_and_a_case_may_have_its_own(write):
  case = {"labels": None}
  path = write(case=case)
  content = json.loads(path.read_text())
  own = {**content["cases"][0], "id": "b", "labels": {"3": "liver"}, "annotated": ["liver"]}
  del content["cases"][0]["labels"]
  content["cases"].append(own)
  content["labels"] = {"4": "spleen", "5": "liver", "9": "background"}
  first, second = read_manifest(write_text(path, json.dumps(content))).cases
  assert first.values == {4: "spleen", 5: "liver"} and first.background == {9}
  assert second.values == {3: "liver"} and second.background == frozenset()


def test_a_value_that_is_not_wanted_is_background(write):
  labels = {"1": "liver", "2": "spleen", "3": None, "4": "background"}
  case = read_manifest(write(case={"labels": labels})).cases[0]
  assert case.values == {1: "liver", 2: "spleen"} and case.background == {3, 4}


def test_labels_may_be_missing_only_where_that_has_one_meaning(write):
  path = write(case={"labels": None})
  found = read_manifest(path)
  assert found.cases[0].values == {1: "liver", 2: "spleen"}
  assert any('without "labels" (a)' in note for note in found.notes)
  with pytest.raises(
    InputError, match=r'annotates spleen and has no "labels", so the value 1 may be liver or spleen'
  ):
    read_manifest(write(case={"labels": None, "annotated": ["spleen"]}))
  with pytest.raises(InputError, match=r"so the value 1 may be liver or spleen"):
    read_manifest(write(case={"labels": None, "annotated": ["spleen", "liver"]}))
  both_ways = read_manifest(write(case={"labels": None, "annotated": ["liver"]})).cases[0]
  assert both_ways.values[1] == "liver" and both_ways.annotated == ("liver",)


def test_keys_that_are_not_used_are_noted_and_remarks_are_not(write):
  path = write(case={"patient_sex": "F", "comment": "x"}, name="my data", scanner="A")
  notes = read_manifest(path).notes
  assert (
    len(notes) == 2
    and "not used: scanner" in notes[0]
    and "of cases that are not used: patient_sex" in notes[1]
  )


def test_a_name_that_the_system_cannot_have_is_one_line(write):
  for name in ("x" * 300 + ".nii", "a\0b", "ct.nii.gz/inside.nii"):
    with pytest.raises(InputError, match='"image"'):
      read_manifest(write(case={"image": name}))


def test_a_mask_for_each_organ(write, tmp_path):
  label = {"liver": "label.nii.gz", "spleen": ["label.nii.gz", "ct.nii.gz"]}
  case = read_manifest(write(case={"label": label, "labels": None})).cases[0]
  file = tmp_path / "label.nii.gz"
  assert case.label is None and case.masks == {"liver": (file,), "spleen": (file, tmp_path / "ct.nii.gz")}
  assert case.label_files == (file, file, tmp_path / "ct.nii.gz")
  with pytest.raises(InputError, match="no mask of the annotated spleen"):
    read_manifest(write(case={"label": {"liver": "label.nii.gz"}, "labels": None}))


def test_names_of_segments_and_values_to_ignore(write):
  labels = {"Leber": "liver", "Body": None, "2": "spleen", "3": "ignore"}
  case = read_manifest(write(case={"labels": labels})).cases[0]
  assert case.names == {"Leber": "liver", "Body": ""} and case.values == {2: "spleen"}
  assert case.ignored == {3} and not case.background
  with pytest.raises(InputError, match="names the value 3 twice"):
    read_manifest(write(case={"labels": {**labels, "03": "spleen"}}))


@pytest.mark.parametrize("patient, read", [(None, ""), ("p 1", "p 1"), (7, "7")])
def test_whose_scan_it_is(write, patient, read):
  manifest = read_manifest(write(case={"patient": patient, "patient_sex": "F"}))
  assert manifest.cases[0].patient == read and "patient_sex" in manifest.notes[0]
  masks = {"liver": "label.nii.gz", "spleen": "label.nii.gz"}
  assert read_manifest(write(case={"patient": patient, "label": masks})).cases[0].patient == read


@pytest.mark.parametrize("series, read", [(None, ""), ("1.2.840.3", "1.2.840.3"), (7, "7")])
def test_which_series_of_a_folder_it_is(write, tmp_path, series, read):
  (tmp_path / "dicom").mkdir()
  manifest = read_manifest(write(case={"image": "dicom", "series": series}))
  assert manifest.cases[0].reading == Reading(series=read)
  assert manifest.cases[0].reading.beyond_headers().get("series", "") == read


@pytest.mark.parametrize("image, series", [("dicom", ""), ("dicom", True), ("dicom", ["1"]), (None, "1")])
def test_what_is_no_series(write, tmp_path, image, series):
  (tmp_path / "dicom").mkdir()
  with pytest.raises(InputError, match='case "a": "series" is '):
    read_manifest(write(case={"series": series, **({"image": image} if image else {})}))


@pytest.mark.parametrize("patient", ["", True, ["p"], 1.5])
def test_what_is_no_patient(write, patient):
  with pytest.raises(InputError, match='case "a": "patient" is '):
    read_manifest(write(case={"patient": patient}))


def test_another_organ_list(write):
  manifest = read_manifest(write())
  first = manifest.organs[0]
  fewer = with_organs(manifest, (first,))
  dropped = {value for value, organ in manifest.cases[0].values.items() if organ != first}
  assert fewer.cases[0].annotated == (first,) == fewer.organs
  assert dropped and fewer.cases[0].background == dropped and set(fewer.cases[0].values.values()) == {first}
  more = with_organs(manifest, ("thyroid", *manifest.organs))
  assert more.cases[0].annotated == manifest.cases[0].annotated != more.organs
  with pytest.raises(InputError, match="no case annotates any of thyroid"):
    with_organs(manifest, ("thyroid",))


def test_the_organ_list_of_a_manifest(write):
  path = write()
  assert read_organs(path) == read_manifest(path).organs


def two_cases(write, first, second, **fields):
  path = write(case=first, **fields)
  content = json.loads(path.read_text(encoding="utf-8"))
  content["cases"].append({**content["cases"][0], "id": "b", **second})
  path.write_text(json.dumps(content), encoding="utf-8")
  return path


def test_ids_that_are_one_folder_where_capitals_do_not_count(write):
  with pytest.raises(InputError, match=r'the id "A1" differs from "a1" by capitals alone'):
    read_manifest(two_cases(write, {"id": "a1"}, {"id": "A1"}))
  with pytest.raises(InputError, match="at most 200 letters"):
    read_manifest(write(case={"id": "a" * 201}))


@pytest.mark.parametrize("first, second", [("P1", "p1"), (1, "01"), ("1", "001"), ("Ü", "u\u0308")])
def test_patients_who_may_be_one(write, first, second):
  with pytest.raises(InputError, match="is it one patient"):
    read_manifest(two_cases(write, {"patient": first}, {"patient": second}))


def test_patients_who_are_others_and_spaces(write):
  cases = read_manifest(two_cases(write, {"patient": "p  1 "}, {"patient": "p 1"})).cases
  assert cases[0].patient == cases[1].patient == "p 1"
  read_manifest(two_cases(write, {"patient": "10"}, {"patient": "1"}))
  with pytest.raises(InputError, match='"patient" is blank'):
    read_manifest(write(case={"patient": " "}))


def test_accents_are_one_letter_however_they_are_written(write):
  composed, apart = "Ösophagus", "O\u0308sophagus"
  labels = {"labels": {"1": apart, "7": "spleen"}}
  for organs, annotated in (([composed, "spleen"], [apart]), ([apart, "spleen"], [composed])):
    case = read_manifest(write(case={**labels, "annotated": annotated}, organs=organs)).cases[0]
    assert case.annotated == (composed,) and case.values[1] == composed
  with pytest.raises(InputError, match="more than once"):
    read_manifest(write(organs=[composed, apart]))


@pytest.mark.parametrize("other", ["Liver", "liver ", "LIVER_"])
def test_organs_that_differ_by_nothing_that_is_seen(write, other):
  with pytest.raises(InputError, match=r'"organs" names "liver" and .* name one of them'):
    read_manifest(write(organs=["liver", other, "spleen"]))


def test_zero_may_be_said_to_be_background(write):
  for background in (None, "background"):
    labels = {"0": background, "1": "liver", "7": "spleen"}
    assert read_manifest(write(case={"labels": labels})).cases[0].background == frozenset()
  with pytest.raises(InputError, match='has the value "0"'):
    read_manifest(write(case={"labels": {"0": "liver", "7": "spleen"}}))


@pytest.mark.parametrize("key", ["channel_names", "modality", "training"])
def test_the_dataset_json_of_other_programs(tmp_path, key):
  path = tmp_path / "dataset.json"
  path.write_text(json.dumps({"labels": {"liver": 1}, key: {"0": "CT"}}))
  with pytest.raises(InputError, match=r"--layout=nnunet_raw, or .*data\.manifest"):
    read_manifest(path)
