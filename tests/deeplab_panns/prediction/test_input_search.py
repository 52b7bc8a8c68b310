"""What is a scan in a tree of folders, and that all else is counted and named."""

import json
import os
import pathlib
import zipfile

import pytest

from data.files.outputs import RECORD, Outputs
from data.input_error import InputError
from deeplab_panns.prediction.input_search import files_of, find_inputs
from deeplab_panns.prediction.scan import Scan
from tests.data.dicom.dicom_files import RAMP, write_series, write_slice


def touch(folder, *names, content=b"x"):
  for name in names:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def series(folder):
  folder.parent.mkdir(parents=True, exist_ok=True)
  return write_series(folder)


def found_in(folder):
  """(scans relative to the folder, the line of what is not used)."""
  found = find_inputs(folder)
  return [str(scan.path.relative_to(folder)) for scan in found.scans], found.not_used()


def test_scans_are_found_at_any_depth(tmp_path):
  """A CD, a series two levels down, a folder with a file's name, and NIfTI files."""
  for name in ("cd/DICOM/PA0/ST0/SE0", "a", "b/ST0/SE0", "b/ST0/SE1"):
    series(tmp_path / name)
  touch(tmp_path, "cd/DICOMDIR", "c.nii/c.nii", "d.mha", "d.hdr", "d.img", "E.NRRD", "e/lonely.img.gz")
  (tmp_path / "empty").mkdir()
  assert found_in(tmp_path) == (
    ["E.NRRD", "a", "b/ST0/SE0", "b/ST0/SE1", "c.nii/c.nii", "cd/DICOM/PA0/ST0/SE0", "d.hdr", "d.mha"]
    + ["e/lonely.img.gz"],
    "not used: 1 file (cd/DICOMDIR); 1 empty folder (empty)",
  )


def test_a_file_and_a_series_are_inputs_by_themselves(tmp_path):
  series(tmp_path / "series")
  touch(tmp_path, "any.thing")
  assert found_in(tmp_path / "series") == (["."], "")
  assert find_inputs(str(tmp_path / "any.thing")).scans == [Scan(tmp_path / "any.thing")]


def test_one_dicom_file_hides_neither_images_nor_series_and_is_not_hidden(tmp_path):
  series(tmp_path / "p" / "below")
  touch(tmp_path / "p", "a.nii.gz", "b.dcm", "c.nii.gz")
  assert found_in(tmp_path) == (["p", "p/a.nii.gz", "p/below", "p/c.nii.gz"], "")


def test_dicom_files_that_are_no_slices_are_named_and_asked_only_where_there_is_nothing_else(tmp_path):
  series(tmp_path / "ct")
  write_series(tmp_path / "seg", Modality="SEG", SOPClassUID="1.2.840.10008.5.1.4.1.1.66.4")
  assert found_in(tmp_path)[0] == ["ct"]
  assert found_in(tmp_path)[1].startswith(
    "not used: 4 DICOM files without slices, DICOM SEG (segmentation) (seg/"
  )
  assert found_in(tmp_path / "seg")[0] == ["."]  # whose reader says what they are


def test_what_is_not_used_is_counted_and_named_in_one_short_line(tmp_path):
  touch(tmp_path, "a.nii", "b.txt", "c.txt", "d.txt", "e" * 200 + "/" + "f" * 200, ".hidden", "Thumbs.db")
  os.symlink("gone", tmp_path / "link")
  os.mkfifo(tmp_path / "pipe")  # opening it would wait for ever
  os.symlink(".", tmp_path / "again")
  scans, line = found_in(tmp_path)
  assert scans == ["a.nii"]
  assert line == (
    "not used: 4 files (b.txt, c.txt and 2 more); 1 dead link (link); 1 special file (pipe); "
    "1 folder searched already (again)"
  )


def test_dead_links_that_look_like_scans_are_scans_that_fail_later(tmp_path):
  (tmp_path / "part").mkdir()
  for name in ("a.nii.gz", "part/0.dcm"):
    os.symlink("gone", tmp_path / name)
  assert found_in(tmp_path) == (["a.nii.gz", "part"], "")


