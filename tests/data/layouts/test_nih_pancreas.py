"""NIH Pancreas-CT: labels that are flipped against their scans, withdrawn cases, file names without order."""

import numpy as np
import pytest

from data.input_error import InputError
from data.layouts.by_name import Choice, find_cases
from data.layouts.layout import Files
from data.layouts.nih_pancreas import find, scans
from data.stored.preparation import CasesFailed
from tests.data.layouts.raw_files import assert_phantom, dicom, labels, of, prepare


def write_case(folder, number, index, flip):
  study = folder / "Pancreas-CT" / f"PANCREAS_{number:04d}" / "11-24-2015" / "Pancreas-63502"
  study.parents[1].mkdir(parents=True)
  (study.parents[1] / "LICENSE").touch()
  dicom(study, lambda k: f"{(k * 7) % 101:03d}.dcm", index)
  label = of(["pancreas"], index, {1: "pancreas"})[flip]
  labels(folder / "TCIA_pancreas_labels-02-05-2017" / f"label{number:04d}.nii.gz", label, index, "LPS")


def test_labels_lie_as_the_scan_says(tmp_path):
  write_case(tmp_path, 1, 0, np.s_[:, ::-1])
  write_case(tmp_path, 2, 1, np.s_[:])
  withdrawn = tmp_path / "TCIA_pancreas_labels-02-05-2017" / "label0025.nii.gz"
  withdrawn.write_bytes(b"not looked at")
  cases, manifest = prepare("nih_pancreas", tmp_path, tmp_path)
  assert_phantom(cases["nih_0001"], ["pancreas"])
  assert_phantom(cases["nih_0002"], ["pancreas"], 1)
  assert any("(0025): withdrawn" in note for note in manifest.notes)


def test_a_label_of_another_scan_lies_nowhere(tmp_path):
  write_case(tmp_path, 3, 0, np.s_[::-1])
  labels(
    tmp_path / "TCIA_pancreas_labels-02-05-2017" / "label0003.nii.gz",
    np.roll(of(["pancreas"], 0, {1: "pancreas"}), 15, axis=2),
  )
  with pytest.raises(CasesFailed, match="does not clearly lie on the scan"):
    prepare("nih_pancreas", tmp_path, tmp_path)


def test_two_series_of_a_patient_are_named(tmp_path):
  for name in ("a", "b"):
    (tmp_path / "PANCREAS_0001" / name).mkdir(parents=True)
    (tmp_path / "PANCREAS_0001" / name / "1.dcm").touch()
  with pytest.raises(InputError, match="PANCREAS_0001, as"):
    find(Files(tmp_path))


def test_slices_without_an_ending(tmp_path):
  (tmp_path / "PANCREAS_0001").mkdir()
  (tmp_path / "PANCREAS_0001" / "1").touch()
  assert scans(Files(tmp_path)) == {1: tmp_path / "PANCREAS_0001"}


def test_the_list_of_the_downloader_is_no_download(tmp_path):
  (tmp_path / "Pancreas-CT-20200910.tcia").touch()
  with pytest.raises(InputError, match="NBIA"):
    find_cases("nih_pancreas", tmp_path, Choice())


def test_labels_of_others_beside_them(tmp_path):
  """All of them are called label0001."""
  raw = tmp_path / "rawdata"
  own = raw / "TCIA_pancreas_labels-02-05-2017"
  for folder in (own, raw / "Training" / "label", raw / "label_tcia_multiorgan", raw / "PANCREAS_0001"):
    folder.mkdir(parents=True)
    (folder / ("1.dcm" if folder.name.startswith("P") else "label0001.nii.gz")).touch()
  (case,) = find(Files(tmp_path)).cases
  assert case.label == own / "label0001.nii.gz"


def test_a_folder_that_names_a_range_of_patients_is_none(tmp_path):
  for number in (1, 2):
    (tmp_path / "PANCREAS_0001-0082" / f"PANCREAS_{number:04d}").mkdir(parents=True)
    (tmp_path / "PANCREAS_0001-0082" / f"PANCREAS_{number:04d}" / "1.dcm").touch()
  assert list(scans(Files(tmp_path))) == [1, 2] == list(scans(Files(tmp_path / "PANCREAS_0001-0082")))
