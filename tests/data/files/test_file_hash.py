"""Equal content has equal hashes; of a folder the names count."""

import hashlib
import io

from data.files.file_hash import file_sha256, stream_sha256


def test_a_files_hash_is_sha256_of_its_bytes(tmp_path):
  (tmp_path / "a").write_bytes(b"abc" * 10**6)
  assert file_sha256(tmp_path / "a") == hashlib.sha256(b"abc" * 10**6).hexdigest()


def test_a_streams_hash_is_of_what_is_left_of_it():
  stream = io.BytesIO(b"abc" * 10**6)
  stream.read(3)
  assert stream_sha256(stream) == hashlib.sha256(b"abc" * (10**6 - 1)).hexdigest()


def test_a_folders_hash_is_of_its_names_and_bytes(tmp_path):
  """A DICOM series is a folder; a slice under another name is another series."""
  for folder, names in (("a", ("1", "2")), ("same", ("2", "1")), ("named", ("1", "3"))):
    (tmp_path / folder).mkdir()
    for name in names:
      (tmp_path / folder / name).write_bytes(b"x" if name == "1" else b"y")
  hashes = [file_sha256(tmp_path / folder) for folder in ("a", "same", "named")]
  assert hashes[0] == hashes[1] != hashes[2]
