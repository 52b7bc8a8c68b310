"""Files in, label maps out, by a segmenter that needs no network."""

import csv
import dataclasses
import errno
import hashlib
import json
import os
import resource
import shutil
import socket
import threading

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
import slicerio

from data.files.outputs import Outputs
from data.input_error import InputError
from data.reading import volumes
from deeplab_panns.prediction import case_outputs, prediction
from deeplab_panns.prediction.case_outputs import WantedOutputs
from deeplab_panns.prediction.failures import SegmentationError
from deeplab_panns.prediction.finished import series_by_id
from deeplab_panns.prediction.input_names import case_ids
from deeplab_panns.prediction.input_search import find_inputs
from deeplab_panns.prediction.prediction import (
  TABLES,
  Request,
  predict_file,
  predict_files,
  prediction_outputs,
)
from deeplab_panns.prediction.scan import Scan
from tests.conftest import write_nifti
from tests.data.dicom.dicom_files import RAMP, write_series, write_slice

IMAGE = np.random.default_rng(0).integers(-200, 300, (5, 6, 7)).astype(np.int16)
PLAIN = WantedOutputs(preview=False)


class Bright:
  """Class 1 above 50 HU; how often it was asked, and of what spacing."""

  def __init__(self):
    self.asked = 0

  def labels(self, volume, spacing_mm):
    self.asked += 1
    self.spacing_mm = list(spacing_mm)
    return {"labels": (np.asarray(volume) > 50).astype(np.uint8)}


class Bone(Bright):
  def labels(self, volume, spacing_mm):
    return {"labels": (np.asarray(volume) > 600).astype(np.uint8)}


class Probable(Bright):
  def probabilities(self, volume, spacing_mm):
    first = np.clip(np.asarray(volume) / 1000, 0, 1)
    return {"probabilities": np.stack([1 - first, first, 0 * first], axis=-1).astype(np.float16)}


@dataclasses.dataclass(frozen=True)
class Stub:
  segmenter: object = dataclasses.field(default_factory=Bright)
  organs: tuple = ("liver", "spleen")
  scans: dict = dataclasses.field(default_factory=dict)


def predict(source, output_dir, predictor=None, overwrite=False, wanted=PLAIN, **settings):
  """As the command does it."""
  found = find_inputs(source)
  ids = case_ids(found.root, found.scans, series_by_id(output_dir))
  outputs = prediction_outputs(found, ids, output_dir, overwrite, wanted)
  return predict_files(predictor or Stub(), ids, outputs, Request(wanted, again=overwrite, **settings))


def label_maps(folder):
  """The files of cases."""
  return [name for name in names_in(folder) if name not in TABLES]


def names_in(folder):
  return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def labels_of(path):
  """[z, y, x] of a NIfTI file as it lies in the file."""
  return np.asarray(nibabel.load(path).dataobj).transpose(2, 1, 0)


def test_a_label_map_lies_on_its_inputs_own_grid(tmp_path):
  stub = Stub()
  write_nifti(tmp_path / "scan.nii.gz", IMAGE, (5.0, 2.0, 1.5))
  predict_file(stub, "other", Scan(tmp_path / "scan.nii.gz"), tmp_path, Request(PLAIN))
  found = nibabel.load(tmp_path / "other.nii.gz")
  assert found.get_data_dtype() == np.uint8 and stub.segmenter.spacing_mm == [5.0, 2.0, 1.5]
  np.testing.assert_array_equal(labels_of(tmp_path / "other.nii.gz"), IMAGE > 50)
  assert found.affine.tobytes() == nibabel.load(tmp_path / "scan.nii.gz").affine.tobytes()


def test_the_segmenter_sees_lps_order_and_the_file_keeps_its_own(tmp_path):
  """A file whose x grows to the right and whose axes are stored as (y, z, x)."""
  affine = np.array([[0, 0, 1.5, 0], [-2.0, 0, 0, 0], [0, 5.0, 0, 0], [0, 0, 0, 1]])
  stored = IMAGE.transpose(1, 0, 2)
  nibabel.save(nibabel.Nifti1Image(stored, affine), tmp_path / "turned.nii")
  stub = Stub()
  predict_file(stub, "turned", Scan(tmp_path / "turned.nii"), tmp_path, Request(PLAIN))
  found = nibabel.load(tmp_path / "turned.nii.gz")
  assert stub.segmenter.spacing_mm == [5.0, 2.0, 1.5]
  np.testing.assert_array_equal(np.asarray(found.dataobj), stored > 50)
  np.testing.assert_allclose(found.affine, affine)


