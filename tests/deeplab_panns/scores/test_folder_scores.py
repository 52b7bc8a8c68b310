"""Two folders of label maps, also of other programs, in one process and in several."""

import re

import numpy as np
import pytest

from data.input_error import InputError
from deeplab_panns.scores.folder_scores import Folders, not_scored, score_folders
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


def dice(scored):
  return [{score.organ: score.dice for score in case.scores} for case in scored]


def test_every_case_in_the_order_of_its_id(folders):
  scored, failures = score_folders(Folders(folders / "predictions", folders / "references", ORGANS))
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
  scored, failures = score_folders(
    Folders(folders / "predictions", folders / "references", ORGANS, prediction_map={1: "spleen", 5: "liver"})
  )
  assert not failures and dice(scored) == [{"liver": 1, "spleen": 1}] * 3
  scored, _ = score_folders(
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
  scored, _ = score_folders(Folders(folders / "predictions", folders / "references", ORGANS))
  assert dice(scored)[0] == {"liver": 1, "spleen": 1, "pancreas": 1}
  write_nifti(source, label)
  with pytest.raises(InputError, match=r"c0\.nii and c0\.nii\.gz are both the case c0"):
    score_folders(Folders(folders / "predictions", folders / "references", ORGANS))


def test_failures_are_listed_and_the_others_scored(folders):
  (folders / "predictions" / "c0.nii.gz").unlink()
  _, label = make_case(np.random.default_rng(1))
  write_nifti(folders / "predictions" / "c1.nii.gz", label[:-1])
  write_nifti(folders / "predictions" / "c2.nii.gz", label + 1)
  scored, failures = score_folders(Folders(folders / "predictions", folders / "references", ORGANS))
  assert not scored and len(failures) == 3
  for failure, says in zip(failures, ("has no prediction", "5 x 40 x 36", "holds the values 4.*--label_map")):
    assert re.search(says, failure)


@pytest.mark.slow
def test_several_processes_find_the_same(folders):
  (folders / "predictions" / "c1.nii.gz").unlink()
  one, several = (
    score_folders(Folders(folders / "predictions", folders / "references", ORGANS), workers)
    for workers in (1, 2)
  )
  assert one[1] == several[1] and repr(one[0][1].scores) == repr(several[0][1].scores)
  assert [case.case for case in several[0]] == ["c0", "c2"]


@pytest.mark.parametrize("predictions, says", [("gone", "no such folder"), ("empty", "has no prediction")])
def test_missing_and_empty_folders(folders, predictions, says):
  (folders / "empty").mkdir()
  call = Folders(folders / predictions, folders / "references", ORGANS)
  if predictions == "gone":
    with pytest.raises(InputError, match=says):
      score_folders(call)
  else:
    assert all(says in failure for failure in score_folders(call)[1])
  with pytest.raises(InputError, match="holds no label maps"):
    score_folders(Folders(folders / "predictions", folders / "empty", ORGANS))


def test_maps_without_a_common_organ(folders):
  with pytest.raises(InputError, match="nothing can be scored"):
    score_folders(
      Folders(folders / "predictions", folders / "references", ORGANS, {1: "liver"}, {2: "spleen"})
    )


@pytest.mark.parametrize("value", [-1, 4, 99])
def test_values_outside_the_list_are_refused_and_not_taken_for_background(folders, value):
  _, label = make_case(np.random.default_rng(1))
  write_nifti(folders / "predictions" / "c1.nii.gz", np.where(label == 3, value, label).astype(np.int16))
  scored, failures = score_folders(Folders(folders / "predictions", folders / "references", ORGANS))
  assert [case.case for case in scored] == ["c0", "c2"]
  assert re.search(rf"c1\.nii\.gz: holds the values {value}, and --organs names values 1 to 3", failures[0])


def test_a_ct_as_label_map_is_a_short_line(folders):
  image, _ = make_case(np.random.default_rng(1))
  write_nifti(folders / "predictions" / "c1.nii.gz", image)
  _, failures = score_folders(Folders(folders / "predictions", folders / "references", ORGANS))
  assert len(failures) == 1 and len(failures[0]) < 300 + len(str(folders)) and "more" in failures[0]


def test_what_is_not_scored_is_told(folders):
  (folders / "references" / "c2.nii.gz").unlink()
  (folders / "predictions" / "notes.txt").touch()
  (folders / "predictions" / "organs.json").touch()  # as predict leaves it
  lines = not_scored(Folders(folders / "predictions", folders / "references", ORGANS))
  assert len(lines) == 2
  assert "1 predictions have no reference: c2.nii.gz" in lines[0]
  assert "1 entries are no label maps: notes.txt" in lines[1]


def test_a_folder_is_not_compared_with_itself(folders):
  (folders / "link").symlink_to(folders / "references")
  with pytest.raises(InputError, match="both as --predictions and as --references"):
    score_folders(Folders(folders / "link", folders / "references", ORGANS))
