"""Archives of strangers: nothing is written outside, nothing endless, and what is odd is one line."""

import hashlib
import stat
import zipfile

import pytest

from data.input_error import InputError
from deeplab_panns.prediction import archives
from deeplab_panns.prediction.archives import may_hold_scans, member_sha256, unpacked

SLICE = bytes(128) + b"DICM" + bytes(100)


def pack(path, files, **settings):
  with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **settings) as packed:
    for name, content in files:
      packed.writestr(name, content)
  return path


def refused(archive, *words, **settings):
  with pytest.raises(InputError) as caught, unpacked(archive, **settings):
    pytest.fail("it was unpacked")
  message = str(caught.value)
  assert message.startswith(f"{archive}: ") and "\n" not in message
  for word in words:
    assert word in message, message


def test_files_are_unpacked_as_they_are_and_removed_in_the_end(tmp_path):
  archive = pack(tmp_path / "a.zip", [("p/1.dcm", SLICE), ("p/2.dcm", b""), ("__MACOSX/p/._1.dcm", b"x")])
  with unpacked(archive) as folder:
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
  assert found == {"p/1.dcm": SLICE, "p/2.dcm": b""} and not folder.exists()


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a/../../out", "C:/out", "a\\..\\..\\out"])
def test_names_that_lead_out_are_refused_and_nothing_is_written(tmp_path, name):
  info = zipfile.ZipInfo("x")
  info.filename = name
  refused(pack(tmp_path / "in.zip", [("1.dcm", SLICE), (info, b"x")]), "leads out of the archive")
  assert [path.name for path in tmp_path.iterdir()] == ["in.zip"]


def test_links_are_refused(tmp_path):
  link = zipfile.ZipInfo("link")
  link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
  refused(pack(tmp_path / "a.zip", [(link, "/etc/passwd")]), "'link' in it is a link")


def test_sizes_and_numbers_are_bounded(tmp_path, monkeypatch):
  bomb = pack(tmp_path / "bomb.zip", [("1.dcm", bytes(1 << 20))])
  assert bomb.stat().st_size < 2000
  refused(bomb, "unpacks to 0.0 GB, and there is room for", "TMPDIR", most_bytes=(1 << 20) - 1)
  with unpacked(bomb, most_bytes=1 << 20):
    pass
  monkeypatch.setattr(archives, "MOST_FILES", 2)
  refused(
    pack(tmp_path / "many.zip", [(str(number), b"") for number in range(3)]), "holds 3 files; at most 2"
  )


def test_a_size_that_the_archive_lies_about_is_bounded_too(tmp_path):
  """The directory at the archive's end says 10 bytes for what unpacks to a megabyte."""
  archive = pack(tmp_path / "a.zip", [("1.dcm", bytes(1 << 20))])
  content = bytearray(archive.read_bytes())
  at = content.index(b"PK\x01\x02") + 24
  assert int.from_bytes(content[at : at + 4], "little") == 1 << 20
  content[at : at + 4] = (10).to_bytes(4, "little")
  archive.write_bytes(content)
  refused(archive, "the archive is cut or damaged")


def test_damage_encryption_and_names_twice(tmp_path):
  archive = pack(tmp_path / "a.zip", [("1.dcm", bytes(range(256)) * 40)])
  content = archive.read_bytes()
  (tmp_path / "cut.zip").write_bytes(content[:-30])
  refused(tmp_path / "cut.zip", "the archive is cut or damaged", "fetch it again")
  (tmp_path / "damaged.zip").write_bytes(content[:60] + bytes(20) + content[80:])
  refused(tmp_path / "damaged.zip", "the archive is cut or damaged")
  encrypted = bytearray(content)
  encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
  (tmp_path / "encrypted.zip").write_bytes(encrypted)
  refused(tmp_path / "encrypted.zip", "'1.dcm' in it is encrypted")
  with pytest.warns(UserWarning, match="Duplicate name"):
    refused(pack(tmp_path / "twice.zip", [("1.dcm", b"a"), ("1.dcm", b"b")]), "holds '1.dcm' twice")


def test_archives_of_other_things_are_no_scans(tmp_path):
  assert may_hold_scans(pack(tmp_path / "a.zip", [("x/IM1", SLICE)]))
  assert may_hold_scans(pack(tmp_path / "b.zip", [("a.txt", b""), ("x/A.NII.GZ", b"")]))
  assert not may_hold_scans(pack(tmp_path / "c.zip", [("main.py", b"import os"), ("a.png", SLICE[:100])]))
  (tmp_path / "d.zip").write_bytes(b"PK rubbish")
  assert may_hold_scans(tmp_path / "d.zip")  # its case tells what is wrong


def test_some_members_alone_are_unpacked_and_hashed(tmp_path):
  archive = tmp_path / "a.zip"
  with zipfile.ZipFile(archive, "w") as packed:
    for name in ("x/a", "./x//b", "x/c"):
      packed.writestr(name, name[-1])
  with unpacked(archive, only=["x/a", "x/b"]) as folder:
    assert sorted(path.name for path in folder.rglob("*")) == ["a", "b", "x"]
  found = member_sha256(archive, ["x/b", "x/a"])
  assert found == {f"x/{name}": hashlib.sha256(name.encode()).hexdigest() for name in "ab"}
  archive.write_bytes(archive.read_bytes()[:40])
  with pytest.raises(InputError, match=r"a\.zip: the archive is cut or damaged"):
    member_sha256(archive, ["x/a"])