def test_one_broken_input_does_not_keep_the_others_from_being_segmented(tmp_path, capsys):
  inputs, output_dir = tmp_path / "inputs", tmp_path / "new" / "out"
  for name in ("a", "f"):
    write_nifti(inputs / f"{name}.nii.gz", IMAGE)
  for name in ("b", "c", "d", "e"):
    (inputs / f"{name}.nii.gz").write_bytes(b"no image")
  os.symlink("gone", inputs / "g.nii.gz")
  with pytest.raises(InputError) as caught:
    predict(inputs, output_dir)
  first = f"{inputs / 'b.nii.gz'}: "
  assert str(caught.value).startswith(f"5 of 7 inputs failed (b, c, d and 2 more); the first: {first}")
  failed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("failed: ")]
  assert len(failed) == 5 and failed[0].startswith(f"failed: b: {first}")
  assert "g.nii.gz: is a link that leads nowhere (gone); fetch the file." in failed[4]
  assert label_maps(output_dir) == ["a.nii.gz", "f.nii.gz"]
  assert json.loads((output_dir / "organs.json").read_text()) == ["liver", "spleen"]


def test_the_failure_of_a_single_input_is_told_once(tmp_path, capsys):
  (tmp_path / "b.nii.gz").write_bytes(b"no image")
  with pytest.raises(InputError, match=r"^[^ ]*b\.nii\.gz: this is not a NIfTI file"):
    predict(tmp_path / "b.nii.gz", tmp_path / "out")
  assert capsys.readouterr().out == ""


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_folder_of_the_input_is_no_output_folder(tmp_path, overwrite):
  for name in ("p1.nii.gz", "below/p2.nii"):
    write_nifti(tmp_path / "scans" / name, IMAGE)
  os.symlink(tmp_path / "scans", tmp_path / "link")
  before = (tmp_path / "scans" / "p1.nii.gz").read_bytes()
  for output_dir in ("scans", "link", "scans/../scans", "scans/below"):
    with pytest.raises(InputError, match=r"^--output_dir=.*: is a folder of the input; .* Choose another"):
      predict(tmp_path / "scans", tmp_path / output_dir, overwrite=overwrite)
  with pytest.raises(InputError, match=r"p1\.nii\.gz: is an input and would be replaced"):
    predict(tmp_path / "scans" / "p1.nii.gz", tmp_path / "link", overwrite=overwrite)
  assert (tmp_path / "scans" / "p1.nii.gz").read_bytes() == before
  predict(tmp_path / "scans", tmp_path / "scans" / "out")
  predict(tmp_path / "scans" / "below" / "p2.nii", tmp_path / "scans" / "below")  # beside it, by another name


def test_a_prediction_can_be_repeated_and_what_was_edited_since_is_kept(tmp_path):
  write_nifti(tmp_path / "scans" / "p.nii.gz", IMAGE)
  out = tmp_path / "scans" / "out"  # below the input: its label maps are no inputs
  for _ in range(2):
    predict(tmp_path / "scans", out)
  assert sorted(names_in(out)) == sorted(["p.nii.gz", *TABLES])
  elsewhere = shutil.copytree(out, tmp_path / "elsewhere")
  (elsewhere / "p.nii.gz").write_bytes(b"corrected by hand")
  with pytest.raises(InputError, match=r"p\.nii\.gz: exists, and .* --overwrite"):
    predict(tmp_path / "scans", elsewhere)
  predict(tmp_path / "scans", elsewhere, overwrite=True)
  assert (elsewhere / "p.nii.gz").read_bytes() == (out / "p.nii.gz").read_bytes()


def test_label_maps_of_other_organs_do_not_share_a_folder(tmp_path):
  for name in ("a", "b"):
    write_nifti(tmp_path / f"{name}.nii.gz", IMAGE)
    if name == "a":
      predict(tmp_path / "a.nii.gz", tmp_path / "out")
  with pytest.raises(
    InputError, match=r"organs\.json: names the organs of label maps .* there already \(a\."
  ):
    predict(tmp_path / "b.nii.gz", tmp_path / "out", Stub(organs=("aorta",)), overwrite=True)
  with pytest.raises(InputError, match="or give --overwrite to have them all replaced"):
    predict(tmp_path / "a.nii.gz", tmp_path / "out", Stub(organs=("aorta",)))
  predict(tmp_path / "a.nii.gz", tmp_path / "out", Stub(organs=("aorta",)), overwrite=True)
  predict(tmp_path / "b.nii.gz", tmp_path / "out", Stub(organs=("aorta",)))
  assert label_maps(tmp_path / "out") == ["a.nii.gz", "b.nii.gz"]


def body(side=60):
  """A body of 40 HU in air; with pixels of 6 mm it is 324 mm wide."""
  hu = np.full((6, side, side), -1000, np.int16)
  hu[:, 3:-3, 3:-3] = 40
  return hu


