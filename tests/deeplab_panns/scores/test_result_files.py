"""The files of an evaluation add up, and its line says what was scored."""

import errno
import json
import pathlib
import re

import numpy as np
import pytest

from data.input_error import InputError
from deeplab_panns.scores import compared_slices, confusion, organ_volumes, score_table
from deeplab_panns.scores.compared_slices import ComparedSlice
from deeplab_panns.scores.result_files import Evaluation, result_outputs, save, write_results
from deeplab_panns.scores.scored_case import Reference, ScoredCase, score_case

ORGANS = ("liver", "spleen")


def cases():
  """Two cases, each predicted as the other's reference."""
  first, second = (np.array([[row]], np.uint8) for row in ([1, 1, 2, 0], [1, 0, 2, 2]))
  return [
    score_case(name, Reference(labels, ORGANS, ORGANS, (1.0, 1.0, 1.0), name * 64), predicted)
    for name, labels, predicted in (("a", first, second), ("b", second, first))
  ]


def test_the_files_hold_all_cases(tmp_path):
  scored = cases()
  summary = write_results(scored, ORGANS, tmp_path / "new", {"split": "all"})
  folder = tmp_path / "new"
  assert json.loads((folder / "metrics.json").read_text()) == summary
  assert summary["split"] == "all" and summary["label_organs"] == list(ORGANS)
  assert summary["references"] == {"a": "a" * 16, "b": "b" * 16}
  assert score_table.read_csv(folder / "metrics.csv") == [
    (case.case, score) for case in scored for score in case.scores
  ]
  assert organ_volumes.read_csv(folder / "volumes.csv") == [*scored[0].volumes, *scored[1].volumes]
  organs, counts = confusion.read_csv(folder / "confusion.csv")
  assert organs == ORGANS
  # reference a against prediction b and the reverse: the sum is symmetric
  assert counts.tolist() == [[0, 1, 1], [1, 2, 0], [1, 0, 2]]
  assert scored[0].confusion.tolist() == [
    [0, 0, 1],
    [1, 1, 0],
    [0, 0, 1],
  ]  # the sum did not change a case's own


def test_slices_have_a_file_only_where_there_are_some(tmp_path):
  scored = cases()
  write_results(scored, ORGANS, tmp_path, {})
  assert not (tmp_path / "slices.npz").exists()
  black = np.zeros((2, 3), np.uint8)
  part = ComparedSlice("a", 0, (1.0, 1.0), "most organs", black, black, black)
  old = scored[0]
  with_slices = ScoredCase(old.case, old.sha256, old.scores, old.volumes, old.confusion, (part,))
  write_results([with_slices], ORGANS, tmp_path, {})
  assert [found.why for found in compared_slices.read(tmp_path / "slices.npz")] == ["most organs"]


def test_the_line():
  summary = {"mean_dice": 0.81256, "organs": {"liver": {}}, "cases": 3, "excluded": 1, "missed": 2}
  assert Evaluation("run", summary, pathlib.Path("out")).line == (
    "run: mean Dice 0.8126 over 1 organs, 3 cases; 1 pairs excluded (organ in neither map), "
    "2 missed (organ in one alone); out/metrics.csv"
  )
  assert "mean Dice undefined" in Evaluation("run", {**summary, "mean_dice": None}, pathlib.Path("out")).line


def test_results_of_an_evaluation_may_be_replaced_and_files_of_the_user_not(tmp_path):
  write_results(cases(), ORGANS, tmp_path, {"split": "all"})  # as an earlier version, without a record
  (tmp_path / "metrics.json").rename(tmp_path / "kept")
  (tmp_path / "metrics.json").write_text('{"mine": 1}')
  with pytest.raises(InputError, match=r"metrics\.csv: exists, and was not written"):
    result_outputs(tmp_path, (), overwrite=False)
  result_outputs(tmp_path, (), overwrite=True)
  (tmp_path / "kept").rename(tmp_path / "metrics.json")
  result_outputs(tmp_path, (), overwrite=False)
  (tmp_path / "metrics.csv").write_text("edited")
  with pytest.raises(InputError, match=r"metrics\.csv: exists.*has changed since"):
    result_outputs(tmp_path, (), overwrite=False)


def test_the_scores_are_replaced_all_or_none(tmp_path, monkeypatch, capsys):
  write_results(cases()[:1], ORGANS, tmp_path, {}, overlay=b"picture")
  before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

  def no_room(path, organs, counts):
    raise OSError(errno.ENOSPC, "No space left on device")

  with monkeypatch.context() as patch:
    patch.setattr(confusion, "write_csv", no_room)
    with pytest.raises(InputError, match=r"No space left on device.*the scores are printed above"):
      write_results(cases(), ORGANS, tmp_path, {})
  assert capsys.readouterr().out.startswith("case,organ,dice")
  assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
  write_results(cases(), ORGANS, tmp_path, {})
  assert not (tmp_path / "overlay.png").exists()  # it was of the evaluation before


def test_a_full_disk_does_not_cost_the_scores(tmp_path, monkeypatch, capsys):
  (tmp_path / "file").touch()
  monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
  with pytest.raises(InputError, match=r"cannot be written to .*; the scores are in ") as error:
    write_results(cases(), ORGANS, tmp_path / "file", {"split": "all"})
  rescue = pathlib.Path(re.search(r"the scores are in (\S+):", str(error.value))[1])
  assert (rescue / "metrics.csv").is_file() and (rescue / "metrics.json").is_file()
  monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
  with pytest.raises(InputError, match="the scores are printed above"):
    write_results(cases(), ORGANS, tmp_path / "file", {"split": "all"})
  assert capsys.readouterr().out.split() == (rescue / "metrics.csv").read_text().split()


def test_cases_that_were_trained_on_are_said():
  summary = {"cases": 5, "seen_in_training": ["a", "b"]}
  assert Evaluation("x", summary, pathlib.Path("out")).seen_line == "2 of 5 cases were seen in training: a, b"
  for nothing in ({"cases": 5}, {"cases": 5, "seen_in_training": []}):
    assert Evaluation("x", nothing, pathlib.Path("out")).seen_line == ""
  unknown = Evaluation("x", {"cases": 5, "seen_in_training": None}, pathlib.Path("out"))
  assert "not known" in unknown.seen_line


def test_no_scores_write_no_files(tmp_path):
  outputs = result_outputs(tmp_path / "out", (), overwrite=False)
  assert save([], ORGANS, outputs, {}, {"a": "is damaged"}) == {}
  assert not list((tmp_path / "out").iterdir())
