"""Files of a download: found at any depth, paired by number, and what is odd named."""

import pytest

from data.input_error import InputError
from data.layouts.layout import Files, by_number, left_out, paired


def touch(folder, *names):
  for name in names:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).touch()


def test_files_are_found_at_any_depth_and_junk_is_not(tmp_path):
  touch(tmp_path, "A/B/x_2.nii", "x_10.NII.gz", "._x_3.nii", "__MACOSX/x_4.nii", "Thumbs.db", ".git/x_5.nii")
  found = by_number(Files(tmp_path).matching(r"x_(\d+)\.nii(?:\.gz)?"))
  assert list(found) == [2, 10] and found[2] == tmp_path / "A" / "B" / "x_2.nii"
  assert sorted(Files(tmp_path).relative()) == ["A/B/x_2.nii", "x_10.NII.gz"]


def test_a_link_to_a_folder_above_ends(tmp_path):
  touch(tmp_path, "a/x_1.nii")
  (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)
  assert len(list(Files(tmp_path).relative())) == 1


def test_one_number_twice_is_refused(tmp_path):
  touch(tmp_path, "a/x_1.nii", "b/x_01.nii")
  with pytest.raises(InputError, match="has the number 1, as"):
    by_number(Files(tmp_path).matching(r"x_(\d+)\.nii"))


def test_files_without_a_counterpart_are_named(tmp_path):
  images, labels = {1: tmp_path / "i1", 2: tmp_path / "i2"}, {2: tmp_path / "l2", 3: tmp_path / "l3"}
  pairs, notes = paired(images, labels)
  assert pairs == {2: (images[2], labels[2])}
  assert notes == ("left out: 1 scans without labels (i1)", "left out: 1 labels without a scan (l3)")
  assert left_out("x", []) == ()


def test_folders_are_counted_by_the_files_in_them(tmp_path):
  touch(tmp_path, "a/1.dcm", "a/2.DCM", "b/1.png")
  assert Files(tmp_path).folders_with({".dcm"}) == {tmp_path / "a": 2}


def test_no_folder(tmp_path):
  with pytest.raises(InputError, match="--raw_dir"):
    Files(tmp_path / "none")