def test_what_is_no_ct_in_hu_is_refused_unless_it_is_assumed_and_the_others_go_on(tmp_path, capsys):
  """The README's layout: label maps beside their scans."""
  write_nifti(tmp_path / "in" / "p01.nii.gz", body(), (5.0, 6.0, 6.0))
  write_nifti(tmp_path / "in" / "p01_seg.nii.gz", (body() == 40).astype(np.uint8), (5.0, 6.0, 6.0))
  write_nifti(tmp_path / "in" / "shifted.nii.gz", body() + 1024, (5.0, 6.0, 6.0))
  with pytest.raises(InputError, match=r"^2 of 3 inputs failed \(p01_seg, shifted\); the first: .*label map"):
    predict(tmp_path / "in", tmp_path / "out")
  said = capsys.readouterr().out
  assert "failed: p01_seg: " in said and "failed: shifted: " in said and "--assume_hu" in said
  assert "warning" not in said and label_maps(tmp_path / "out") == ["p01.nii.gz"]
  predict(tmp_path / "in", tmp_path / "out", assume_hu=True)
  said = capsys.readouterr().out
  assert said.count("warning: ") == 2 and "failed" not in said
  assert label_maps(tmp_path / "out") == ["p01.nii.gz", "p01_seg.nii.gz", "shifted.nii.gz"]


def test_a_scan_that_lies_the_wrong_way_round_is_told(tmp_path, capsys):
  """MIScnn#69: an array whose axes are turned, and lungs below what was taken for the liver."""
  hu = np.repeat(body(), 3, axis=0)
  hu[:, 45:53, 25:35] = 600  # rows grow to the back in LPS, where the spine is
  hu[:5, 15:30, 15:45] = -800  # near the feet
  write_nifti(tmp_path / "in" / "up.nii.gz", hu, (6.0, 6.0, 6.0))
  write_nifti(tmp_path / "in" / "back.nii.gz", hu[:, ::-1].copy(), (6.0, 6.0, 6.0))

  class Above(Bright):
    def labels(self, volume, spacing_mm):
      return {"labels": np.uint8((np.asarray(volume) > 0) & (np.arange(18)[:, None, None] > 9))}

  predict(tmp_path / "in", tmp_path / "out", Stub(Above()))
  said = capsys.readouterr().out
  assert "warning: back: bone lies" in said and "the scan is back to front, or its header is wrong" in said
  assert "warning: up: the lungs lie" in said and "up: bone" not in said


def test_names_that_cannot_name_an_output_fail_and_the_others_go_on(tmp_path, capsys):
  for name in ("ok.nii.gz", "x" * 247 + ".nii.gz"):
    write_nifti(tmp_path / "in" / name, IMAGE)
  shutil.copy(tmp_path / "in" / "ok.nii.gz", os.fsencode(tmp_path / "in") + b"/caf\xe9.nii.gz")
  with pytest.raises(InputError, match=r"^2 of 3 inputs failed"):
    predict(tmp_path / "in", tmp_path / "out")
  said = capsys.readouterr().out
  assert "caf\\udce9.nii.gz: the name is not in UTF-8" in said and "is 247 bytes long" in said
  assert max(map(len, said.splitlines())) <= 300
  assert label_maps(tmp_path / "out") == ["ok.nii.gz"]


@pytest.mark.parametrize(
  "error, says",
  [
    (
      OSError(errno.EFBIG, "Too large", "out/.a.1.tmp"),
      "a.nii.gz: its outputs cannot be written (Too large)",
    ),
    (OSError(errno.ENOSPC, "No space left on device"), "written (No space left on device); make room"),
    (MemoryError(), "a.nii.gz: there is not enough memory for it"),
    (SegmentationError("odd"), "a.nii.gz: TensorFlow cannot segment it (odd)."),
    (UnicodeEncodeError("utf-8", "\udce9", 0, 1, "no"), "or that of a folder above is not in UTF-8"),
  ],
)
def test_what_the_system_refuses_is_a_failure_of_that_case(tmp_path, monkeypatch, capsys, error, says):
  for name in ("a", "b"):
    write_nifti(tmp_path / "in" / f"{name}.nii.gz", IMAGE)
  write = case_outputs.write_label_map

  def refuse_a(path, *rest):
    if path.name.endswith("a.nii.gz"):
      raise error
    write(path, *rest)

  monkeypatch.setattr(case_outputs, "write_label_map", refuse_a)
  with pytest.raises(InputError, match=r"^1 of 2 inputs failed \(a\)"):
    predict(tmp_path / "in", tmp_path / "out")
  assert says in capsys.readouterr().out
  assert label_maps(tmp_path / "out") == ["b.nii.gz"]


