"""Who the patient is stands in headers, and goes nowhere from there: neither into what is printed, nor into a
store, a label map or a name. Ids of cases are the user's own names of files, or of the manifest."""

import gzip
import json

import nibabel
import numpy as np
import pytest

from data.reading.volumes import read_image, write_label
from data.stored.preparation import prepare_store
from tests.conftest import make_case, run_command
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
  folder.mkdir()
  image, _ = make_case(np.random.default_rng(0))
  for number, rows in enumerate(image):
    stored = ((rows.astype(np.int32) + 1024) // 2).astype(np.int16)
    write_slice(
      folder / f"{number}.dcm", stored, (-20, -30, 3 * number), SOPInstanceUID=f"1.2.{number}", **WHO
    )
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


@pytest.mark.slow
def test_predict_names_no_patient(scan, tiny_run, tmp_path):
  done = run_command(
    "deeplab_panns.predict", f"--run_dir={tiny_run}", f"--input={scan}", f"--output_dir={tmp_path / 'out'}"
  )
  assert (tmp_path / "out" / "scan.nii.gz").is_file()
  require_silence(told(tmp_path / "out"))
  require_silence(done.stdout + done.stderr)
