"""The README's Python runs as it stands there."""

import re

import nibabel
import numpy as np
import pytest

from tests.conftest import ROOT, make_case, write_raw


def blocks(heading):
  """The Python blocks of a chapter."""
  text = (ROOT / "README.md").read_text(encoding="utf-8")
  chapter = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
  return re.findall(r"```python\n(.*?)```", chapter, re.DOTALL)


def test_each_step_takes_six_lines_at_most():
  steps = blocks("Use it from Python")
  assert len(steps) == 3
  assert all(len([line for line in step.splitlines() if line]) <= 6 for step in steps)


@pytest.mark.slow
def test_prepare_train_and_predict(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  write_raw(tmp_path / "DATA")
  image, _ = make_case(np.random.default_rng(0))
  names = {"volume_hu": image.astype(np.float32), "spacing_mm": (3.0, 2.0, 2.0)}
  for step in blocks("Use it from Python"):
    # the README's run takes minutes, this one seconds
    exec(re.sub(r'(_steps": )\d+', r"\g<1>2", step).replace("65", "33"), names)
  assert names["labels"].shape == image.shape and names["labels"].dtype == np.uint8
  assert names["labels"].max() <= 3


def test_the_snippet_brings_a_nifti_of_any_orientation_to_the_canonical_one(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  lines = blocks("The SavedModel")[0].splitlines()
  reading = "\n".join(line for line in lines if line.startswith(("image", "hu", "spacing")))
  volume = np.zeros((6, 7, 8), np.int16)  # x to the left, y to the back, z to the head
  volume[0, 6, 7] = 40  # right, back, head
  nibabel.save(nibabel.Nifti1Image(volume, np.diag([-2.0, -3.0, 4.0, 1.0])), "scan.nii.gz")
  names = {"nibabel": nibabel, "np": np}
  exec(reading, names)
  assert names["hu"].shape == (8, 7, 6) and names["spacing"].tolist() == [4, 3, 2]
  assert np.argwhere(names["hu"] == 40).tolist() == [[7, 6, 0]]