def test_a_quota_fails_the_large_case_alone(tmp_path, capsys):
  large = np.random.default_rng(0).integers(-200, 300, (20, 80, 80)).astype(np.int16)  # labels of 20 KB
  for name, image in (("a", IMAGE), ("b", large), ("c", IMAGE)):
    write_nifti(tmp_path / "in" / f"{name}.nii.gz", image)
  soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
  try:
    with pytest.raises(
      InputError, match=r"^1 of 3 inputs failed \(b\); the first: .*b\.nii\.gz: .*File too large"
    ):
      predict(tmp_path / "in", tmp_path / "out")
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
  assert "failed: b: " in capsys.readouterr().out
  assert label_maps(tmp_path / "out") == ["a.nii.gz", "c.nii.gz"]
  assert not list((tmp_path / "out").glob("*.tmp"))


def test_an_output_folder_that_cannot_be_is_refused_before_anything_is_computed(tmp_path):
  write_nifti(tmp_path / "a.nii.gz", IMAGE)
  (tmp_path / "file").touch()
  found = find_inputs(tmp_path / "a.nii.gz")
  for output_dir in (tmp_path / "file", tmp_path / "file" / "sub", "/proc/nowhere", ""):
    with pytest.raises(InputError, match="cannot be written to" if output_dir else "--output_dir=: is empty"):
      prediction_outputs(found, ["a"], output_dir)


def test_a_full_folder_of_temporary_files_is_one_line(tmp_path, monkeypatch):
  def refuse():
    raise OSError(errno.ENOSPC, "No space left on device")

  write_nifti(tmp_path / "a.nii.gz", IMAGE)
  monkeypatch.setattr(prediction.tempfile, "TemporaryFile", refuse)
  with pytest.raises(InputError, match=r"temporary files cannot be written \(No space left .* TMPDIR"):
    predict(tmp_path / "a.nii.gz", tmp_path / "out")
  assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_case_that_is_finished_is_kept_until_anything_it_was_made_of_changes(tmp_path):
  for name in ("a", "b"):
    write_nifti(tmp_path / "in" / f"{name}.nii.gz", IMAGE)
  stub, out, both = Stub(), tmp_path / "out", WantedOutputs(("nifti", "nrrd"), preview=False)

  def again(**settings):
    before = stub.segmenter.asked
    summary = predict(tmp_path / "in", out, stub, **{"model": "m1", **settings})
    assert summary.predicted + summary.kept == 2
    return stub.segmenter.asked - before

  assert again() == 2 and again() == 0
  before = {path.name: path.read_bytes() for path in out.iterdir()}
  assert again() == 0 and {path.name: path.read_bytes() for path in out.iterdir()} == before
  assert again(model="m2") == 2  # another model
  assert again(model="m2", settings={"crop_to_body": True}) == 2  # other settings
  assert again(model="m2", settings={"crop_to_body": True}, wanted=both) == 2
  (out / "a.seg.nrrd").unlink()  # an output is gone
  assert again(model="m2", settings={"crop_to_body": True}, wanted=both) == 1
  assert again() == 2
  write_nifti(tmp_path / "in" / "b.nii.gz", IMAGE + 1)  # another scan
  assert again() == 1
  assert again(overwrite=True) == 2
  assert again(model="") == 2  # a model that is not known


