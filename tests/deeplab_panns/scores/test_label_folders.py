"""What belongs together in two folders of label maps, and that nothing else in them goes unsaid."""

import pytest

from data.input_error import InputError
from deeplab_panns.scores.label_folders import pair_folders


def folders_of(tmp_path, predictions, references):
  """Two folders of empty files; names that end in / are folders."""
  made = []
  for folder, names in (("predictions", predictions), ("references", references)):
    (tmp_path / folder).mkdir()
    made.append(tmp_path / folder)
    for name in names:
      path = tmp_path / folder / name
      if name.endswith("/"):
        path.mkdir()
      else:
        path.touch()
  return made


def test_a_pair_is_an_id_whatever_the_ending(tmp_path):
  found = pair_folders(*folders_of(tmp_path, ["a.nrrd", "b.nii"], ["b.nii.gz", "a.nii.gz"]))
  assert [(pair.case, pair.prediction.name) for pair in found.pairs] == [("a", "a.nrrd"), ("b", "b.nii")]
  assert not found.notes and len(found.files) == 4


def test_accents_may_be_spelt_in_two_ways(tmp_path):
  found = pair_folders(*folders_of(tmp_path, ["caf\u00e9.nii.gz"], ["cafe\u0301.nii.gz"]))
  (pair,) = found.pairs
  assert pair.case == "cafe\u0301" and pair.prediction.name == "caf\u00e9.nii.gz"


def test_a_reference_without_a_prediction_is_a_pair_of_its_own(tmp_path):
  found = pair_folders(*folders_of(tmp_path, ["a.nii"], ["a.nii", "b.nii"]))
  assert [pair.prediction is None for pair in found.pairs] == [False, True]


def test_what_is_not_scored_is_said(tmp_path):
  predictions, references = folders_of(
    tmp_path,
    ["a.nii", *(f"x{number}.nii" for number in range(6)), "organs.json", "plans.json", ".hidden", "fold_0/"],
    ["a.hdr", "a.img", "stray.img"],
  )
  assert pair_folders(predictions, references).notes == (
    f"{predictions}: 6 predictions have no reference: x0.nii, x1.nii, x2.nii and 3 more",
    f"{predictions}: 2 entries are no label maps and are not used: fold_0/, plans.json",
    f"{references}: 1 entries are no label maps and are not used: stray.img",
  )


@pytest.mark.parametrize("twin", ["a.nii.gz", "a.nrrd"])
def test_two_files_of_one_id_are_refused(tmp_path, twin):
  with pytest.raises(InputError, match=r"a\.nii and .*are both the case a; take one out"):
    pair_folders(*folders_of(tmp_path, ["a.nii", twin], ["a.nii"]))


@pytest.mark.parametrize(
  "predictions, references, says",
  [
    ([], ["a.nii"], r"predictions: holds no label maps .*; --predictions names"),
    (["a.nii"], ["labelsTr/", "a.txt"], r"references: holds no label maps .*, but a\.txt, labelsTr/; "),
    (["a_pred.nii", "b_pred.nii"], ["a.nii", "b.nii"], r"no file there has the name of one in .*a_pred\.nii"),
  ],
)
def test_folders_of_which_nothing_can_be_scored(tmp_path, predictions, references, says):
  with pytest.raises(InputError, match=says):
    pair_folders(*folders_of(tmp_path, predictions, references))


def test_folders_that_are_none_or_the_same(tmp_path):
  predictions, references = folders_of(tmp_path, ["a.nii"], ["a.nii"])
  (tmp_path / "link").symlink_to(references)
  for ours, says in (
    (tmp_path / "gone", "gone: no such folder; --predictions"),
    (predictions / "a.nii", r"a\.nii: is a file; --predictions"),
    (references, "both as --predictions and as --references"),
    (tmp_path / "link", "both as --predictions and as --references"),
  ):
    with pytest.raises(InputError, match=says):
      pair_folders(ours, references)
