"""The README's Python runs as it stands there, and its numbers are those of the study."""

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


# Rows of the README's tables of gains, by words of their first column: the part and cell of each column.
GAINS = {
  "2-D": {
    "best.flags": (
      "place placed-logits",
      "place placed-logits-upper",
      "place placed-logits-box",
      "onebox placed-logits-one-box",
    ),
    "aligned.flags": ("place best", None, "rivals best-box"),
    "aligned_to=teacher": ("place self", "place self-upper", "place self-box"),
    "DARS": ("rivals dars", None, "rivals dars-box"),
    "marginal loss": (
      "place marginal",
      "place marginal-upper",
      "place marginal-box",
      "onebox marginal-one-box",
    ),
    "PaNN, dual": ("place panns", None, None, "onebox panns-one-box"),
    "co-trained": ("rivals co-trained", None, "rivals co-trained-box"),
    "exclusion": ("rivals marginal-exclusion", None, "rivals marginal-exclusion-box"),
    "labelled cases alone": ("place full",) * 4,
    "COSST": ("rivals cosst", None, "rivals cosst-box"),
    "LTUDA": ("rivals ltuda", None, "rivals ltuda-box"),
    "all cases labelled": ("place oracle",),
  },
  "3-D": {
    "best3d.flags": (
      "place3d placed-logits",
      "fields3d placed-logits-upper",
      "box3d placed-logits-box",
      "fields3d placed-logits-one-box",
    ),
    "marginal loss": (
      "place3d marginal",
      "fields3d marginal-upper",
      "box3d marginal-box",
      "fields3d marginal-one-box",
    ),
    "PaNN, dual": ("place3d panns",),
    "labelled cases alone": ("place3d full",) * 4,
    "all cases labelled": ("place3d oracle",),
  },
}


def rows_of(text):
  """The cells of a Markdown table's rows, without emphasis."""
  lines = [line for line in text.splitlines() if line.startswith("|")]
  return [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in lines]


DOSES = {"semi": "semi", "naive": "partial", "PaNN": "panns", "PaNN, averaged": "best"}


def test_the_gains_of_each_dose_are_those_of_the_study():
  text = (ROOT / "README.md").read_text(encoding="utf-8").replace("**", "")
  head, _, *found = rows_of(text[text.index("| labelled patients (seeds) |") :].partition("\n\n")[0])
  table = (ROOT / "experiments/study/results/dose/table.md").read_text(encoding="utf-8")
  assert len(found) == len(DOSES)
  for (words, cell), row in zip(DOSES.items(), found):
    assert row[0].startswith(words)
    for dose, gain in zip(head[1:], row[1:]):
      count, seeds = dose.rstrip(")").split(" (")
      end = "" if count == "3" else f"-{count}"
      difference = f"{cell}-third{end} − full{end}"
      assert re.search(rf"\| +{difference} {re.escape(gain)} \|.* \d of {seeds} \|", table), (words, dose)


@pytest.mark.parametrize("network", GAINS)
def test_the_gains_are_those_of_the_study(network):
  text = (ROOT / "README.md").read_text(encoding="utf-8").replace("**", "")
  head, _, *found = rows_of(text[text.index(f"| {network} |") :].partition("\n\n")[0])
  assert len(found) == len(GAINS[network]) and len(head) == 5
  for (words, cells), row in zip(GAINS[network].items(), found):
    assert words in row[0]
    for cell, number in zip((*cells, None, None, None, None), row[1:]):
      if cell is None:
        assert not re.search(r"\d", number), (row[0], number)
        continue
      part, name = cell.split()
      table = (ROOT / f"experiments/study/results/{part}/table.md").read_text(encoding="utf-8")
      score, seeds = next(line[1:3] for line in rows_of(table) if line[0] == name)
      assert number in (score, score.partition(" ±")[0])
      assert seeds == "6"
