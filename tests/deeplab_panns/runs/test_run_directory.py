"""A folder belongs to one run: of its flags, of its data, of one process."""

import dataclasses
import hashlib
import json

import pytest

from data.input_error import InputError
from data.stored.store import read_store
from deeplab_panns.runs.experiment import Experiment
from deeplab_panns.runs.run_directory import RunDirectory, fingerprint, is_content_of, patients_hash


@pytest.fixture
def run(tmp_path, tiny_store):
  directory = RunDirectory(tmp_path / "run")
  directory.open_for_training(Experiment(), read_store(tiny_store))
  return directory


def test_a_new_run_writes_down_what_it_is(run, tiny_store):
  settings = run.settings()
  assert settings.experiment == Experiment() and settings.organs == ("liver", "spleen", "pancreas")
  assert settings.data_dir == str(tiny_store.resolve())
  assert json.loads(run.experiment.read_text())["format"] == 2
  # conftest.make_case: 6 x 40 x 36 voxels of 3 x 2 x 2 mm
  assert settings.scans == {"spacing_mm": [[3.0, 2.0, 2.0]] * 2, "extent_mm": [[18.0, 80.0, 72.0]] * 2}


@pytest.mark.parametrize("name", ["index.json", "dataset.json", "data.json", "prior.json"])
def test_a_folder_with_files_of_others_is_no_place_for_a_run(tmp_path, name):
  RunDirectory(tmp_path / "new").require_vacant()
  (tmp_path / "notes.txt").write_text("mine")
  RunDirectory(tmp_path).require_vacant()
  (tmp_path / name).write_text("{}")
  with pytest.raises(InputError, match=rf"holds {name} and no run; choose a new folder"):
    RunDirectory(tmp_path).require_vacant()


def test_a_run_that_was_killed_while_it_began_is_begun_again(run):
  run.require_vacant()
  run.experiment.unlink()
  run.require_vacant()


def test_a_run_of_before_has_no_ranges_of_scans(run):
  content = json.loads(run.data.read_text())
  del content["scans"]
  run.data.write_text(json.dumps(content))
  assert run.settings().scans == {}


def test_the_same_command_opens_it_again_and_another_does_not(run, tiny_store):
  store = read_store(tiny_store)
  run.open_for_training(Experiment(), store)
  with pytest.raises(InputError, match=r"holds a run of other flags: --seed=1 \(was 0\)"):
    run.open_for_training(Experiment(seed=1), store)


def test_another_content_of_the_store_is_noticed(run, tiny_store):
  store = read_store(tiny_store)
  first, *others = store.cases
  changed = dataclasses.replace(first, sha256={**first.sha256, "label": "0" * 64})
  with pytest.raises(InputError, match="trained on another content of the store"):
    run.require_same_data(dataclasses.replace(store, cases=(changed, *others)))
  run.require_same_data(store)


def test_stage_1_of_another_store_whose_labelled_cases_this_one_has(run, tiny_store):
  """Its other cases may differ, and it may have more labelled ones; those it has seen may not be held out."""
  store = read_store(tiny_store)
  full = [case for case in store.cases if store.is_full(case)]
  partial = next(case for case in store.cases if not store.is_full(case))
  other = dataclasses.replace(partial, annotated=store.organs, sha256={**partial.sha256, "label": "0" * 64})
  assert run.stage1_for(Experiment(), dataclasses.replace(store, cases=(*full, other))) == run.checkpoints
  for cases in (full[1:], (dataclasses.replace(full[0], sha256=other.sha256), *full[1:])):
    with pytest.raises(InputError, match="trained on another content of the store"):
      run.stage1_for(Experiment(), dataclasses.replace(store, cases=tuple(cases)))


def test_stage_1_of_a_run_that_did_not_write_its_cases_is_for_its_own_store(run, tiny_store):
  data = json.loads(run.data.read_text())
  del data["labeled"]
  run.data.write_text(json.dumps(data))
  store = read_store(tiny_store)
  assert run.stage1_for(Experiment(), store) == run.checkpoints
  with pytest.raises(InputError, match="trained on another content"):
    run.stage1_for(Experiment(), dataclasses.replace(store, cases=store.cases[:-1]))


def test_the_fingerprint_sees_annotations_folds_and_spacings(tiny_store):
  store = read_store(tiny_store)
  first, *others = store.cases
  moved = {"spacing_mm": (5.0, 0.7, 0.7)}
  for change in ({"annotated": ("liver",)}, {"fold": 4}, moved, {"separate_slices": True}):
    other = dataclasses.replace(store, cases=(dataclasses.replace(first, **change), *others))
    assert fingerprint(other) != fingerprint(store)
    assert not is_content_of(other, fingerprint(store))


def test_a_run_of_before_spacings_were_in_the_fingerprint_goes_on(tiny_store):
  store = read_store(tiny_store)
  cases = [
    (case.id, case.annotated, case.fold, case.sha256["image"], case.sha256["label"]) for case in store.cases
  ]
  recorded = hashlib.sha256(json.dumps([store.organs, cases]).encode()).hexdigest()
  assert is_content_of(store, recorded)
  assert not is_content_of(dataclasses.replace(store, cases=store.cases[1:]), recorded)


def test_a_second_process_is_kept_out(run):
  with run.locked(), pytest.raises(InputError, match="another process is training there"), run.locked():
    pass


@pytest.mark.parametrize(
  "damage", ["{", "[]", '{"organs": ["a"]}', '{"organs": "liver", "data_dir": "", "fingerprint": ""}']
)
def test_a_damaged_data_file_is_one_line(run, damage):
  run.data.write_text(damage)
  with pytest.raises(InputError, match=r"data\.json: does not say which data"):
    run.settings()


def test_a_folder_without_a_run_is_said(tmp_path):
  with pytest.raises(InputError, match=r"holds no run \(no experiment.json\)"):
    RunDirectory(tmp_path).settings()


@pytest.mark.parametrize("name", ["events/notes.txt", "resampled/scan.nii.gz", "lock"])
def test_files_that_a_refused_start_would_delete_are_no_place_for_a_run(tmp_path, name):
  (tmp_path / name).parent.mkdir(exist_ok=True)
  (tmp_path / name).touch()
  if name == "lock":
    RunDirectory(tmp_path).require_vacant()  # an empty one is of a start that was killed
  (tmp_path / name).write_text("mine")
  with pytest.raises(InputError, match=rf"holds {name.split('/')[0]} and no run"):
    RunDirectory(tmp_path).require_vacant()


def test_patients_are_of_the_content_and_runs_that_did_not_record_them_go_on(run, tiny_store):
  """They decide what validates together; the fingerprint, by which runs are compared, stays what it was."""
  store = read_store(tiny_store)
  cases = tuple(dataclasses.replace(case, patient="p") for case in store.cases)
  named = dataclasses.replace(store, cases=cases)
  assert fingerprint(named) == fingerprint(store) and patients_hash(named) != patients_hash(store)
  with pytest.raises(InputError, match="another content of the store"):
    run.open_for_training(Experiment(), named)
  data = {**json.loads(run.data.read_text()), "patients": ""}
  run.data.write_text(json.dumps(data))
  run.open_for_training(Experiment(), named)
