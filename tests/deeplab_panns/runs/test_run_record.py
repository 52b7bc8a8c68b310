"""run.json says each start; it names neither machine nor user."""

import datetime
import getpass
import json
import socket
import subprocess

from deeplab_panns.runs.run_record import commit, note_end, note_start, surroundings


def test_each_start_and_the_end_are_there(tmp_path):
  path = tmp_path / "run.json"
  assert note_start(path, 0, "", {"seed": 3})
  assert note_start(path, 40, "RUN/checkpoints/last/ckpt-40", {"seed": 3})
  note_end(path, 70)
  record = json.loads(path.read_text())
  first, second = record["starts"]
  assert (first["step"], first["from"], first["seed"]) == (0, "", 3)
  assert (second["step"], second["from"]) == (40, "RUN/checkpoints/last/ckpt-40")
  assert record["format"] == 1 and record["finished"]["step"] == 70
  assert 0.05 < record["finished"]["peak_memory_gb"]["process"] < 100
  begun = datetime.datetime.fromisoformat(first["time"])
  assert abs((datetime.datetime.now(datetime.timezone.utc) - begun).total_seconds()) < 60


def test_what_computes_is_named_and_who_computes_is_not():
  found = surroundings()
  assert found["versions"]["tensorflow"].count(".") == 2 and "numpy" in found["versions"]
  assert "CPU" in found["physical_devices"] and found["cpu"]["cores"] >= 1 and found["cpu"]["model"]
  text = json.dumps(found)
  assert socket.gethostname() not in text.replace(found["system"], "") or len(socket.gethostname()) < 4
  assert getpass.getuser() not in text or len(getpass.getuser()) < 6


def test_a_record_that_cannot_be_read_is_begun_anew_and_that_is_said(tmp_path):
  path = tmp_path / "run.json"
  for damage in ("{", "[]", '{"starts": 3}', "\x00"):
    path.write_text(damage)
    assert not note_start(path, 5, "", {})
    assert [start["step"] for start in json.loads(path.read_text())["starts"]] == [5]


def test_the_commit_is_that_of_the_checkout_alone(tmp_path):
  def git(*arguments):
    subprocess.run(
      ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
      check=True,
      capture_output=True,
    )

  git("init")
  (tmp_path / "file").write_text("1")
  git("add", "file")
  git("commit", "-m", "first")
  first = commit(tmp_path)
  assert len(first) == 40 and set(first) <= set("0123456789abcdef")
  git("tag", "-a", "v1", "-m", "a tag does not hide the commit")
  assert commit(tmp_path) == first
  (tmp_path / "file").write_text("2")
  assert commit(tmp_path) == f"{first}-dirty"
  (tmp_path / "installed").mkdir()
  assert commit(tmp_path / "installed") is None
