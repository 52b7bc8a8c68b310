"""Two folders of label maps, also of other programs, in one process and in several."""

import dataclasses
import gzip
import json
import os
import re

import numpy as np
import pytest

from data.input_error import InputError
from deeplab_panns.scores.folder_scores import Folders, evaluate_folders, score_pairs
from deeplab_panns.scores.label_folders import pair_folders
from tests.conftest import TINY_ORGANS, make_case, write_nifti

ORGANS = tuple(TINY_ORGANS)  # liver, spleen, pancreas


@pytest.fixture
def folders(tmp_path):
  """Three cases; the predictions miss the spleen."""
  for number in range(3):
    _, label = make_case(np.random.default_rng(number))
    write_nifti(tmp_path / "references" / f"c{number}.nii.gz", label)
    write_nifti(
      tmp_path / "predictions" / f"c{number}.nii.gz", np.where(label == 2, 0, label).astype(np.uint8)
    )
  return tmp_path


def score(folders, workers=1):
  """The scored cases and the errors of the others."""
  found = score_pairs(folders, pair_folders(folders.predictions, folders.references), workers)
  return list(found.scored), list(found.failures.values())


def dice(scored):
  return [{score.organ: score.dice for score in case.scores} for case in scored]


def test_every_case_in_the_order_of_its_id(folders):
  scored, failures = score(Folders(folders / "predictions", folders / "references", ORGANS))
  assert [case.case for case in scored] == ["c0", "c1", "c2"] and not failures
  assert dice(scored) == [{"liver": 1, "spleen": 0, "pancreas": 1}] * 3
  volume = scored[0].volumes[1]
  assert (volume.organ, volume.predicted_ml) == ("spleen", 0)
  assert volume.reference_ml == pytest.approx(
    4 * 8 * 6 * 3 * 2 * 2 / 1000
  )  # the box of make_case, 3 x 2 x 2 mm
  assert scored[0].confusion[2].tolist() == [192, 0, 0, 0]


def test_another_programs_values(folders):
  """Its numbers are other ones, it has a class that we do not score, and no pancreas."""
  for file in (folders / "predictions").iterdir():
    _, label = make_case(np.random.default_rng(int(file.name[1])))
    write_nifti(file, np.array([0, 5, 1, 117], np.int16)[label])
  scored, failures = score(
    Folders(folders / "predictions", folders / "references", ORGANS, prediction_map={1: "spleen", 5: "liver"})
  )
  assert not failures and dice(scored) == [{"liver": 1, "spleen": 1}] * 3
  scored, _ = score(
    Folders(
      folders / "predictions",
      folders / "references",
      ORGANS,
      {1: "spleen", 5: "liver", 117: "pancreas"},
      {1: "spleen"},
    )
  )
  assert dice(scored) == [{"spleen": 0}] * 3  # value 1 of the references is the liver


def test_the_case_of_a_file_is_its_name_without_the_ending(folders):
  source = folders / "predictions" / "c0.nii.gz"
  _, label = make_case(np.random.default_rng(0))
  source.unlink()
  write_nifti(folders / "predictions" / "c0.nii", label)
  scored, _ = score(Folders(folders / "predictions", folders / "references", ORGANS))
  assert dice(scored)[0] == {"liver": 1, "spleen": 1, "pancreas": 1}
  write_nifti(source, label)
  with pytest.raises(InputError, match=r"c0\.nii and c0\.nii\.gz are both the case c0"):
    score(Folders(folders / "predictions", folders / "references", ORGANS))


def test_failures_are_listed_and_the_others_scored(folders):
  (folders / "predictions" / "c0.nii.gz").unlink()
  _, label = make_case(np.random.default_rng(1))
  write_nifti(folders / "predictions" / "c1.nii.gz", label[:-1])
  write_nifti(folders / "predictions" / "c2.nii.gz", label + 1)
  scored, failures = score(Folders(folders / "predictions", folders / "references", ORGANS))
  assert not scored and len(failures) == 3
  for failure, says in zip(failures, ("has no prediction", "5 x 40 x 36", "holds the value 4.*--label_map")):
    assert re.search(says, failure)


@pytest.mark.slow
def test_several_processes_find_the_same(folders):
  (folders / "predictions" / "c1.nii.gz").unlink()
  one, several = (
    score(Folders(folders / "predictions", folders / "references", ORGANS), workers) for workers in (1, 2)
  )
  assert one[1] == several[1] and repr(one[0][1].scores) == repr(several[0][1].scores)
  assert [case.case for case in several[0]] == ["c0", "c2"]


