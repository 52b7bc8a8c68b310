"""Who the patient is stands in headers, and goes nowhere from there: neither into what is printed, nor into a
store, a label map or a name. Ids of cases are the user's own names of files, or of the manifest."""

import gzip
import json

import nibabel
import numpy as np
import pytest

from data.reading.volumes import read_image, write_label
from data.stored.preparation import prepare_store
from tests.conftest import TINY_FLAGS, TINY_ORGANS, make_case, run_command
from tests.data.dicom.dicom_files import write_slice

WHO = {
  "PatientName": "Doe^Jane",
  "PatientID": "MRN-4711",
  "PatientBirthDate": "19010203",
  "PatientAddress": "Elm Street 5",
  "AccessionNumber": "ACC-0815",
  "InstitutionName": "Saint Nowhere",
  "ReferringPhysicianName": "Who^Doctor",
  "StudyDescription": "abdomen of Jane",
  "SeriesDescription": "portal venous Jane",
}
SECRETS = ("Doe", "Jane", "4711", "19010203", "Elm Street", "0815", "Nowhere", "Who^")


def told(folder):
  """All names and bytes below a folder, what is compressed also as it was before, as text."""
  parts = []
  for path in sorted(folder.rglob("*")):
    parts.append(str(path.relative_to(folder)))
    if path.is_file():
      content = path.read_bytes()
      parts.append(content.decode("latin-1"))
      if path.suffix == ".gz":
        parts.append(gzip.decompress(content).decode("latin-1"))
  return "\n".join(parts)


def require_silence(text):
  assert [secret for secret in SECRETS if secret in text] == []


@pytest.fixture
def scan(tmp_path):
  """A folder of slices of an identified patient."""
  folder = tmp_path / "scan"
  write_scan(folder, make_case(np.random.default_rng(0))[0], 0)
  assert "Doe^Jane" in told(folder)
  return folder


def test_a_store_knows_no_patient(scan, tmp_path, capfd):
  case = {"id": "p01", "image": "scan", "label": None, "annotated": []}
  (tmp_path / "dataset.json").write_text(json.dumps({"organs": ["liver"], "cases": [case]}))
  prepare_store(tmp_path / "dataset.json", tmp_path / "store", (None, None, None))
  require_silence(told(tmp_path / "store"))
  require_silence("".join(capfd.readouterr()))


def test_a_label_map_does_not_copy_the_texts_of_a_header(tmp_path):
  image = nibabel.Nifti1Image(np.zeros((5, 6, 4), np.int16), np.diag([2.0, 2.0, 3.0, 1.0]))
  for field in ("descrip", "db_name", "aux_file", "intent_name"):
    image.header[field] = b"Doe^Jane 4711"[: image.header[field].dtype.itemsize]
  image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"Doe^Jane"))
  nibabel.save(image, tmp_path / "scan.nii.gz")
  volume = read_image(tmp_path / "scan.nii.gz")
  (tmp_path / "out").mkdir()
  write_label(tmp_path / "out" / "scan.nii.gz", np.zeros(volume.array.shape, np.uint8), volume)
  require_silence(told(tmp_path / "out"))


def write_scan(folder, image, case):
  folder.mkdir(parents=True)
  for number, rows in enumerate(image):
    stored = ((rows.astype(np.int32) + 1024) // 2).astype(np.int16)
    uids = {"SOPInstanceUID": f"1.2.{case}.{number}", "SeriesInstanceUID": f"1.3.{case}"}
    write_slice(folder / f"{number}.dcm", stored, (-20, -30, 3 * number), **uids, **WHO)


@pytest.mark.slow
def test_nothing_from_the_scan_to_its_prediction_names_a_patient(tmp_path):
  """prepare, train, evaluate and predict on marked series: every byte that they write, every line that they
  print."""
  raw, cases = tmp_path / "raw", []
  for number in range(4):
    image, label = make_case(np.random.default_rng(number))
    write_scan(raw / f"case_{number}" / "ct", image, number)
    volume = read_image(raw / f"case_{number}" / "ct")
    partial = number == 2
    label = np.where(label < 2, label, 0).astype(np.uint8) if partial else label
    write_label(tmp_path / f"label_{number}.nii.gz", label, volume)
    cases.append(
      {
        "id": f"case_{number}",
        "image": f"case_{number}/ct",
        "label": f"../label_{number}.nii.gz",
        "annotated": ["liver"] if partial else "all",
        "labels": {str(value): organ for value, organ in enumerate(TINY_ORGANS, 1)},
        **({} if partial else {"fold": int(number == 3)}),
      }
    )
  (raw / "dataset.json").write_text(json.dumps({"organs": TINY_ORGANS, "cases": cases}))
  out = {name: tmp_path / name for name in ("store", "run", "scores", "predicted")}
  commands = [
    ("data.prepare", f"--manifest={raw / 'dataset.json'}", f"--output_dir={out['store']}"),
    ("deeplab_panns.train", *TINY_FLAGS, f"--data_dir={out['store']}", f"--run_dir={out['run']}", "--fold=1"),
    ("deeplab_panns.evaluate", f"--run_dir={out['run']}", f"--output_dir={out['scores']}"),
    (
      "deeplab_panns.predict",
      f"--run_dir={out['run']}",
      f"--input={raw}",
      f"--output_dir={out['predicted']}",
      "--output_format=nifti,nrrd",
    ),
  ]
  for command in commands:
    done = run_command(*command)
    require_silence(done.stdout + done.stderr)
  assert len(list(out["predicted"].glob("*.nii.gz"))) == 4
  assert list(out["run"].rglob("events.out.*")) and (out["store"] / "prepare_report.html").is_file()
  for folder in out.values():
    assert folder.is_dir()
    require_silence(told(folder))


@pytest.mark.slow
def test_outputs_named_by_patients_are_for_those_who_ask(scan, tiny_run, tmp_path):
  folder = scan.rename(tmp_path / "Doe_Jane")
  command = ["deeplab_panns.predict", f"--run_dir={tiny_run}", f"--input={folder}"]
  refused = run_command(*command, f"--output_dir={tmp_path / 'out'}", check=False)
  assert (
    refused.returncode == 1 and "--keep_patient_ids" in refused.stderr and not (tmp_path / "out").exists()
  )
  require_silence(refused.stdout + refused.stderr)
  run_command(*command, f"--output_dir={tmp_path / 'out'}", "--keep_patient_ids")
  assert (tmp_path / "out" / "Doe_Jane.nii.gz").is_file()
