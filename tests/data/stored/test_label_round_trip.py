"""What a spacing leaves of labels, by cases that can be worked out by hand."""

import nibabel
import numpy as np
import pytest

from data.dataset_json.manifest_file import read_manifest
from data.input_error import InputError
from data.reading.value_names import annotated_beside
from data.stored.label_round_trip import chosen_cases, round_trip, write_round_trip
from tests.conftest import TINY_ORGANS, write_raw


def test_the_same_spacing_keeps_all():
  label = np.random.default_rng(0).integers(0, 4, (5, 6, 7)).astype(np.uint8)
  np.testing.assert_array_equal(round_trip(label, (2, 1, 1), (2, 1, 1)), label)


@pytest.mark.parametrize("size", [(16, 16, 16), (15, 17, 10)])
def test_a_large_box_keeps_its_inside_and_a_speck_the_one_voxel_that_prepare_leaves_it(size):
  label = np.zeros(size, np.uint8)
  label[2:-2, 2:-2, 2:-2] = 1
  label[0, 0, 0] = 2
  back = round_trip(label, (1.0, 1.0, 1.0), (2.0, 2.0, 2.0))
  assert back.shape == size and 1 <= np.count_nonzero(back == 2) <= 8
  assert (back[4:-4, 4:-4, 4:-4] == 1).all() and not (back[0] == 1).any()


def test_cases_that_are_not_there(tmp_path):
  manifest = read_manifest(write_raw(tmp_path))
  assert [case.id for case in chosen_cases(manifest, ["partial_3"])] == ["partial_3"]
  with pytest.raises(InputError, match="no case nobody"):
    chosen_cases(manifest, ["nobody"])


def test_both_are_written_on_the_cases_grid(tiny_raw, tmp_path):
  written = write_round_trip(tiny_raw / "dataset.json", tmp_path, (4.0, 4.0, 4.0))
  assert written.cases == ("full_0", "full_1", "full_2", "test_5") and written.organs == tuple(TINY_ORGANS)
  source = nibabel.load(tiny_raw / "labels" / "full_0.nii.gz")
  for folder, same in ((written.references, True), (written.results, False)):
    label = nibabel.load(folder / "full_0.nii.gz")
    np.testing.assert_allclose(label.affine, source.affine)
    assert np.array_equal(np.asarray(label.dataobj), np.asarray(source.dataobj)) == same


def test_what_partial_cases_annotate_stands_beside_the_references(tiny_raw, tmp_path):
  write_round_trip(tiny_raw / "dataset.json", tmp_path, (3, 2, 2), ["full_0", "partial_3"])
  assert annotated_beside(tmp_path / "references") == {"partial_3": ("liver",)}
  assert annotated_beside(tmp_path / "round_trip") == {}
  write_round_trip(tiny_raw / "dataset.json", tmp_path, (3, 2, 2), ["partial_4"])
  assert annotated_beside(tmp_path / "references") == {"partial_3": ("liver",), "partial_4": ("liver",)}
  (tmp_path / "references" / "annotated.json").write_text('{"partial_3": "liver"}')
  with pytest.raises(InputError, match=r"annotated\.json: holds other than"):
    annotated_beside(tmp_path / "references")


def test_a_spacing_too_fine_is_refused_before_any_memory_is_taken(tiny_raw, tmp_path):
  with pytest.raises(InputError, match="above --max_voxels=1,000,000,000"):
    write_round_trip(tiny_raw / "dataset.json", tmp_path, (0.001, 0.001, 0.001))
