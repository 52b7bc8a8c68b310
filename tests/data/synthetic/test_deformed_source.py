"""The scan that patients are made from, and scans that do not do."""

import json

import numpy as np
import pytest

from data.files.file_hash import file_sha256
from data.input_error import InputError
from data.synthetic.deformed_source import read_source
from tests.conftest import TINY_ORGANS, make_case, write_raw


def test_a_fully_labelled_case_is_read(tiny_raw):
  source = read_source(tiny_raw / "dataset.json", "full_0")
  image, label = make_case(np.random.default_rng(0))
  np.testing.assert_array_equal(source.image_hu, image)
  np.testing.assert_array_equal(source.label, label)
  assert source.spacing_mm == (3.0, 2.0, 2.0) and source.organs == tuple(TINY_ORGANS)


def test_sources_that_do_not_do(tiny_raw):
  with pytest.raises(InputError, match="has no case 'x'; its cases are full_0, full_1, "):
    read_source(tiny_raw / "dataset.json", "x")
  with pytest.raises(InputError, match="'partial_3' does not annotate spleen, pancreas; choose"):
    read_source(tiny_raw / "dataset.json", "partial_3")


def test_an_organ_without_voxels_is_refused(tmp_path):
  path = write_raw(tmp_path, full=1, partial=1, test=0)
  content = json.loads(path.read_text())
  content["cases"][1]["annotated"] = "all"
  path.write_text(json.dumps(content))
  with pytest.raises(InputError, match=r"partial_1\.nii\.gz: has no voxel of spleen, pancreas; "):
    read_source(path, "partial_1")


def test_other_files_than_those_meant_are_refused(tiny_raw):
  image, label = (file_sha256(tiny_raw / kind / "full_0.nii.gz")[:8] for kind in ("images", "labels"))
  assert read_source(tiny_raw / "dataset.json", "full_0", (image, label)).organs
  with pytest.raises(
    InputError,
    match=rf"labels/full_0\.nii\.gz: is another file than --sha256={image},0000000z asks for "
    rf"\(its own begins {label}\)",
  ):
    read_source(tiny_raw / "dataset.json", "full_0", (image, "0000000z"))


def test_the_real_scan_is_the_one_of_the_study(real_ct):
  assert len(read_source(real_ct / "dataset.json", "ts_ct", ("dbd3ae6d", "1b517cc9")).organs) == 12
