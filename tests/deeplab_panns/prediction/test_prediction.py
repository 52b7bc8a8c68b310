"""Files in, label maps out, by a segmenter that needs no network."""

import dataclasses
import errno
import json
import os
import resource
import shutil

import nibabel
import numpy as np
import pytest
import tensorflow as tf

from data.input_error import InputError
from deeplab_panns.prediction import prediction
from deeplab_panns.prediction.input_names import case_ids
from deeplab_panns.prediction.input_search import find_inputs
from deeplab_panns.prediction.prediction import (
  predict_file,
  predict_files,
  prediction_outputs,
  read_checked,
)
from tests.conftest import write_nifti

IMAGE = np.random.default_rng(0).integers(-200, 300, (5, 6, 7)).astype(np.int16)


class Bright:
  """Class 1 above 50 HU."""

  def labels(self, volume, spacing_mm):
    self.spacing_mm = spacing_mm.numpy().tolist()
    return {"labels": tf.cast(volume > 50, tf.uint8)}


@dataclasses.dataclass(frozen=True)
class Stub:
  segmenter: object = dataclasses.field(default_factory=Bright)
  organs: tuple = ("liver", "spleen")
  scans: dict = dataclasses.field(default_factory=dict)


def predict(source, output_dir, predictor=None, overwrite=False, **settings):
  """As the command does it."""
  found = find_inputs(source)
  ids = case_ids(found.root, found.scans)
  outputs = prediction_outputs(found, ids, output_dir, overwrite)
  predict_files(predictor or Stub(), ids, outputs, **settings)


def names_in(folder):
  return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def labels_of(path):
  """[z, y, x] of a NIfTI file as it lies in the file."""
  return np.asarray(nibabel.load(path).dataobj).transpose(2, 1, 0)


def test_a_label_map_lies_on_its_inputs_own_grid(tmp_path):
  stub = Stub()
  write_nifti(tmp_path / "scan.nii.gz", IMAGE, (5.0, 2.0, 1.5))
  predict_file(stub, "other", tmp_path / "scan.nii.gz", tmp_path)
  found = nibabel.load(tmp_path / "other.nii.gz")
  assert found.get_data_dtype() == np.uint8 and stub.segmenter.spacing_mm == [5.0, 2.0, 1.5]
  np.testing.assert_array_equal(labels_of(tmp_path / "other.nii.gz"), IMAGE > 50)
  np.testing.assert_allclose(found.affine, nibabel.load(tmp_path / "scan.nii.gz").affine)


def test_the_segmenter_sees_lps_order_and_the_file_keeps_its_own(tmp_path):
  """A file whose x grows to the right and whose axes are stored as (y, z, x)."""
  affine = np.array([[0, 0, 1.5, 0], [-2.0, 0, 0, 0], [0, 5.0, 0, 0], [0, 0, 0, 1]])
  stored = IMAGE.transpose(1, 0, 2)
  nibabel.save(nibabel.Nifti1Image(stored, affine), tmp_path / "turned.nii")
  stub = Stub()
  predict_file(stub, "turned", tmp_path / "turned.nii", tmp_path)
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
  assert names_in(output_dir) == ["a.nii.gz", "f.nii.gz", "organs.json"]
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
  assert names_in(out) == ["organs.json", "p.nii.gz"]
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
  predict(tmp_path / "a.nii.gz", tmp_path / "out", Stub(organs=("aorta",)))
  predict(tmp_path / "b.nii.gz", tmp_path / "out", Stub(organs=("aorta",)))
  assert names_in(tmp_path / "out") == ["a.nii.gz", "b.nii.gz", "organs.json"]


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
  assert "warning" not in said and names_in(tmp_path / "out") == ["organs.json", "p01.nii.gz"]
  predict(tmp_path / "in", tmp_path / "out", assume_hu=True)
  said = capsys.readouterr().out
  assert said.count("warning: ") == 2 and "failed" not in said
  assert names_in(tmp_path / "out") == ["organs.json", "p01.nii.gz", "p01_seg.nii.gz", "shifted.nii.gz"]


