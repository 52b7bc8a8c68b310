"""What a spacing leaves of labels: the command, and cases that can be worked out by hand."""

import nibabel
import numpy as np
import pytest

from data.input_error import InputError
from data.manifest import read_manifest
from data.round_trip import chosen_cases, round_trip
from tests.conftest import TINY_ORGANS, run_command, write_raw


def test_the_same_spacing_keeps_all():
  label = np.random.default_rng(0).integers(0, 4, (5, 6, 7)).astype(np.uint8)
  np.testing.assert_array_equal(round_trip(label, (2, 1, 1), (2, 1, 1)), label)


@pytest.mark.parametrize("size", [(16, 16, 16), (15, 17, 10)])
def test_a_large_box_keeps_its_inside_and_a_speck_is_lost(size):
  label = np.zeros(size, np.uint8)
  label[2:-2, 2:-2, 2:-2] = 1
  label[0, 0, 0] = 2
  back = round_trip(label, (1.0, 1.0, 1.0), (2.0, 2.0, 2.0))
  assert back.shape == size and 2 not in back
  assert (back[4:-4, 4:-4, 4:-4] == 1).all() and (back[0] == 0).all()


def test_the_command_writes_both_on_the_cases_grid(tiny_raw, tmp_path):
  result = run_command(
    "data.round_trip", f"--manifest={tiny_raw / 'dataset.json'}", "--spacing_mm=4", f"--output_dir={tmp_path}"
  )
  assert "4 label maps" in result.stdout and "--references=" in result.stdout
  source = nibabel.load(tiny_raw / "labels" / "full_0.nii.gz")
  for name, same in (("references", True), ("round_trip", False)):
    written = nibabel.load(tmp_path / name / "full_0.nii.gz")
    np.testing.assert_allclose(written.affine, source.affine)
    assert np.array_equal(np.asarray(written.dataobj), np.asarray(source.dataobj)) == same
  scores = run_command(
    "deeplab_panns.evaluate",
    f"--predictions={tmp_path / 'round_trip'}",
    f"--references={tmp_path / 'references'}",
    f"--output_dir={tmp_path}",
    f"--organs={','.join(TINY_ORGANS)}",
  )
  dice = float(scores.stdout.split("mean Dice ")[1].split()[0])
  assert 0.4 < dice < 1


def test_cases_that_are_not_there(tmp_path):
  manifest = read_manifest(write_raw(tmp_path))
  assert [case.id for case in chosen_cases(manifest, ["partial_3"])] == ["partial_3"]
  with pytest.raises(InputError, match="no case nobody"):
    chosen_cases(manifest, ["nobody"])


def test_a_spacing_too_fine_is_refused_before_any_memory_is_taken(tiny_raw, tmp_path):
  result = run_command(
    "data.round_trip",
    f"--manifest={tiny_raw / 'dataset.json'}",
    "--spacing_mm=0.001",
    f"--output_dir={tmp_path}",
    check=False,
  )
  assert (
    result.returncode == 1
    and "above --max_voxels=1,000,000,000" in result.stderr
    and "Traceback" not in result.stderr
  )