def test_maps_without_a_common_organ(folders):
  call = Folders(folders / "predictions", folders / "references", ORGANS, {1: "liver"}, {2: "spleen"})
  with pytest.raises(InputError, match="nothing can be scored"):
    evaluate_folders(call, folders / "out")
  assert not (folders / "out").exists()


@pytest.mark.parametrize("value", [-1, 4, 99])
def test_values_outside_the_list_are_refused_and_not_taken_for_background(folders, value):
  _, label = make_case(np.random.default_rng(1))
  write_nifti(folders / "predictions" / "c1.nii.gz", np.where(label == 3, value, label.astype(np.int16)))
  scored, failures = score(Folders(folders / "predictions", folders / "references", ORGANS))
  assert [case.case for case in scored] == ["c0", "c2"]
  assert re.search(rf"c1\.nii\.gz: holds the value {value}, and --organs names values 1 to 3", failures[0])


def test_values_that_a_given_map_does_not_name_are_told(folders):
  """They count as background by contract, but a map with a missing line must not go unseen."""
  call = Folders(
    folders / "predictions", folders / "references", ORGANS, {1: "liver"}, {1: "liver", 2: "spleen"}
  )
  found = score_pairs(call, pair_folders(call.predictions, call.references))
  assert len(found.scored) == 3 and len(found.notes) == 2
  assert re.search(
    r"references: --reference_label_map does not name the values 3 .*background", found.notes[0]
  )
  assert re.search(r"predictions: --label_map does not name the values 3 .*background", found.notes[1])


def save_scaled(path, label, slope, intercept):
  """A NIfTI file of uint8 whose header scales it."""
  write_nifti(path, label)
  content = bytearray(gzip.decompress(path.read_bytes()))
  content[112:120] = np.array([slope, intercept], "<f4").tobytes()
  path.write_bytes(gzip.compress(bytes(content)))


def test_what_is_no_label_map_is_a_short_line_and_the_others_are_scored(folders):
  image, label = make_case(np.random.default_rng(1))
  noise = np.random.default_rng(0).permutation(image.size).reshape(image.shape).astype(np.int16)
  for write, says in (
    (
      lambda path: write_nifti(path, image),
      "values -1020, .* and 1.. more, .* looks like an image",
    ),
    (lambda path: write_nifti(path, noise), "different values.*more.*image, not a label map"),
    (lambda path: save_scaled(path, label * 20, 0.0494, 0), "not integers.*scl_slope 0.0494"),
    (lambda path: save_scaled(path, label, 1, -1024), "-1024 to -1021.*scl_inter -1024"),
  ):
    write(folders / "predictions" / "c1.nii.gz")
    scored, failures = score(Folders(folders / "predictions", folders / "references", ORGANS))
    assert [case.case for case in scored] == ["c0", "c2"] and len(failures) == 1
    assert re.search(says, failures[0]) and "c1.nii.gz" in failures[0]
    assert len(failures[0].replace(str(folders), "")) < 300


def test_a_prediction_on_another_grid_is_said_with_both_grids(folders):
  _, label = make_case(np.random.default_rng(1))
  file = folders / "predictions" / "c1.nii.gz"
  grid = r"6 x 40 x 36 voxels of \(3, 2, 2\) mm"
  for array, spacing_mm, says in (
    (label[:-1], (3, 2, 2), rf"5 x 40 x 36 voxels of \(3, 2, 2\) mm against {grid}"),
    (label, (3, 2, 2.1), rf"\(3, 2, 2.1\) mm against {grid}.*corners lie up to 3.5 mm apart, half a voxel"),
  ):
    write_nifti(file, array, spacing_mm)
    _, (failure,) = score(Folders(folders / "predictions", folders / "references", ORGANS))
    assert re.search(says, failure)
  write_nifti(file, label, (3, 2, 2.02))  # 0.7 mm at the corners
  assert not score(Folders(folders / "predictions", folders / "references", ORGANS))[1]


def test_a_prediction_that_is_its_reference_is_refused(folders):
  (folders / "predictions" / "c1.nii.gz").unlink()
  (folders / "predictions" / "c1.nii.gz").symlink_to(folders / "references" / "c1.nii.gz")
  scored, failures = score(Folders(folders / "predictions", folders / "references", ORGANS))
  assert len(scored) == 2 and "c1.nii.gz: is a link to its reference" in failures[0]


def test_names_that_are_no_utf_8_are_refused_and_the_others_scored(folders):
  for name in ("predictions", "references"):
    os.rename(folders / name / "c1.nii.gz", os.fsencode(folders / name) + b"/caf\xe9.nii.gz")
  evaluation = evaluate_folders(
    Folders(folders / "predictions", folders / "references", ORGANS), folders / "out"
  )
  assert list(evaluation.summary["references"]) == ["c0", "c2"]
  assert "not in UTF-8; rename it" in next(iter(evaluation.failures.values()))


