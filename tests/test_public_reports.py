"""Inputs of public bug reports, made by scripts that the variable PANN_CASES names the folder of.

`pytest tests/test_public_reports.py -s -n 0` prints what each command says. A command is right if it
does what the script calls right: the exit code and words below. None may end in a traceback or in several
lines.
"""

import os
import pathlib
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT, TINY_FLAGS, run_command

CASES = pathlib.Path(os.environ.get("PANN_CASES", ROOT.parent / "shared" / "cases"))
pytestmark = [
  pytest.mark.slow,
  pytest.mark.skipif(not CASES.is_dir(), reason=f"no scripts at {CASES} (PANN_CASES names their folder)"),
]


def prepare(manifest="dataset.json", *more):
  return ["data.prepare", f"--manifest=@/{manifest}", "--output_dir=@/store", "--workers=1", *more]


def predict(source, *more, output_dir="@/out"):
  return [
    "deeplab_panns.predict",
    "--run_dir=RUN",
    f"--input=@/{source}",
    f"--output_dir={output_dir}",
    *more,
  ]


def evaluate(predictions, references, output_dir="@/scores"):
  return [
    "deeplab_panns.evaluate",
    f"--predictions=@/{predictions}",
    f"--references=@/{references}",
    f"--output_dir={output_dir}",
    "--workers=1",
  ]


# script: [(command, exit code, what it says on stdout or stderr)]; @ is the script's folder, RUN a trained
# run.
REPORTS = {
  "d01_pixel_padding": [(prepare(), 0, "3 cases")],
  "d04_orientation_digits": [(prepare(), 0, "1 cases")],
  "d05_broken_links": [(prepare(), 1, "2 of 3 cases failed.*part")],
  "d07_creeping_step": [(prepare(), 1, "2 of 2 cases failed")],
  "d09_cd_layout": [
    (predict("patients"), 0, "3 label maps"),
    (predict("cd", output_dir="@/cd_out"), 0, "1 label map "),
  ],
  "g01_dicom_labels": [
    (prepare("seg_file.json"), 1, "SEG"),
    (prepare("seg_folder.json"), 1, "SEG"),
    (prepare("rt_file.json"), 1, "RTSTRUCT"),
  ],
  "l01_label_files": [
    (prepare("float.json"), 0, "12 organs"),
    (prepare("ct.json"), 1, "ct.nii"),
    (prepare("scaled.json"), 1, "not integers|whole numbers"),
    (prepare("inter.json"), 1, "inter.nii"),
    (evaluate("preds", "refs"), 1, "p.nii"),
  ],
  "l04_same_scan_twice": [(prepare(), 1, r"same scan twice: a \(fold 0\) = msd_7")],
  "m01_manifest": [
    (prepare("bom.json"), 0, "1 cases"),
    (prepare("value_twice.json"), 1, '"1" stands twice'),
    (prepare("value_twice2.json"), 1, "names the value 1 twice"),
    (prepare("key_twice.json"), 1, '"label" stands twice'),
  ],
  "n01_nearly_orthonormal": [(prepare(), (0, 1), "")],
  "n03_two_orientations": [(prepare(), 1, "sform.*qform"), (prepare("btcv.json"), 1, "sform.*qform")],
  "n04_no_direction": [
    (predict("nospace.nrrd"), 1, "orientation|direction"),
    (predict("nomatrix.mhd"), 1, "orientation|direction"),
    (predict("ras.nrrd"), 0, "1 label map "),
  ],
  "p01_in_place": [
    (predict("scans", output_dir="@/scans"), 1, r"is a folder of the input; p1\.nii\.gz would be replaced")
  ],
  "p02_not_hu": [
    (prepare("dataset_hu.json"), 0, "1 cases"),
    (prepare("dataset_plus1024.json"), 1, r"HU \+ 1024"),
    (prepare("dataset_plus32768.json"), 1, "no HU|32768"),
    (prepare("dataset_unit.json"), 1, "values run from 0 to 1"),
    (prepare("dataset_eight_bit.json"), 1, "8 bits"),
    (prepare("dataset_mu.json"), 1, "attenuation"),
    (predict("label.nii.gz"), 1, "label map"),
    (predict("plus1024.nii.gz"), 1, "--assume_hu"),
  ],
  "p03_small": [(predict("."), (0, 1), "")],
  "p04_names": [
    (predict("long"), 1, "name"),
    (predict("latin1"), (0, 1), ""),
    (predict("unicode"), 0, "2 label maps"),
    (evaluate("pred_nfc", "refs_nfd"), (0, 1), ""),
  ],
  "s01_disk": [
    (["data.prepare", "--manifest=@/dataset.json", f"--output_dir=@/{name}"], 1, "cannot be written to")
    for name in ("a_file", "a_file/sub")
  ]
  + [
    (predict("scans", output_dir="@/a_file"), 1, "cannot be written to"),
    (predict("scans", output_dir="/proc/nowhere"), 1, "cannot be written to"),
    (evaluate("scans", "labels", "@/a_file/sub"), 1, "cannot be written to"),
  ],
}