def test_an_uncertain_doubt_and_another_size_than_in_training_are_warned_of(tmp_path, capsys):
  write_nifti(tmp_path / "half.nii.gz", body(), (5.0, 3.0, 3.0))
  ranges = {"extent_mm": [[10.0, 350.0, 350.0], [90.0, 400.0, 400.0]]}
  read_checked(tmp_path / "half.nii.gz", "half", ranges)
  of_body, of_training = capsys.readouterr().out.splitlines()
  assert of_body.startswith(f"warning: {tmp_path / 'half.nii.gz'}: the body measures 162 x 162 mm")
  assert of_training.startswith(
    "warning: half: the slices measure 180 x 180 mm, in training 350 x 350 to 400"
  )


def test_notes_of_the_reader_are_told_but_not_what_lies_beside_slices(tmp_path, monkeypatch, capsys):
  """The latter has been told of by the search for inputs."""
  write_nifti(tmp_path / "scan.nii", body(), (5.0, 6.0, 6.0))
  volume = prediction.volumes.read_image(tmp_path / "scan.nii")
  noted = dataclasses.replace(volume, notes=("the sform was taken", "another"))
  monkeypatch.setattr(prediction.volumes, "read_image", lambda *_: noted)
  read_checked(tmp_path / "scan.nii", "scan", {})
  assert capsys.readouterr().out == "note: scan: the sform was taken\nnote: scan: another\n"
  read_checked(tmp_path, "series", {})
  assert capsys.readouterr().out == ""


def test_names_that_cannot_name_an_output_fail_and_the_others_go_on(tmp_path, capsys):
  for name in ("ok.nii.gz", "x" * 247 + ".nii.gz"):
    write_nifti(tmp_path / "in" / name, IMAGE)
  shutil.copy(tmp_path / "in" / "ok.nii.gz", os.fsencode(tmp_path / "in") + b"/caf\xe9.nii.gz")
  with pytest.raises(InputError, match=r"^2 of 3 inputs failed"):
    predict(tmp_path / "in", tmp_path / "out")
  said = capsys.readouterr().out
  assert "caf\\udce9.nii.gz: the name is not in UTF-8" in said and "is 247 bytes long" in said
  assert max(map(len, said.splitlines())) <= 300
  assert names_in(tmp_path / "out") == ["ok.nii.gz", "organs.json"]


@pytest.mark.parametrize(
  "error, says",
  [
    (
      OSError(errno.EFBIG, "Too large", "out/.a.1.tmp"),
      "a.nii.gz: its label map cannot be written (Too large)",
    ),
    (OSError(errno.ENOSPC, "No space left on device"), "written (No space left on device); make room"),
    (MemoryError(), "a.nii.gz: there is not enough memory for it"),
    (tf.errors.ResourceExhaustedError(None, None, "OOM"), "a.nii.gz: there is not enough memory for it"),
    (tf.errors.InternalError(None, None, "odd\nstack"), "a.nii.gz: TensorFlow cannot segment it (odd)."),
    (UnicodeEncodeError("utf-8", "\udce9", 0, 1, "no"), "or that of a folder above is not in UTF-8"),
  ],
)
def test_what_the_system_refuses_is_a_failure_of_that_case(tmp_path, monkeypatch, capsys, error, says):
  for name in ("a", "b"):
    write_nifti(tmp_path / "in" / f"{name}.nii.gz", IMAGE)
  write = prediction.volumes.write_label

  def refuse_a(path, *rest):
    if path.endswith("a.nii.gz"):
      raise error
    write(path, *rest)

  monkeypatch.setattr(prediction.volumes, "write_label", refuse_a)
  with pytest.raises(InputError, match=r"^1 of 2 inputs failed \(a\)"):
    predict(tmp_path / "in", tmp_path / "out")
  assert says in capsys.readouterr().out
  assert names_in(tmp_path / "out") == ["b.nii.gz", "organs.json"]


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
  assert names_in(tmp_path / "out") == ["a.nii.gz", "c.nii.gz", "organs.json"]
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