def test_what_cannot_be_read_is_named(tmp_path, monkeypatch):
  touch(tmp_path, "a.nii", "no_suffix", "locked/b.nii")
  listed, opened = pathlib.Path.iterdir, "deeplab_panns.prediction.input_search.looks_like_dicom"

  def refuse(path):
    raise PermissionError(13, "Permission denied", str(path))

  monkeypatch.setattr(
    pathlib.Path, "iterdir", lambda path: refuse(path) if path.name == "locked" else listed(path)
  )
  monkeypatch.setattr(opened, refuse)
  assert found_in(tmp_path) == (
    ["a.nii"],
    "not used: 1 unreadable file (no_suffix); 1 unreadable folder (locked)",
  )


def test_data_files_that_a_header_names_are_parts_of_a_scan(tmp_path):
  touch(tmp_path, "a.raw", "b.1", "b.2", "c.raw")
  touch(tmp_path, "a.mhd", content=b"NDims = 3\nElementDataFile = a.raw\n")
  touch(tmp_path, "b.nhdr", content=b"NRRD0004\ndata file: LIST\nb.1\nb.2\n")
  assert found_in(tmp_path) == (["a.mhd", "b.nhdr"], "not used: 1 file (c.raw)")


def test_label_maps_of_an_earlier_prediction_are_no_inputs_unless_they_were_edited(tmp_path):
  touch(tmp_path, "scan.nii.gz", "out/scan.nii.gz", "out/edited.nii.gz", "out/organs.json")
  Outputs(tmp_path / "out").wrote(["scan.nii.gz", "edited.nii.gz", "organs.json"])
  touch(tmp_path, "out/edited.nii.gz", content=b"by hand")
  scans, line = found_in(tmp_path)
  assert scans == ["out/edited.nii.gz", "scan.nii.gz"]
  assert line == "not used: 2 files of an earlier prediction (out/organs.json, out/scan.nii.gz)"


@pytest.mark.parametrize("record", ["{", "[]", json.dumps({"scan.nii.gz": "0"})])
def test_images_that_another_command_wrote_are_inputs(tmp_path, record):
  touch(tmp_path, "scan.nii.gz")
  (tmp_path / RECORD).write_text(record)
  assert found_in(tmp_path) == (["scan.nii.gz"], "")


def test_nothing_is_one_line_that_names_what_there_is(tmp_path):
  with pytest.raises(InputError, match="no such file or folder; it names an image file"):
    find_inputs(tmp_path / "gone")
  with pytest.raises(InputError, match=r"^--input=: no such file"):
    find_inputs("")  # not the present folder
  os.symlink("gone", tmp_path / "link.nii")
  with pytest.raises(InputError, match="a link that leads nowhere"):
    find_inputs(tmp_path / "link.nii")
  touch(tmp_path / "notes", "a.txt")
  with pytest.raises(
    InputError, match=r"holds neither image files \(\.nii, .*\. not used: 1 file \(a\.txt\)"
  ):
    find_inputs(tmp_path / "notes")


def test_the_files_of_a_series_are_those_beside_its_slices(tmp_path):
  series(tmp_path / "a")
  touch(tmp_path, "a/out/b.txt", "c.nii")
  names = sorted(file.name for file in find_inputs(tmp_path).files())
  assert names == sorted([*(path.name for path in (tmp_path / "a").glob("*.dcm")), "c.nii"])


def test_archives_of_scans_are_inputs_and_others_are_not(tmp_path):
  for name, member in (("p1.zip", "x/a.nii.gz"), ("sub/p2.ZIP", "IM1"), ("code.zip", "main.py")):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(tmp_path / name, "w") as packed:
      packed.writestr(member, bytes(128) + (b"DICM" if member == "IM1" else b"none") + bytes(99))
  touch(tmp_path, "cut.zip", content=b"PK")
  assert found_in(tmp_path) == (["cut.zip", "p1.zip", "sub/p2.ZIP"], "not used: 1 file (code.zip)")


