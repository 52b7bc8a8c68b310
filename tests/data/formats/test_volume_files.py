"""Voxels that lie beside their header are a part of the volume."""

import json

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from data.formats.volume_files import volume_files
from data.stored.preparation import prepare_store
from data.stored.store import read_store
from tests.conftest import TINY_ORGANS, make_case

IMAGE = np.zeros((3, 4, 5), np.int16)


@pytest.mark.parametrize(
  "name, beside",
  [("a.mhd", "a.raw"), ("a.nhdr", "a.raw"), ("a.mha", None), ("a.nrrd", None), ("a.nii.gz", None)],
)
def test_what_itk_writes(tmp_path, name, beside):
  image = sitk.GetImageFromArray(IMAGE)
  image.SetSpacing((0.7, 0.7, 3.0))
  sitk.WriteImage(image, str(tmp_path / name))
  expected = [name] if beside is None else [name, beside]
  assert [file.name for file in volume_files(tmp_path / name)] == expected
  (tmp_path / expected[-1]).unlink()
  assert volume_files(tmp_path / name) == (tmp_path / name,)  # reading it tells what is missing


def test_nifti_and_analyze_pairs_and_folders(tmp_path):
  nibabel.save(nibabel.Nifti1Pair(IMAGE, np.diag([2.0, 2, 3, 1])), tmp_path / "b.hdr")
  assert [file.name for file in volume_files(tmp_path / "b.hdr")] == ["b.hdr", "b.img"]
  assert volume_files(tmp_path) == (tmp_path,)


def test_changed_voxels_are_prepared_again_and_equal_headers_are_two_scans(tmp_path):
  for number in range(2):
    hu, label = make_case(np.random.default_rng(number))
    for name, array in (("ct", hu), ("seg", label)):
      image = sitk.GetImageFromArray(array)
      image.SetSpacing((2.0, 2.0, 3.0))
      image.SetOrigin((-40.0, -36.0, 0.0))
      (tmp_path / f"p{number}").mkdir(exist_ok=True)
      sitk.WriteImage(image, str(tmp_path / f"p{number}" / f"{name}.mhd"))
  cases = [
    {"id": f"p{number}", "image": f"p{number}/ct.mhd", "label": f"p{number}/seg.mhd", "annotated": "all"}
    for number in range(2)
  ]
  values = {str(value): organ for value, organ in enumerate(TINY_ORGANS, 1)}
  manifest = tmp_path / "dataset.json"
  manifest.write_text(json.dumps({"organs": TINY_ORGANS, "labels": values, "cases": cases}))
  prepare_store(manifest, tmp_path / "store")
  before = read_store(tmp_path / "store")
  assert len(before.cases) == 2  # and not the same scan twice
  raw = tmp_path / "p0" / "seg.raw"
  raw.write_bytes(raw.read_bytes().replace(b"\x01", b"\x00"))  # the liver is gone
  prepare_store(manifest, tmp_path / "store")
  after = read_store(tmp_path / "store")
  assert before.cases[0].voxels["liver"] > 0 == after.cases[0].voxels["liver"]