@pytest.mark.parametrize("script", REPORTS)
def test_a_public_report_is_answered_rightly(script, tmp_path, tiny_run):
  subprocess.run([sys.executable, CASES / f"{script}.py", tmp_path], check=True)
  for (module, *words), codes, said in REPORTS[script]:
    arguments = [word.replace("@", str(tmp_path)).replace("=RUN", f"={tiny_run}") for word in words]
    result = run_command(module, *arguments, check=False)
    told = (result.stdout + result.stderr).replace(str(tmp_path), "@")
    print(f"\n{script}: {module} {' '.join(words[:2])}: exit {result.returncode}\n{told.rstrip()}")
    assert result.returncode in (codes if isinstance(codes, tuple) else (codes,)), told
    assert "Traceback" not in told and result.stderr.count("\n") <= 1
    assert max(map(len, told.splitlines() or [""])) <= 400
    assert re.search(said, told.replace("\n", " ")), told


def test_a_home_folder_is_one(tmp_path, monkeypatch):
  subprocess.run([sys.executable, CASES / "s04_tilde.py", tmp_path], check=True)
  monkeypatch.setenv("HOME", str(tmp_path / "home"))
  run_command("data.prepare", f"--manifest={tmp_path / 'dataset.json'}", "--output_dir=~/store")
  assert (tmp_path / "home" / "store" / "index.json").is_file() and not (ROOT / "~").exists()


def test_run_folders(tmp_path, tiny_run, tiny_raw):
  model = tmp_path / "model"
  run_command("deeplab_panns.export", f"--run_dir={tiny_run}", f"--output_dir={model}")
  subprocess.run([sys.executable, CASES / "t01_run_folder.py", tmp_path / "t01", tiny_run, model], check=True)
  scan = tiny_raw / "images" / "test_5.nii.gz"

  def labels(source, name):
    output_dir = (
      tmp_path / "out" / str(len(list((tmp_path / "out").iterdir())) if (tmp_path / "out").exists() else 0)
    )
    result = run_command(
      "deeplab_panns.predict", source, f"--input={scan}", f"--output_dir={output_dir}", check=False
    )
    print(f"\nt01 {name}: exit {result.returncode}\n{(result.stdout + result.stderr).rstrip()}")
    assert "Traceback" not in result.stderr and result.stderr.count("\n") <= 1
    written = output_dir / "test_5.nii.gz"
    return result, written.read_bytes() if written.exists() else None

  _, expected = labels(f"--run_dir={tiny_run}", "original")
  for name in ("fold[0]", "lr=1e-3,bs=4", "my run", "r*n", "moved"):
    result, found = labels(f"--run_dir={tmp_path / 't01' / name / 'run'}", name)
    assert result.returncode == 0 and found == expected, name
  for name in ("cut_data", "cut_index", "lfs"):
    result, found = labels(f"--run_dir={tmp_path / 't01' / name / 'run'}", name)
    assert result.returncode == 0 and "is damaged; the one before it" in result.stdout, name
  for name in ("empty_json", "cut_json"):
    result, found = labels(f"--run_dir={tmp_path / 't01' / name / 'run'}", name)
    assert result.returncode == 1 and found is None and ".json: " in result.stderr, name
  for name in ("no_variables", "lfs_variables", "cut_pb", "bad_asset"):
    result, found = labels(f"--model={tmp_path / 't01' / name / 'model'}", name)
    assert result.returncode == 1 and found is None, name


def test_a_training_in_a_folder_whose_name_is_a_pattern(tmp_path):
  """tensorflow#34290: the same command again does not begin anew; one full case cannot be held out."""
  subprocess.run([sys.executable, CASES / "t02_tiny_store.py", tmp_path], check=True)
  for manifest in ("dataset", "one_full", "one_slice"):
    run_command(
      "data.prepare",
      f"--manifest={tmp_path / manifest}.json",
      f"--output_dir={tmp_path / 'stores' / manifest}",
      "--folds=2",
    )

  flags = [*TINY_FLAGS, "--stage2_steps=0", "--supervision=full"]  # where a run lies is the same to all

  def train(store, name, *more):
    folder = tmp_path / name
    stored = f"--data_dir={tmp_path / 'stores' / store}"
    result = run_command("deeplab_panns.train", *flags, stored, f"--run_dir={folder}", *more, check=False)
    print(f"\nt02 {store} in {name}: exit {result.returncode}\n{(result.stdout + result.stderr).rstrip()}")
    assert "Traceback" not in result.stderr and result.stderr.count("\n") <= 1
    return result

  first, again = (train("dataset", "fold[0]", "--fold=0") for _ in range(2))
  assert first.returncode == again.returncode == 0
  assert (
    "finished at step 4" in first.stdout and "nothing to do" in again.stdout and "step 2" not in again.stdout
  )
  alone = train("one_full", "alone", "--fold=0")
  assert alone.returncode == 1 and "fold" in alone.stderr and not (tmp_path / "alone").exists()
  assert train("one_slice", "slice").returncode == 0
