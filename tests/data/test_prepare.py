"""The command that prepares a store: its flags, its output and its failures."""

import dataclasses
import json

import numpy as np
import pytest
from absl import flags

from data import prepare
from data.stored.dropped_annotations import Drop
from tests.conftest import make_case, run_command, write_nifti, write_raw
from tests.data.layouts.test_nih_pancreas import write_case as write_nih


def test_the_two_flags_go_together():
  args = {"drop_case_fraction": 0.0, "drop_organs": 0, "drop_keep_fold": None, "seed": 0}
  make = dataclasses.make_dataclass("Args", args)
  assert prepare.dropping(make(**args)) is None
  assert prepare.dropping(make(0.2, 8, None, 5)) == Drop(0.2, 8, 5, None)
  for wrong in ({"drop_organs": 8}, {"drop_case_fraction": 0.2}, {"drop_keep_fold": 0}):
    with pytest.raises(flags.ValidationError):
      prepare.dropping(make(**{**args, **wrong}))


@pytest.mark.slow
def test_what_the_manifest_leaves_open_is_told(tmp_path):
  path = write_raw(tmp_path / "raw", full=1, partial=0, test=0)
  content = json.loads(path.read_text())
  path.write_text(json.dumps({**content, "modality": "CT"}))
  told = run_command("data.prepare", f"--manifest={path}", f"--output_dir={tmp_path / 'store'}").stdout
  assert told.startswith("note: ") and "modality" in told.splitlines()[0]


@pytest.mark.slow
def test_failures_end_with_one_line(tmp_path):
  path = write_raw(tmp_path / "raw")
  image, label = make_case(np.random.default_rng(9))
  write_nifti(tmp_path / "raw" / "labels" / "full_1.nii.gz", np.where(label == 2, 77, label).astype(np.uint8))
  write_nifti(tmp_path / "raw" / "images" / "partial_3.nii.gz", image[:-1])
  (tmp_path / "raw" / "images" / "full_2.nii.gz").write_bytes(b"no image")
  result = run_command(
    "data.prepare", f"--manifest={path}", f"--output_dir={tmp_path / 'store'}", check=False
  )
  assert result.returncode == 1 and result.stderr.count("\n") == 1 and "3 of 6 cases failed" in result.stderr
  assert "(full_1, full_2, partial_3)" in result.stderr and "run the same command again" in result.stderr
  failures = [line for line in result.stdout.splitlines() if line.startswith("failed: ")]
  for failure, says in zip(
    failures, ("full_1.nii.gz: holds label values {77", "full_2.nii.gz: ", "partial_3.nii.gz")
  ):
    assert says in failure
  assert len(failures) == 3
  assert not (tmp_path / "store" / "index.json").exists()
  assert (tmp_path / "store" / "cases" / "full_0" / "image.npy").exists()


@pytest.mark.slow
def test_dropped_annotations(tmp_path):
  path = write_raw(tmp_path / "raw", full=4, partial=1, test=1)
  arguments = [
    f"--manifest={path}",
    f"--output_dir={tmp_path / 'store'}",
    "--drop_case_fraction=0.5",
    "--drop_organs=2",
    "--seed=1",
    "--workers=1",
  ]
  assert "--drop_keep_fold" in run_command("data.prepare", *arguments, check=False).stderr
  assert (
    "6 cases (3 fully labelled, 3 partial)"
    in run_command("data.prepare", *arguments, "--drop_keep_fold=0").stdout
  )
  index = json.loads((tmp_path / "store" / "index.json").read_text())
  assert index["dropped_annotations"] == {"case_fraction": 0.5, "organs": 2, "seed": 1, "keep_fold": 0}
  partial = [case for case in index["cases"] if len(case["annotated"]) < 3]
  assert len(partial) == 3 and all(case["fold"] is None for case in partial)


@pytest.mark.slow
def test_a_public_data_set_by_its_name(tmp_path):
  """What was left out is told, and how label maps were placed."""
  write_nih(tmp_path / "raw", 1, 6, np.s_[:, ::-1])
  write_nih(tmp_path / "raw", 2, 7, np.s_[:, ::-1])
  write_nih(tmp_path / "raw", 25, 8, np.s_[:])
  layout = ["--layout=nih_pancreas", f"--raw_dir={tmp_path / 'raw'}", f"--output_dir={tmp_path / 'store'}"]
  told = run_command("data.prepare", *layout, "--max_cases=1", "--seed=1").stdout
  assert "note: left out: 1 cases (0025): withdrawn" in told and "1 cases (0 fully labelled" in told
  assert "mirrored along y: 1 (index.json, label_placed)" in told
  (entry,) = json.loads((tmp_path / "store" / "index.json").read_text())["cases"]
  assert entry["label_placed"]["mirrored"] == "y" and entry["annotated"] == ["pancreas"]


@pytest.mark.slow
@pytest.mark.parametrize(
  "arguments, says",
  [
    (["--layout=btcv", "--output_dir=x"], "--raw_dir: is missing"),
    (["--layout=btcv", "--raw_dir=x", "--manifest=x", "--output_dir=x"], "exactly one of them"),
    (["--output_dir=x"], "exactly one of them"),
    (["--manifest=x", "--max_cases=3", "--output_dir=x"], "--max_cases: is for --layout"),
    (["--layout=btcv", "--raw_dir=x"], "--output_dir: is missing"),
    (["--layout=brats", "--raw_dir=x", "--output_dir=x"], "btcv"),
  ],
)
def test_flags_that_do_not_go_together(arguments, says):
  result = run_command("data.prepare", *arguments, check=False)
  assert result.returncode == 2 and says in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.slow
def test_the_layouts_are_listed():
  told = run_command("data.prepare", "--list_layouts").stdout
  assert "nih_pancreas" in told and "label0001.nii.gz" in told


@pytest.mark.slow
def test_shards_and_what_is_shown_at_the_end(tmp_path):
  path = write_raw(tmp_path / "raw", full=3, partial=1, test=0)
  arguments = [f"--manifest={path}", f"--output_dir={tmp_path / 'store'}", "--workers=1"]
  first = run_command("data.prepare", *arguments, "--shard=2/2").stdout
  assert "shard 2/2: 2 cases are prepared; the store is complete once 1/2 are done too" in first
  told = run_command("data.prepare", *arguments, "--shard=1/2").stdout
  assert "4 cases (3 fully labelled, 1 partial)" in told
  (liver,) = [line for line in told.splitlines() if line.startswith("liver ")]
  assert liver.split() == [
    "liver",
    "4",
    "4",
    "2.304",
    "2.304",
    "to",
    "2.304",
    "4",
  ]  # 4 x 8 x 6 voxels of 12 mm³
  assert "warning: full_0: the liver has 2.304 mL, 300 to 6000 is possible" in told
  assert f"{tmp_path / 'store' / 'prepare_report.html'}: " in told
  wrong = run_command("data.prepare", *arguments, "--override_guards=sides", check=False)
  assert wrong.returncode == 1 and "'sides' is no guard" in wrong.stderr
