"""Runs as evaluate leaves them, on disk and without one."""

import dataclasses
import json
import logging
import pathlib

import numpy as np
import pytest

from data.stored.preprocess import window
from data.stored.store import StoredCase
from deeplab_panns.evidence import plot_style
from deeplab_panns.report import output
from deeplab_panns.report.results import compared
from deeplab_panns.report.results.scored_runs import ScoredRun, read_scored
from deeplab_panns.scores import compared_slices
from deeplab_panns.scores.metrics import OrganScore
from deeplab_panns.scores.result_files import write_results
from deeplab_panns.scores.scored_case import Reference, score_case
from tests.conftest import TINY_ORGANS, make_case

TWO_ORGANS = ("liver", "spleen")


def scored_run(mode, dice, seed=0, split="test"):
  """A run of two organs as it was scored, with nothing on disk; dice: [cases, organs]."""
  dice = np.asarray(dice, float)
  rows = tuple(
    (f"c{case}", OrganScore(organ, value, 1.5, 3, 2, 0))
    for case, row in enumerate(dice)
    for organ, value in zip(TWO_ORGANS, row)
  )
  folder = pathlib.Path(f"{mode}{seed}")
  excluded = int(np.isnan(dice).sum())
  summary = {
    "split": split,
    "grid": "store",
    "excluded": excluded,
    "missed": int((dice == 0).sum()),
    "mean_dice": float(np.nanmean(dice)),
    "label_organs": TWO_ORGANS,
  }
  return ScoredRun(folder, folder, {"supervision": mode, "seed": seed, "fold": 0}, {}, summary, rows)


def after_unscored(organ, run):
  """The run with a further organ of label value 1 that no case annotates: the values of the others rise."""
  return dataclasses.replace(run, summary={**run.summary, "label_organs": (organ, *TWO_ORGANS)})


FULL = np.array([[0.8, 0.6], [0.7, 0.5], [0.9, 0.4], [0.6, 0.7], [0.8, 0.5], [0.7, 0.6], [0.75, 0.65]])
PANNS = FULL + np.array(
  [[0.01, 0.05], [0.02, 0.06], [0.03, 0.02], [-0.01, 0.08], [0.02, 0.01], [0.04, 0.07], [0.05, 0.03]]
)

ORGANS = tuple(TINY_ORGANS)


@pytest.fixture
def figure_for_png(monkeypatch):
  """The figures are given back as they are, not as the bytes of a file."""
  monkeypatch.setattr(plot_style, "png", lambda figure: figure)


def write_run(folder, mode, seed, cases=6):
  """What train and evaluate leave of a run whose predictions are the references, shifted the further the
  worse the mode."""
  folder.mkdir(parents=True)
  settings = {"supervision": mode, "backbone": "resnet_small", "seed": seed, "fold": 0, "stage1_steps": 10}
  (folder / "experiment.json").write_text(json.dumps(settings))
  scored = [
    scored_phantom(f"case_{number}", number, {"full": 3, "panns": 1}[mode] + (number + seed) % 2)
    for number in range(cases)
  ]
  write_results(
    scored, ORGANS, folder, {"split": "test", "grid": "store", "step": 20, "checkpoint": "last", "fold": 0}
  )
  write_events(folder / "events", mode)
  (folder / "data.json").write_text(json.dumps({"data_dir": str(folder.parent / "store")}))
  return folder


def scored_phantom(case_id, number, shift):
  hu, label = make_case(np.random.default_rng(number))
  image = np.asarray(window(hu.astype(np.float32))).astype(np.uint8)
  predicted = np.roll(label, shift, axis=2)
  predicted[predicted == 3] = 0 if number == 0 else 3  # one missed organ
  reference = Reference(label, ORGANS, ORGANS, (3.0, 2.0, 2.0), f"{number:064d}")
  case = StoredCase(None, case_id, ORGANS, 0, (3.0, 2.0, 2.0), np.eye(4), label.shape, {}, {})
  scored = score_case(case_id, reference, predicted)
  slices = compared_slices.cut(case, image, label, predicted, ORGANS, scored.scores)
  return type(scored)(**{**vars(scored), "slices": tuple(slices)})


def write_events(folder, mode):
  import tensorflow as tf

  with tf.summary.create_file_writer(str(folder)).as_default():
    for step in range(5, 21, 5):
      tf.summary.scalar("loss/labeled", 1 / step, step)
      if mode == "panns" and step > 10:
        for name, share in zip(("background", *ORGANS), (0.9, 0.05, 0.03, 0.02)):
          tf.summary.scalar(f"prior/p_bar/{name}", share * (1 + 1 / step), step)
          tf.summary.scalar(f"prior/q/{name}", share, step)
        tf.summary.scalar("prior/kl", 1 / step, step)
    tf.summary.image("overlay", np.zeros((1, 4, 4, 3), np.uint8), 20)


def write_store(folder):
  """An index of six labelled and six partial cases: in these the liver takes three times its share."""

  def entry(case_id, annotated, fold, liver):
    counts = dict.fromkeys(("background", *ORGANS), 1000) | {"liver": liver}
    return {
      "id": case_id,
      "annotated": list(annotated),
      "fold": fold,
      "spacing_mm": [3.0, 2.0, 2.0],
      "affine": np.eye(4).tolist(),
      "shape": [10, 10, 40],
      "voxels": counts,
      "sha256": {"image": "0" * 64, "label": "0" * 64},
      "source_spacing_mm": [3.0, 2.0, 2.0],
    }

  cases = [entry(f"full_{number}", ORGANS, number % 2, 300 + number) for number in range(12)]
  cases += [entry(f"partial_{number}", ("liver",), None, 1200 + number) for number in range(6)]
  for case in cases:
    (folder / "cases" / case["id"]).mkdir(parents=True)
    for name in ("image", "label"):
      (folder / "cases" / case["id"] / f"{name}.npy").touch()  # nobody reads them
  (folder / "index.json").write_text(
    json.dumps(
      {"format": 1, "organs": ORGANS, "window_hu": [-125, 275], "spacing_mm": [None] * 3, "cases": cases}
    )
  )


@pytest.fixture(scope="session")
def run_dirs(tmp_path_factory):
  """Two methods with two seeds, and the store that they were trained on."""
  folder = tmp_path_factory.mktemp("evaluated")
  write_store(folder / "store")
  return [write_run(folder / f"{mode}{seed}", mode, seed) for mode in ("full", "panns") for seed in (0, 1)]


@pytest.fixture(scope="session")
def written(run_dirs, tmp_path_factory):
  """The folder of the report on them."""
  logging.getLogger("tensorflow").setLevel(logging.ERROR)
  folder = tmp_path_factory.mktemp("report")
  found = compared.build([read_scored(run_dir) for run_dir in run_dirs])
  output.write_tables(found, folder)
  output.write_page(found, folder)
  return folder
