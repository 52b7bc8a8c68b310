"""Sections with pictures, and what they say where there is nothing to show."""

import pytest

from deeplab_panns.report import picture_sections
from deeplab_panns.report.figures import learning_curves, overlays
from deeplab_panns.report.picture_sections import Pictures
from deeplab_panns.report.results import compared
from deeplab_panns.report.results.scored_runs import read_scored
from tests.deeplab_panns.report.conftest import FULL, scored_run


def build(name, results, folder):
  pictures = Pictures(folder)
  if name == "training":
    return picture_sections.training(learning_curves.read(results), pictures)
  if name == "shares":
    return picture_sections.shares(results, learning_curves.read(results), pictures)
  if name in ("overlays_of_slices", "worst"):
    return getattr(picture_sections, name)(results, overlays.read_slices(results), pictures)
  return getattr(picture_sections, name)(results, pictures)


REASONS = {
  "overlays_of_slices": "No slices.npz that all methods share; evaluate the runs again",
  "worst": "No slices of these cases (slices.npz); evaluate the runs again",
  "confusion": "A run has no confusion.csv of these organs; evaluate the runs again",
  "volumes": "A run has no volumes.csv, or no organ has a volume; evaluate the runs again",
  "training": "No run has TensorBoard events",
  "shares": "No run logged p̄",
  "prior_check": "No store with partially labelled cases",
}


@pytest.mark.parametrize("name", REASONS)
def test_without_its_data_a_section_says_why_it_is_empty(name, tmp_path):
  section = build(name, compared.build([scored_run("full", FULL)]), tmp_path)
  assert f'<p class="absent">{REASONS[name]}' in section.pieces[-1] and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
  "name, file",
  [("confusion", "confusion"), ("volumes", "volumes"), ("shares", "prior"), ("prior_check", "prior_check")],
)
def test_with_its_data_the_picture_is_on_the_page_and_in_the_folder(run_dirs, tmp_path, name, file):
  results = compared.build([read_scored(run_dir) for run_dir in run_dirs])
  text = " ".join(build(name, results, tmp_path).pieces)
  assert [path.name for path in tmp_path.iterdir()] == [f"{file}.png"]
  assert text.count("<img ") == 1 and 'class="absent"' not in text


def test_the_kept_picture_is_the_one_on_the_page(tmp_path):
  assert 'alt="boxes" src="data:image/png;base64,AAE="' in Pictures(tmp_path).keep("x", b"\0\1", "boxes")
  assert (tmp_path / "x.png").read_bytes() == b"\0\1"