def test_what_an_earlier_prediction_wrote_below_its_folder_is_no_input_either(tmp_path):
  touch(tmp_path, "a.nii.gz", "out/organs.json", "out/a_masks/liver.nii.gz", "out/a_masks/mine.nii.gz")
  Outputs(tmp_path / "out").wrote(["organs.json", "a_masks/liver.nii.gz"])
  scans, unused = found_in(tmp_path)
  assert scans == ["a.nii.gz", "out/a_masks/mine.nii.gz"]
  assert unused.startswith("not used: 2 files of an earlier prediction (")


def test_the_files_of_a_scan(tmp_path):
  series(tmp_path / "ct")
  touch(tmp_path, "ct/.hidden", "a.nii", "b.hdr", "b.img", "b.img.gz", "bb.img", "c.raw")
  (tmp_path / "c.mhd").write_text("ElementDataFile = c.raw\n")
  found = {
    name: [file.name for file in files_of(Scan(tmp_path / name))] for name in ("a.nii", "b.hdr", "c.mhd")
  }
  assert found == {"a.nii": ["a.nii"], "b.hdr": ["b.hdr", "b.img", "b.img.gz"], "c.mhd": ["c.mhd", "c.raw"]}
  assert len(files_of(Scan(tmp_path / "ct"))) == 4


def several_series(folder):
  """Two series, one of them broken, a scout, a report, and an MR."""
  series(folder)
  for z in (0, 1):
    tags = {"SeriesInstanceUID": "9.8", "SeriesNumber": 3, "SeriesDescription": "Lung / B60"}
    write_slice(folder / f"lung{z}.dcm", RAMP[z], (0, 0, z), **tags)
    write_slice(folder / f"mr{z}.dcm", RAMP[z], (0, 0, z), Modality="MR", SeriesInstanceUID="9.9")
  write_slice(folder / "scout.dcm", RAMP[0], (0, 0, 0), ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
  write_slice(
    folder / "sr.dcm", RAMP[0], (0, 0, 0), Modality="SR", SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11"
  )
  return folder


def test_each_series_of_a_folder_is_a_scan(tmp_path):
  several_series(tmp_path / "ct")
  found = find_inputs(tmp_path)
  assert [(scan.series.number, len(scan.files), scan.alone) for scan in found.scans] == [
    ("3", 2, False),
    ("", 4, False),
    ("", 2, False),
  ]
  assert found.scans[0].name.startswith("ct_3_Lung_B60_") and found.scans[2].files == ("mr0.dcm", "mr1.dcm")
  assert found.not_used() == (
    "not used: 1 DICOM file without slices, localizer (scout) (ct/scout.dcm); 1 DICOM file without slices, "
    "structured report (SR) (ct/sr.dcm)"
  )


def test_a_file_that_cannot_be_read_is_a_case_of_its_own_beside_several_series(tmp_path):
  several_series(tmp_path / "ct")
  touch(tmp_path / "ct", "zz.dcm")
  *series_found, broken = find_inputs(tmp_path).scans
  assert len(series_found) == 3 and (broken.name, broken.files) == ("ct_unreadable", ("zz.dcm",))


def test_several_scans_of_an_archive_are_named_after_it_and_what_they_are(tmp_path):
  several_series(tmp_path / "in" / "ct")
  touch(tmp_path / "in", "a.nii", "notes.txt")
  for top, archive in ((tmp_path / "in", "two.zip"), (tmp_path / "in" / "ct", "flat.zip")):
    with zipfile.ZipFile(tmp_path / archive, "w") as packed:
      for path in sorted(top.rglob("*")):
        packed.write(path, path.relative_to(top))
  found = find_inputs(tmp_path / "two.zip")
  names = [scan.name for scan in found.scans]
  assert names[0] == "two_a" and names[1].startswith("two_ct_3_Lung_B60_") and len(names) == 4
  assert str(found.scans[1]) == f"{tmp_path}/two.zip/ct" and found.scans[1].files[0] == "ct/lung0.dcm"
  assert "1 file (notes.txt)" in found.not_used() and "(ct/scout.dcm)" in found.not_used()
  flat = [scan.name for scan in find_inputs(tmp_path / "flat.zip").scans]
  assert [name.replace("flat_", "two_ct_") for name in flat] == names[1:]