def test_a_process_that_dies_does_not_cost_the_scores_of_the_others(folders, monkeypatch):
  def dies(work, tasks, workers, if_one_dies):
    key = next(iter(tasks))
    yield key, work(*tasks[key])
    raise InputError(if_one_dies)

  monkeypatch.setattr("deeplab_panns.scores.folder_scores.in_processes", dies)
  evaluation = evaluate_folders(
    Folders(folders / "predictions", folders / "references", ORGANS), folders / "out"
  )
  assert list(evaluation.summary["references"]) == ["c0"]
  assert list(evaluation.failures) == ["c1", "c2"] and "memory" in evaluation.failures["c1"]


def test_the_files_say_what_is_missing_and_may_be_written_again(folders):
  (folders / "predictions" / "c1.nii.gz").unlink()
  call = Folders(folders / "predictions", folders / "references", ORGANS)
  for _ in range(2):
    evaluation = evaluate_folders(call, folders / "out")
    assert evaluation.summary["cases"] == 2
    assert evaluation.summary["not_scored"] == {
      "c1": f"{folders / 'references' / 'c1.nii.gz'}: has no prediction in {folders / 'predictions'}."
    }
  (folders / "out" / "metrics.csv").write_text("corrected by hand")
  with pytest.raises(InputError, match=r"metrics\.csv: exists.*--overwrite"):
    evaluate_folders(call, folders / "out")
  evaluate_folders(call, folders / "out", overwrite=True)


@pytest.mark.parametrize(
  "stated, refused", [(["spleen", "liver", "pancreas"], True), (["Liver", "milt"], False)]
)
def test_names_beside_label_maps_are_not_overruled_in_silence(folders, stated, refused):
  """organs.json calls 1 the spleen; a name that is no organ of the list is a matter of words."""
  (folders / "predictions" / "organs.json").write_text(json.dumps(stated))
  asked = Folders(folders / "predictions", folders / "references", ORGANS)
  scored, failures = score(asked)
  assert (len(scored), len(failures)) == ((0, 3) if refused else (3, 0))
  if refused:
    assert "its value 1 is 'spleen'" in failures[0] and "scored as 'liver'" in failures[0]
    assert failures[0].endswith("--label_map (--reference_label_map) 1=spleen,2=liver,3=pancreas.")
    given = dict(enumerate(stated, start=1))
    assert len(score(dataclasses.replace(asked, prediction_map=given))[0]) == 3


def test_what_a_reference_does_not_know_counts_nowhere(folders):
  """255 without a map, else the value that it calls ignore; beside other values alone, and told."""
  paths = [folders / kind / "c0.nii.gz" for kind in ("references", "predictions")]
  _, label = make_case(np.random.default_rng(0))
  write_nifti(paths[0], np.where(label == 2, 255, label).astype(np.uint8))
  write_nifti(paths[1], np.where(label == 2, 1, label).astype(np.uint8))
  plain = Folders(folders / "predictions", folders / "references", ORGANS)
  named = dataclasses.replace(plain, reference_map={1: "liver", 2: "spleen", 3: "pancreas", 255: "ignore"})
  for asked in (plain, named):
    scored, failures = score(asked)
    assert not failures and dice(scored)[0]["liver"] == 1 == dice(scored)[0]["pancreas"]
    found = score_pairs(asked, pair_folders(asked.predictions, asked.references), 1)
    assert "c0: 192 voxels of ignore in the reference count nowhere" in found.notes
  write_nifti(paths[1], np.where(label == 2, 255, label).astype(np.uint8))  # as round_trip leaves them
  assert dice(score(plain)[0])[0]["liver"] == 1
  write_nifti(paths[0], np.where(label == 2, 255, 0).astype(np.uint8))
  assert "holds the value 255" in score(plain)[1][0]  # alone it is a mask


def test_organs_that_a_reference_does_not_annotate_are_not_scored(folders):
  asked = Folders(folders / "predictions", folders / "references", ORGANS, annotated={"c1": ("liver",)})
  scored, _ = score(asked)
  assert [list(one) for one in dice(scored)] == [list(ORGANS), ["liver"], list(ORGANS)]
  lost = dataclasses.replace(asked, annotated={"c1": ("Liver", "aorta")})
  assert "says that c1 annotates aorta, which --organs does not name" in score(lost)[1][0]
  renamed = dataclasses.replace(asked, annotated={"c1": ("LIVER",)})
  assert list(dice(score(renamed)[0])[1]) == ["liver"]
