"""The command that writes phantoms: its files, its manifest, its flags."""

import functools
import json
import subprocess
import sys

import nibabel
import numpy as np
import pytest

from data.dataset_json.manifest_file import read_manifest
from data.files.outputs import RECORD
from data.input_error import InputError
from data.organs import BTCV_ORGANS
from data.synthetic.cohort import Cohort, PartialCases, write_cohort
from data.synthetic.phantom_ct import draw_case

SMALL = Cohort(
  labeled_cases=1,
  partial_cases=3,
  test_cases=1,
  seed=5,
  organs=BTCV_ORGANS,
  partial=PartialCases(organs_per_case=4),
)
DRAW = functools.partial(draw_case, size=48)


def files(folder):
  """{name: bytes} of all files but the record of what was written."""
  paths = [path for path in folder.rglob("*") if path.is_file() and path.name != RECORD]
  return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def small_set(tmp_path_factory):
  folder = tmp_path_factory.mktemp("phantom")
  write_cohort(folder, SMALL, DRAW)
  return folder


def value_of(organ):
  return 1 + BTCV_ORGANS.index(organ)


def test_manifest_follows_the_rules(small_set):
  manifest = json.loads((small_set / "dataset.json").read_text())
  assert manifest["organs"] == list(BTCV_ORGANS)
  cases = {case["id"]: case for case in manifest["cases"]}
  assert list(cases) == ["labeled_000", "partial_000", "partial_001", "partial_002", "test_000"]
  for name, case in cases.items():
    assert (small_set / case["image"]).is_file() and (small_set / case["label"]).is_file()
    assert case["labels"] == {str(value): organ for value, organ in enumerate(BTCV_ORGANS, 1)}
    if name.startswith("partial"):
      assert len(case["annotated"]) == 4 and set(case["annotated"]) < set(BTCV_ORGANS) and "fold" not in case
    else:
      assert case["annotated"] == "all" and case["fold"] == (0 if name == "test_000" else 1)


def test_the_manifest_reader_takes_it(small_set):
  manifest = read_manifest(small_set / "dataset.json")
  assert len(manifest.cases) == 5


def test_label_maps_hold_the_annotated_organs_only(small_set):
  for case in json.loads((small_set / "dataset.json").read_text())["cases"]:
    annotated = BTCV_ORGANS if case["annotated"] == "all" else case["annotated"]
    stored = nibabel.load(small_set / case["label"])
    assert stored.get_data_dtype() == np.uint8
    assert set(np.unique(stored.dataobj)) == {0} | {value_of(organ) for organ in annotated}
    role, index = case["id"].split("_")
    image_hu, label, affine = DRAW(SMALL.seed, role, int(index))
    np.testing.assert_array_equal(
      np.asarray(stored.dataobj).T,
      np.where(np.isin(label, [value_of(organ) for organ in annotated]), label, 0),
    )
    image = nibabel.load(small_set / case["image"])
    assert image.get_data_dtype() == np.int16 and nibabel.aff2axcodes(image.affine) == ("R", "A", "S")
    np.testing.assert_array_equal(np.asarray(image.dataobj).T, image_hu)
    for file in (image, stored):
      np.testing.assert_allclose(file.affine, affine)
      np.testing.assert_allclose(file.header.get_qform(), affine, atol=1e-4)


def run(*arguments):
  return subprocess.run([sys.executable, "-m", "data.phantom", *arguments], capture_output=True, text=True)


@pytest.mark.slow
def test_command_writes_the_same_bytes_and_more_cases_leave_the_others(small_set, tmp_path):
  """Over an older set, in another process: still the bytes of the first run, and no unfinished file."""
  arguments = (f"--output_dir={tmp_path}", "--size=48", "--seed=5", "--organs_per_partial_case=4")
  more = run(*arguments, "--labeled_cases=2", "--partial_cases=4", "--test_cases=1")
  assert more.returncode == 0 and not more.stderr, more.stderr  # no progress bar outside a terminal
  expected, written = files(small_set), files(tmp_path)
  assert len(written) == 2 * 7 + 1 and set(expected) < set(written)
  assert all(written[name] == content for name, content in expected.items() if name != "dataset.json")
  annotated = {case["id"]: case["annotated"] for case in json.loads(written["dataset.json"])["cases"]}
  for case in json.loads(expected["dataset.json"])["cases"]:
    assert annotated[case["id"]] == case["annotated"]
  assert run(*arguments, "--labeled_cases=1", "--partial_cases=3", "--test_cases=1").returncode == 0
  assert files(tmp_path)["dataset.json"] == expected["dataset.json"]


def test_a_dataset_of_the_user_is_not_replaced_unless_asked(tmp_path):
  (tmp_path / "dataset.json").write_text("mine")
  cohort = Cohort(1, 0, 0, 0, BTCV_ORGANS)
  with pytest.raises(InputError, match=r"dataset\.json: exists, and was not written by this command"):
    write_cohort(tmp_path, cohort, DRAW)
  assert (tmp_path / "dataset.json").read_text() == "mine" and not (tmp_path / "images").exists()
  write_cohort(tmp_path, cohort, DRAW, overwrite=True)
  assert len(read_manifest(tmp_path / "dataset.json").cases) == 1


def test_an_interrupted_run_leaves_no_manifest(tmp_path):
  def interrupted(cases):
    yield cases[0]
    raise KeyboardInterrupt

  write_cohort(tmp_path, Cohort(1, 0, 0, 0, BTCV_ORGANS), DRAW)
  with pytest.raises(KeyboardInterrupt):
    write_cohort(tmp_path, Cohort(2, 0, 0, 1, BTCV_ORGANS), DRAW, progress=interrupted)
  assert not (tmp_path / "dataset.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
  "wrong, message",
  [
    (["--annotated=liver,splen"], "'splen'"),
    (["--size=20"], "[48, 512]"),
    (["--organs_per_partial_case=14"], "[0, 13]"),
    (["--labeled_cases=0", "--partial_cases=0"], "no cases"),
    (["--annotated_in_turn=liver,splen"], "'splen'"),
    (["--annotated_in_turn=liver", "--annotated=liver"], "one of them"),
    (["--partial_fields=full,lung_box"], "'lung_box'"),
  ],
)
def test_a_wrong_flag_ends_with_one_line_and_code_2(wrong, message, tmp_path):
  result = run(f"--output_dir={tmp_path / 'raw'}", *wrong)
  assert result.returncode == 2
  assert result.stderr.count("\n") == 1 and result.stderr.startswith("error: ") and message in result.stderr
  assert not (tmp_path / "raw").exists()


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_ends_with_one_line_and_code_1(tmp_path):
  (tmp_path / "raw").write_text("a file")
  result = run(f"--output_dir={tmp_path / 'raw'}", "--size=48")
  assert result.returncode == 1
  assert result.stderr.count("\n") == 1 and str(tmp_path / "raw") in result.stderr