def test_an_interrupted_prediction_goes_on_and_its_tables_are_whole(tmp_path):
  for name in ("a", "b", "c"):
    write_nifti(tmp_path / "in" / f"{name}.nii.gz", IMAGE)

  class Interrupted(Bright):
    def labels(self, volume, spacing_mm):
      if self.asked == 2:
        raise KeyboardInterrupt
      return super().labels(volume, spacing_mm)

  with pytest.raises(KeyboardInterrupt):
    predict(tmp_path / "in", tmp_path / "out", Stub(Interrupted()), model="m")
  assert label_maps(tmp_path / "out") == ["a.nii.gz", "b.nii.gz"]
  summary = predict(tmp_path / "in", tmp_path / "out", model="m")
  assert (summary.predicted, summary.kept, summary.slices) == (1, 2, 5)
  with open(tmp_path / "out" / "volumes.csv", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
  assert [(row["case"], row["organ"]) for row in rows] == [(c, o) for c in "abc" for o in Stub().organs]
  assert {int(row["voxels"]) for row in rows} == {int((IMAGE > 50).sum()), 0}
  statistics = json.loads((tmp_path / "out" / "statistics.json").read_text())
  assert statistics["a"]["liver"]["mean_hu"] == pytest.approx(IMAGE[IMAGE > 50].mean(), abs=0.01)


def test_a_prediction_that_ended_while_files_were_written_goes_on_without_overwrite(tmp_path, monkeypatch):
  write_nifti(tmp_path / "a.nii.gz", IMAGE)
  write_case = prediction.write_case

  def interrupted(*args):
    write_case(*args)
    raise KeyboardInterrupt

  monkeypatch.setattr(prediction, "write_case", interrupted)
  with pytest.raises(KeyboardInterrupt):
    predict(tmp_path / "a.nii.gz", tmp_path / "out", model="m")
  assert label_maps(tmp_path / "out") == []
  monkeypatch.setattr(prediction, "write_case", write_case)
  assert predict(tmp_path / "a.nii.gz", tmp_path / "out", model="m").predicted == 1


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("error", [KeyboardInterrupt, InputError])
def test_a_second_model_that_ends_early_leaves_the_cases_of_the_first_whole(
  tmp_path, monkeypatch, error, jobs
):
  """Its label map had replaced the first one's, whose volumes and record stayed beside it."""
  for name in ("a", "b"):
    write_nifti(tmp_path / "in" / f"{name}.nii.gz", IMAGE)
  out, wanted = tmp_path / "out", WantedOutputs(("nifti", "nrrd"), preview=False)
  predict(tmp_path / "in", out, wanted=wanted, model="first")
  before = {name: (out / name).read_bytes() for name in names_in(out)}
  write = case_outputs._write

  def fails_in_the_second_format(format_name, *args):
    if format_name == "nrrd":
      raise error("no room for it")
    write(format_name, *args)

  monkeypatch.setattr(case_outputs, "_write", fails_in_the_second_format)
  with pytest.raises(error):
    predict(tmp_path / "in", out, Stub(Bone()), wanted=wanted, model="second", jobs=jobs)
  monkeypatch.undo()
  assert {name: (out / name).read_bytes() for name in names_in(out)} == before
  assert not list(out.glob(".unfinished*"))
  assert predict(tmp_path / "in", out, wanted=wanted, model="first").kept == 2


def test_what_killed_processes_left_is_removed_and_what_others_have_in_hand_is_not(tmp_path):
  write_nifti(tmp_path / "a.nii.gz", IMAGE)
  predict(tmp_path / "a.nii.gz", tmp_path / "out", model="m")
  host = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
  names = [f".unfinished.{host}.{2**22 + 1}", f".unfinished.{host}.1", ".unfinished.elsewhere.9"]
  for name in names:
    (tmp_path / "out" / name / "b").mkdir(parents=True)
  assert predict(tmp_path / "a.nii.gz", tmp_path / "out", model="m").kept == 1
  assert sorted(path.name for path in (tmp_path / "out").glob(".unfinished*")) == sorted(names[1:])


def test_cases_that_an_earlier_version_finished_are_kept(tmp_path):
  """Its records have the type of DICOM SEG for cases without one."""
  write_nifti(tmp_path / "a.nii.gz", IMAGE)
  predict(tmp_path / "a.nii.gz", tmp_path / "out", model="m", settings={"view": "axial"})
  record = tmp_path / "out" / "predictions.json"
  content = json.loads(record.read_text())
  content["a"]["settings"]["seg_type"] = "binary"
  record.write_text(json.dumps(content))
  Outputs(record.parent).wrote([record.name])
  assert predict(tmp_path / "a.nii.gz", tmp_path / "out", model="m", settings={"view": "axial"}).kept == 1


def test_masks_of_another_model_whose_label_maps_were_moved_away_are_not_deleted_unasked(tmp_path):
  write_nifti(tmp_path / "a.nii.gz", IMAGE)
  predict(tmp_path / "a.nii.gz", tmp_path / "out", wanted=WantedOutputs(masks=True, preview=False))
  (tmp_path / "out" / "a.nii.gz").rename(tmp_path / "moved.nii.gz")
  with pytest.raises(InputError, match="names the organs of label maps that are there already"):
    predict(tmp_path / "a.nii.gz", tmp_path / "out", Stub(organs=("aorta",)))
  assert names_in(tmp_path / "out" / "a_masks") == ["liver.nii.gz", "spleen.nii.gz"]


def test_a_model_of_other_organs_leaves_nothing_of_the_first_in_the_folder(tmp_path):
  for name in ("a", "b"):
    write_nifti(tmp_path / "in" / f"{name}.nii.gz", IMAGE)
  wanted = WantedOutputs(masks=True, preview=False)
  predict(tmp_path / "in", tmp_path / "out", wanted=wanted)
  (tmp_path / "in" / "b.nii.gz").write_bytes(b"damaged since")
  with pytest.raises(InputError, match="1 of 2 inputs failed"):
    predict(tmp_path / "in", tmp_path / "out", Stub(organs=("aorta",)), wanted=wanted, overwrite=True)
  assert label_maps(tmp_path / "out") == ["a.nii.gz", "a_masks"]
  assert names_in(tmp_path / "out" / "a_masks") == ["aorta.nii.gz"]


def test_nothing_of_an_earlier_model_stays_beside_a_case_and_other_cases_are_told(tmp_path, capsys):
  for name in ("a", "b"):
    write_nifti(tmp_path / "in" / f"{name}.nii.gz", IMAGE)
  out = tmp_path / "out"
  predict(tmp_path / "in", out, wanted=WantedOutputs(("nifti", "nrrd"), preview=False), model="first")
  assert label_maps(out) == ["a.nii.gz", "a.seg.nrrd", "b.nii.gz", "b.seg.nrrd"]
  capsys.readouterr()
  predict(tmp_path / "in" / "a.nii.gz", out, Stub(Bone()), model="second")
  assert label_maps(out) == ["a.nii.gz", "b.nii.gz", "b.seg.nrrd"]
  assert "also lists 1 case(s) of another model, version or settings (b)" in capsys.readouterr().out


def test_the_record_says_what_made_each_case(tmp_path):
  write_nifti(tmp_path / "a.nii.gz", IMAGE)
  predict(tmp_path / "a.nii.gz", tmp_path / "out", model="m", settings={"view": "axial"})
  one = json.loads((tmp_path / "out" / "predictions.json").read_text())["a"]
  assert one["input"] == str(tmp_path / "a.nii.gz") and one["files"] == ["a.nii.gz"]
  assert one["model"] == "m" and one["settings"] == {"view": "axial"}
  assert set(one["organs"]) == {"liver", "spleen"} and one["seconds"] >= 0


def test_every_output_of_a_series(tmp_path):
  """All files of one case, each read back; and none of them is an input of the next prediction."""
  pytest.importorskip("highdicom", reason="highdicom needs Python 3.10")
  uids = {"StudyInstanceUID": "1.2.4", "FrameOfReferenceUID": "1.2.5"}
  (tmp_path / "in").mkdir()
  write_series(tmp_path / "in" / "ct", RescaleSlope=12, **uids)
  out = tmp_path / "in" / "out"
  wanted = WantedOutputs(("nifti", "nrrd", "dicom_seg"), masks=True, probabilities=True)
  for _ in range(2):
    predict(tmp_path / "in", out, Stub(Probable()), wanted=wanted, assume_hu=True)
  found = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
  assert [name for name in found if name not in (*TABLES, ".written_by_panns.json")] == [
    "ct.nii.gz",
    "ct.png",
    "ct.seg.dcm",
    "ct.seg.nrrd",
    "ct_masks/liver.nii.gz",
    "ct_masks/spleen.nii.gz",
    "ct_probabilities/liver.nii.gz",
    "ct_probabilities/spleen.nii.gz",
  ]
  hu = volumes.read_image(tmp_path / "in" / "ct").array
  labels = volumes.read_label(out / "ct.nii.gz").array
  np.testing.assert_array_equal(labels, hu > 50)
  np.testing.assert_array_equal(volumes.read_label(out / "ct.seg.nrrd").array, labels)
  np.testing.assert_array_equal(volumes.read_label(out / "ct_masks" / "liver.nii.gz").array, labels)
  assert slicerio.read_segmentation(str(out / "ct.seg.nrrd"))["segments"][0]["name"] == "liver"
  probability = volumes.read_image(out / "ct_probabilities" / "liver.nii.gz").array
  np.testing.assert_allclose(probability, np.clip(hu / 1000, 0, 1), atol=1 / 255)


def write_other_series(folder, uid, **tags):
  """Three slices of a series with its own instances."""
  for index in range(3):
    own = {"SeriesInstanceUID": uid, "SOPInstanceUID": f"{uid}.{index}"}
    write_slice(folder / f"{uid}.{index}.dcm", RAMP[index], (0, 0, 40 + 3 * index), **{**tags, **own})


def test_each_series_of_a_folder_is_a_case_and_a_name_stays_when_others_come(tmp_path):
  (tmp_path / "in").mkdir()
  folder = write_series(tmp_path / "in" / "ct", RescaleSlope=12)
  settings = {"model": "m", "assume_hu": True}
  predict(tmp_path / "in", tmp_path / "out", Stub(), **settings)
  first = (tmp_path / "out" / "ct.nii.gz").read_bytes()
  lung = {"SeriesNumber": 3, "SeriesDescription": "Lung Doe", "PatientName": "Doe^Jane"}
  write_other_series(folder, "9.8", **lung)
  write_other_series(folder, "9.9", SeriesNumber=4, RescaleIntercept=None)
  stub = Stub()
  with pytest.raises(
    InputError, match=r"^1 of 3 inputs failed \(ct_4_[0-9a-f]{6}\); .*lacks RescaleIntercept"
  ):
    predict(tmp_path / "in", tmp_path / "out", stub, **settings)
  ct, other = label_maps(tmp_path / "out")
  assert stub.segmenter.asked == 1 and (ct, other[:10]) == ("ct.nii.gz", "ct_3_Lung_")
  assert (tmp_path / "out" / "ct.nii.gz").read_bytes() == first
  assert nibabel.load(tmp_path / "out" / other).shape == (6, 5, 3)
  write_other_series(folder, "9.7", **lung)
  shutil.rmtree(tmp_path / "out")
  with pytest.raises(InputError, match="1 of 4 inputs failed"):
    predict(tmp_path / "in", tmp_path / "out", jobs=2, **settings)
  names = label_maps(tmp_path / "out")
  assert len(names) == 3 and other in names  # as before


def test_several_scans_of_a_zip_are_cases_as_those_of_the_folder_are(tmp_path):
  (tmp_path / "in").mkdir()
  folder = write_series(tmp_path / "in" / "ct", RescaleSlope=12)
  write_other_series(folder, "9.8", SeriesNumber=3)
  write_nifti(tmp_path / "in" / "a.nii.gz", IMAGE)
  shutil.make_archive(str(tmp_path / "all"), "zip", tmp_path / "in")
  predict(tmp_path / "in", tmp_path / "of_folder", assume_hu=True)
  for times in (3, 0):
    stub = Stub()
    predict(tmp_path / "all.zip", tmp_path / "of_zip", stub, assume_hu=True, model="m")
    assert stub.segmenter.asked == times  # a second time all are finished
  names = label_maps(tmp_path / "of_folder")
  assert label_maps(tmp_path / "of_zip") == [f"all_{name}" for name in names] and len(names) == 3
  for name in names:
    found = (tmp_path / "of_zip" / f"all_{name}").read_bytes()
    assert found == (tmp_path / "of_folder" / name).read_bytes()


def test_shards_of_a_prediction_share_a_folder(tmp_path):
  """Two take turns, each with the record that it began with."""
  for name in "abc":
    write_nifti(tmp_path / "in" / f"{name}.nii.gz", IMAGE)
  found = find_inputs(tmp_path / "in")
  ids = case_ids(found.root, found.scans)
  request = Request(PLAIN, model="m")
  shares = [{name: ids[name] for name in names} for names in ("ac", "b")]
  outputs = [
    prediction_outputs(found, share, tmp_path / "out", False, PLAIN, shared=True) for share in shares
  ]
  for share, own in zip(shares, outputs):
    predict_files(Stub(), share, own, request)
  assert label_maps(tmp_path / "out") == ["a.nii.gz", "b.nii.gz", "c.nii.gz"]
  assert sorted(json.loads((tmp_path / "out" / "statistics.json").read_text())) == ["a", "b", "c"]
  summary = predict(tmp_path / "in", tmp_path / "out", model="m")
  assert (summary.predicted, summary.kept) == (0, 3)
  with pytest.raises(InputError, match="lies in the input, where shards would find each other's"):
    prediction_outputs(found, ids, tmp_path / "in" / "out", shared=True)


@pytest.mark.slow
def test_dicom_objects_refer_to_their_own_series(tmp_path):
  pytest.importorskip("highdicom", reason="highdicom needs Python 3.10")
  (tmp_path / "in").mkdir()
  tags = {"StudyInstanceUID": "1.2.4", "FrameOfReferenceUID": "1.2.5", "RescaleSlope": 20}
  folder = write_series(tmp_path / "in" / "ct", **tags)
  write_other_series(folder, "9.8", **tags)
  wanted = WantedOutputs(("dicom_seg", "rtstruct"), preview=False)
  predict(tmp_path / "in", tmp_path / "out", wanted=wanted, assume_hu=True)
  referred = {}
  for path in (tmp_path / "out").glob("*.dcm"):
    data = pydicom.dcmread(path)
    if data.Modality == "SEG":
      (series,) = data.ReferencedSeriesSequence
      instances = series.ReferencedInstanceSequence
    else:
      study = data.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
      (series,) = study.RTReferencedSeriesSequence
      instances = series.ContourImageSequence
    found = {one.ReferencedSOPInstanceUID for one in instances}
    referred[data.Modality, series.SeriesInstanceUID] = found
  own = {"1.2.3": {f"1.2.3.{5000 + z}" for z in (10, 12, 14, 16)}, "9.8": {f"9.8.{k}" for k in range(3)}}
  assert referred == {(kind, uid): own[uid] for kind in ("SEG", "RTSTRUCT") for uid in own}


def test_a_dicom_object_of_a_file_is_refused_before_the_network_works(tmp_path):
  write_nifti(tmp_path / "a.nii.gz", IMAGE)
  stub = Stub()
  with pytest.raises(InputError, match=r"a\.nii\.gz: is no DICOM series, and DICOM SEG refers"):
    predict(tmp_path / "a.nii.gz", tmp_path / "out", stub, wanted=WantedOutputs(("dicom_seg",)))
  assert not stub.segmenter.asked and label_maps(tmp_path / "out") == []


def test_labels_of_a_model_without_probabilities_are_all_it_gives(tmp_path):
  write_nifti(tmp_path / "a.nii.gz", IMAGE)
  with pytest.raises(InputError, match=r"^--output_probabilities: this kind of model gives labels alone"):
    predict(tmp_path / "a.nii.gz", tmp_path / "out", wanted=WantedOutputs(probabilities=True))


def test_several_cases_are_in_hand_but_the_network_takes_one_at_a_time(tmp_path, capsys):
  for number in range(6):
    write_nifti(tmp_path / "in" / f"{number}.nii.gz", IMAGE + number)
  busy, reading = threading.Lock(), threading.Barrier(2, timeout=20)

  class Exclusive(Bright):
    def labels(self, volume, spacing_mm):
      assert busy.acquire(blocking=False)
      found = super().labels(volume, spacing_mm)
      busy.release()
      return found

  write = prediction.write_case

  def together(*arguments):
    reading.wait()  # two cases are written at the same time, or this breaks
    return write(*arguments)

  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(prediction, "write_case", together)
    predict(tmp_path / "in", tmp_path / "side", Stub(Exclusive()), jobs=2)
  predict(tmp_path / "in", tmp_path / "one")
  for name in label_maps(tmp_path / "one"):
    assert (tmp_path / "side" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
  lines = [line for line in capsys.readouterr().out.splitlines() if " s a slice" in line]
  assert len(lines) == 12 and lines[6].startswith("1 of 6: 0: ") and lines[6].endswith(" to go")
  assert "to go" not in lines[11]


def test_organs_without_codes_are_told_of(tmp_path, capsys):
  write_nifti(tmp_path / "a.nii.gz", IMAGE)
  predict(tmp_path / "a.nii.gz", tmp_path / "out", Stub(organs=("liver", "duodenum")))
  assert "note: no SNOMED CT code is known here for duodenum" in capsys.readouterr().out
  assert (tmp_path / "out" / "organ_colors.csv").read_text().splitlines()[2].startswith("2,duodenum,")


def in_patient(path):
  """{(x, y, z) RAS in tenths of a millimetre} of the labelled voxels."""
  image = nibabel.load(path)
  at = np.argwhere(np.asarray(image.dataobj))
  return set(map(tuple, np.rint(10 * nibabel.affines.apply_affine(image.affine, at)).astype(int).tolist()))


@pytest.mark.slow
@pytest.mark.parametrize("series", ["ts_dicom", "dcmqi_liver"])
def test_a_real_series_as_files_as_a_zip_and_as_nifti_has_the_same_labels_in_the_patient(
  real_ct, tmp_path, series
):
  """The NIfTI file is SimpleITK's, which reads DICOM by another library; it is written turned round."""

  paths = sorted((real_ct / series).iterdir())
  paths.sort(key=lambda path: float(pydicom.dcmread(path, stop_before_pixels=True).ImagePositionPatient[2]))
  reader = sitk.ImageSeriesReader()
  reader.SetFileNames([str(path) for path in paths])
  (tmp_path / "in").mkdir()
  sitk.WriteImage(sitk.DICOMOrient(reader.Execute(), "RAI"), str(tmp_path / "in" / "nifti.nii.gz"))
  shutil.make_archive(str(tmp_path / "in" / "archive"), "zip", real_ct, series)
  predict(tmp_path / "in", tmp_path / "out", Stub(Bone()))
  predict(real_ct / series, tmp_path / "out", Stub(Bone()))
  places = [in_patient(tmp_path / "out" / f"{name}.nii.gz") for name in ("nifti", "archive", series)]
  assert places[0] == places[1] == places[2] and len(places[0]) > 100


@pytest.mark.slow
def test_a_real_series_has_its_dicom_objects_and_one_without_uids_is_refused(real_ct, tmp_path):
  pytest.importorskip("highdicom", reason="highdicom needs Python 3.10")
  wanted = WantedOutputs(("nifti", "dicom_seg", "rtstruct"), preview=False)
  predict(real_ct / "dcmqi_liver", tmp_path / "out", Stub(Bone()), wanted=wanted)
  seg = pydicom.dcmread(tmp_path / "out" / "dcmqi_liver.seg.dcm")
  labels = nibabel.load(tmp_path / "out" / "dcmqi_liver.nii.gz")
  assert seg.pixel_array.sum() == np.count_nonzero(np.asarray(labels.dataobj))
  assert pydicom.dcmread(tmp_path / "out" / "dcmqi_liver.rtstruct.dcm").Modality == "RTSTRUCT"
  with pytest.raises(InputError, match=r"ts_dicom: 20 of 20 slices have no SOPInstanceUID"):
    predict(real_ct / "ts_dicom", tmp_path / "out", wanted=wanted)
