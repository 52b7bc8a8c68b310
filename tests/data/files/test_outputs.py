"""An output replaces what the command wrote itself, and nothing else."""

import concurrent.futures
import json
import os
import shutil

import pytest

from data.files.outputs import RECORD, Outputs, make_folder
from data.input_error import InputError


def write(outputs, name, text):
  outputs.require_free([name])
  (outputs.folder / name).write_text(text)
  outputs.wrote([name])


def test_what_was_written_may_be_written_again_also_in_a_copy_of_the_folder(tmp_path):
  write(Outputs(tmp_path / "out"), "a.csv", "first")
  write(Outputs(tmp_path / "out"), "a.csv", "second")
  shutil.copytree(tmp_path / "out", tmp_path / "copy")
  write(Outputs(tmp_path / "copy"), "a.csv", "third")
  assert (tmp_path / "copy" / "a.csv").read_text() == "third"


def test_a_file_of_the_user_needs_overwrite(tmp_path):
  (tmp_path / "a.csv").write_text("mine")
  with pytest.raises(InputError, match=r"a\.csv: exists, and was not written by this command .*--overwrite"):
    Outputs(tmp_path).require_free(["b.csv", "a.csv"])
  Outputs(tmp_path, overwrite=True).require_free(["a.csv"])


def test_whole_files_are_taken_over_and_what_an_interruption_left_may_be_replaced(tmp_path, monkeypatch):
  unfinished = tmp_path / ".unfinished"
  names = ["a.csv", "below/b.csv"]
  outputs = Outputs(tmp_path)
  replace = os.replace

  def write_unfinished(text):
    (unfinished / "below").mkdir(parents=True, exist_ok=True)
    for name in names:
      (unfinished / name).write_text(text)

  def fails_at_b(source, target):
    if "b.csv" in str(target):
      raise KeyboardInterrupt
    replace(source, target)

  write_unfinished("first")
  outputs.take_over(unfinished, names)
  assert outputs.unchanged(names)
  write_unfinished("second")
  monkeypatch.setattr(os, "replace", fails_at_b)
  with pytest.raises(KeyboardInterrupt):
    outputs.take_over(unfinished, names)
  assert [(tmp_path / name).read_text() for name in names] == ["second", "first"]
  assert not outputs.unchanged(names[:1]) and not outputs.unchanged(names[1:])
  outputs.require_free(names)


def test_only_what_is_as_it_was_written_is_removed(tmp_path):
  outputs = Outputs(tmp_path)
  for name in ("a.csv", "edited.csv"):
    write(outputs, name, "first")
  (tmp_path / "edited.csv").write_text("by hand")
  (tmp_path / "mine.csv").write_text("mine")
  (tmp_path / "masks").mkdir()
  write(outputs, "masks/liver.nii.gz", "first")
  outputs.remove(["a.csv", "edited.csv", "mine.csv", "missing.csv", "masks/liver.nii.gz"])
  assert not (tmp_path / "masks").exists()
  assert sorted(path.name for path in tmp_path.glob("*.csv")) == ["edited.csv", "mine.csv"]


def test_an_output_that_was_edited_since_is_the_users(tmp_path):
  write(Outputs(tmp_path), "a.csv", "first")
  (tmp_path / "a.csv").write_text("corrected by hand")
  with pytest.raises(InputError, match="has changed since"):
    Outputs(tmp_path).require_free(["a.csv"])


def test_files_of_an_earlier_version_are_adopted_unless_the_record_knows_them(tmp_path):
  write(Outputs(tmp_path), "edited.csv", "first")
  for name in ("edited.csv", "old.csv"):
    (tmp_path / name).write_text("before there was a record, or by hand")
  outputs = Outputs(tmp_path)
  outputs.adopt(["edited.csv", "old.csv", "missing.csv"])
  outputs.require_free(["old.csv", "missing.csv"])
  with pytest.raises(InputError, match=r"edited\.csv.*has changed since"):
    outputs.require_free(["edited.csv"])


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_input_is_never_replaced(tmp_path, overwrite):
  scan = tmp_path / "scans" / "p1.nii.gz"
  scan.parent.mkdir()
  scan.write_text("CT")
  (tmp_path / "link").symlink_to(scan.parent)
  for inputs, folder in (
    ([scan], scan.parent),
    ([scan.parent], tmp_path / "link"),
    ([tmp_path / "link"], scan.parent),
  ):
    with pytest.raises(InputError, match=r"p1\.nii\.gz: is an input and would be replaced"):
      Outputs(folder, inputs, overwrite).require_free(["p1.nii.gz"])
  Outputs(tmp_path / "elsewhere", [scan.parent], overwrite).require_free(["p1.nii.gz"])


def test_a_dead_link_in_the_way_is_not_followed(tmp_path):
  os.symlink(tmp_path / "gone", tmp_path / "a.csv")
  with pytest.raises(InputError, match="exists"):
    Outputs(tmp_path).require_free(["a.csv"])


def test_a_damaged_record_owns_nothing(tmp_path):
  write(Outputs(tmp_path), "a.csv", "first")
  for damage in ("{", "[]"):
    (tmp_path / RECORD).write_text(damage)
    with pytest.raises(InputError, match="exists"):
      Outputs(tmp_path).require_free(["a.csv"])


def test_a_file_in_the_way_of_the_folder_is_one_line(tmp_path):
  (tmp_path / "file").touch()
  for folder in (tmp_path / "file", tmp_path / "file" / "sub", "/proc/nowhere"):
    with pytest.raises(InputError, match="cannot be written to"):
      make_folder(folder)


def test_inputs_may_be_links_in_a_circle(tmp_path):
  os.symlink(tmp_path / "b", tmp_path / "a")
  os.symlink(tmp_path / "a", tmp_path / "b")
  Outputs(tmp_path / "out", [tmp_path / "a"]).require_free(["a"])
  with pytest.raises(InputError, match="is an input"):
    Outputs(tmp_path, [tmp_path / "a"], overwrite=True).require_free(["a"])


def test_files_are_unchanged_as_long_as_they_are_as_they_were_written(tmp_path):
  outputs = Outputs(tmp_path)
  for name in ("a", "b"):
    (tmp_path / name).write_text(name)
  outputs.wrote(["a"])
  assert outputs.unchanged(["a"]) and outputs.unchanged([]) and not outputs.unchanged(["a", "b"])
  (tmp_path / "a").write_text("by hand")
  assert not outputs.unchanged(["a"])


def test_what_several_record_in_a_shared_folder_is_all_there(tmp_path):
  def record(first):
    outputs = Outputs(tmp_path, shared=True)
    for number in range(first, first + 20):
      with outputs.alone():  # a block in a block is one
        write(outputs, f"{number}.txt", "x")

  with concurrent.futures.ThreadPoolExecutor(3) as pool:
    list(pool.map(record, (0, 20, 40)))
  assert len(json.loads((tmp_path / RECORD).read_text())) == 60
