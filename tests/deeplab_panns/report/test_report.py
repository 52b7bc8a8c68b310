"""The report of small runs: its page is whole, needs nothing else, and says why a section is empty."""

import base64
import dataclasses
import html.parser
import io
import json
import logging
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from data.input_error import InputError
from data.stored.preprocess import window
from data.stored.store import StoredCase
from deeplab_panns.evidence import plot_style
from deeplab_panns.report import output
from deeplab_panns.report.figures import confusion_matrix, overlays, worst_cases
from deeplab_panns.report.results import checked_stores, events
from deeplab_panns.report.results import compared as results
from deeplab_panns.report.results.scored_runs import case_key, read_all, read_scored
from deeplab_panns.scores import compared_slices
from deeplab_panns.scores.result_files import write_results
from deeplab_panns.scores.scored_case import Reference, score_case
from tests.conftest import ROOT, TINY_ORGANS, make_case, run_command

ORGANS = tuple(TINY_ORGANS)
SECTIONS = {
  "methods",
  "organs",
  "overlays",
  "worst",
  "confusion",
  "volumes",
  "training",
  "prior",
  "prior_check",
  "seeds",
  "runs",
}
VOID = {"img", "meta", "br"}


class Page(html.parser.HTMLParser):
  """Collects what a page holds, and that its tags close."""

  def __init__(self, text):
    super().__init__()
    self.anchors, self.links, self.images, self.tags, self.open, self.text = set(), [], [], set(), [], []
    self.feed(text)

  def handle_starttag(self, tag, attrs):
    attributes = dict(attrs)
    self.tags.add(tag)
    self.anchors.add(attributes.get("id"))
    self.links += [value for name, value in attrs if name in ("href", "src", "action", "data", "poster")]
    if tag == "img":
      self.images.append(attributes)
    if tag not in VOID:
      self.open.append(tag)

  def handle_endtag(self, tag):
    assert self.open.pop() == tag

  def handle_data(self, data):
    self.text.append(data)


def write_run(folder, mode, seed, cases=6):
  """What train and evaluate leave of a run whose predictions are the references, shifted the further the
  worse the mode."""
  folder.mkdir(parents=True)
  settings = {"supervision": mode, "backbone": "resnet_small", "seed": seed, "fold": 0, "stage1_steps": 10}
  (folder / "experiment.json").write_text(json.dumps(settings))
  scored = [
    score(f"case_{number}", number, {"full": 3, "panns": 1}[mode] + (number + seed) % 2)
    for number in range(cases)
  ]
  write_results(
    scored, ORGANS, folder, {"split": "test", "grid": "store", "step": 20, "checkpoint": "last", "fold": 0}
  )
  write_events(folder / "events", mode)
  (folder / "data.json").write_text(json.dumps({"data_dir": str(folder.parent / "store")}))
  return folder


def score(case_id, number, shift):
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
      "sha256": {},
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


@pytest.fixture(scope="module")
def run_dirs(tmp_path_factory):
  folder = tmp_path_factory.mktemp("evaluated")
  write_store(folder / "store")
  return [write_run(folder / f"{mode}{seed}", mode, seed) for mode in ("full", "panns") for seed in (0, 1)]


@pytest.fixture(scope="module")
def written(run_dirs, tmp_path_factory):
  """(folder, its page parsed) of the report on two methods with two seeds."""
  logging.getLogger("tensorflow").setLevel(logging.ERROR)
  folder = tmp_path_factory.mktemp("report")
  found = results.build([read_scored(run_dir) for run_dir in run_dirs])
  output.write_tables(found, folder)
  output.write_page(found, folder)
  return folder, Page((folder / "report.html").read_text())


def test_the_page_is_self_contained(written):
  _, page = written
  assert not page.open
  assert not page.tags & {"script", "link", "iframe", "object"}
  for link in page.links:
    assert link.startswith(("#", "data:image/png;base64,")), link
  assert {link[1:] for link in page.links if link.startswith("#")} == SECTIONS <= page.anchors
  assert "http" not in "".join(page.text)


def test_every_picture_decodes_and_lies_beside_the_page(written):
  folder, page = written
  assert len(page.images) == 8 and all(image["alt"] for image in page.images)
  files = {file.read_bytes() for file in folder.glob("*.png")}
  for image in page.images:
    content = base64.b64decode(image["src"].partition(",")[2])
    assert content in files
    picture = np.asarray(Image.open(io.BytesIO(content)).convert("L"))
    assert min(picture.shape) > 150 and picture.std() > 5  # not blank


def test_the_page_says_what_it_is_about(written):
  text = " ".join(" ".join(written[1].text).split())
  for words in (
    "6 cases of the test split, on the store's grid",
    "2 seeds per method",
    "excluded",
    "Holm",
    "p = .031",
    "panns: +",
    "case_0",
    "pancreas",
    "Does not hold in 'liver' (6 cases)",
  ):
    assert words in text, words
  assert 'class="absent"' not in written[0].joinpath("report.html").read_text().partition("</style>")[2]


def test_label_values_keep_their_organs_where_some_are_not_annotated(run_dirs, tmp_path, monkeypatch):
  """The first organ is annotated nowhere, and the first case annotates the last alone: names follow the label
  values all the same."""
  folder = tmp_path / "full"
  folder.mkdir()
  hu, label = make_case(np.random.default_rng(0))
  image = np.asarray(window(hu.astype(np.float32))).astype(np.uint8)
  predicted = np.where(label == 3, 1, label)  # the third organ is taken for the first
  scored = []
  for number, annotated in enumerate((ORGANS[2:], ORGANS[1:])):
    reference = Reference(
      np.where(label == 1, 0, label), ORGANS, annotated, (3.0, 2.0, 2.0), f"{number:064d}"
    )
    case = StoredCase(None, f"case_{number}", annotated, 0, (3.0, 2.0, 2.0), np.eye(4), label.shape, {}, {})
    one = score_case(case.id, reference, predicted)
    slices = compared_slices.cut(case, image, reference.labels, predicted, ORGANS, one.scores)
    scored.append(dataclasses.replace(one, slices=tuple(slices)))
  write_results(scored, ORGANS, folder, {"split": "all", "grid": "store"})
  found = results.build([read_scored(folder)])
  assert found.label_organs == ORGANS and found.organs == ORGANS[1:]
  shares = confusion_matrix.read(found)["full"]
  np.testing.assert_allclose(shares[3], [0, 1, 0, 0])
  assert confusion_matrix.table(found, {"full": shares})[1][1] == f"{ORGANS[2]} → {ORGANS[0]} 100 %"
  monkeypatch.setattr(plot_style, "png", lambda drawn: drawn)
  slices = overlays.read_slices(found)
  for drawn in (overlays.draw(found, slices), worst_cases.draw(found, worst_cases.pictured(found, slices))):
    named = {text.get_text() for text in drawn.legends[0].get_texts()} - {"white: reference"}
    assert named == set(ORGANS)
  (zoomed,) = {
    axes.get_ylabel() for axes in overlays.draw(found, slices).axes if axes.get_ylabel().startswith("zoom")
  }
  assert zoomed.partition("\n")[2] in ORGANS[1:]  # the reference shows the second and the third


@pytest.mark.parametrize(
  "supervision, organs, name",
  [
    ("panns", ["liver"], "store, partial sets of liver"),
    ("panns", ["spleen"], None),
    ("full", ["spleen"], "store"),
  ],
)
def test_the_prior_is_checked_on_the_sets_that_were_used(run_dirs, tmp_path, supervision, organs, name):
  folder = tmp_path / "run"
  shutil.copytree(run_dirs[2], folder)
  settings = json.loads((folder / "experiment.json").read_text())
  (folder / "experiment.json").write_text(
    json.dumps({**settings, "supervision": supervision, "partial_organs": organs})
  )
  found = checked_stores.read(results.build([read_scored(folder)]))
  assert [one.name for one in found] == (
    [name] if name else []
  )  # no case of the store annotates the spleen alone


def test_tables_as_files(written):
  folder, _ = written
  lines = (folder / "table.csv").read_text().splitlines()
  assert lines[0] == "organ,full,panns" and lines[-1].startswith("mean,") and len(lines) == 5
  assert float(lines[1].split(",")[2]) > float(lines[1].split(",")[1])
  for name in ("table", "methods", "gains"):
    assert (folder / f"{name}.tex").read_text().count(r"\\") > 2
    assert (folder / f"{name}.md").read_text().startswith("| ")
  assert (folder / "statistics.csv").read_text().count("\n") == 1 + 2 * 4


def test_a_run_without_the_rest_says_what_is_left_out(run_dirs, tmp_path):
  for run_dir in run_dirs[::2]:
    copy = tmp_path / run_dir.name
    copy.mkdir()
    for name in ("metrics.csv", "metrics.json", "experiment.json"):
      shutil.copy(run_dir / name, copy)
  found = results.build([read_scored(folder) for folder in sorted(tmp_path.iterdir())])
  output.write_page(found, tmp_path)
  page = Page((tmp_path / "report.html").read_text())
  assert page.anchors >= SECTIONS and len(page.images) == 1
  text = " ".join(page.text)
  for words in (
    "No slices.npz",
    "no confusion.csv",
    "no volumes.csv",
    "No run has TensorBoard events",
    "No run logged p̄",
    "One seed per method",
  ):
    assert words in text, words


def test_one_run_alone_has_a_report(run_dirs, tmp_path):
  found = results.build([read_scored(run_dirs[0])])
  text = output.write_tables(found, tmp_path)
  output.write_page(found, tmp_path)
  assert "| full" in text and not (tmp_path / "gains.md").exists()


def test_a_patient_is_told_by_its_reference_not_by_its_id(run_dirs):
  run = read_scored(run_dirs[0])
  assert run.cases[0] == "case_0@00000000" == case_key("case_0", run.summary)


def test_an_evaluation_elsewhere_is_still_of_its_run(run_dirs, tmp_path):
  summary = json.loads((run_dirs[0] / "metrics.json").read_text())
  shutil.copy(run_dirs[0] / "metrics.csv", tmp_path)
  (tmp_path / "metrics.json").write_text(json.dumps({**summary, "run_dirs": [str(run_dirs[0])]}))
  assert (
    read_scored(tmp_path).settings["supervision"] == "full" and read_scored(tmp_path).run_dir == run_dirs[0]
  )
  (tmp_path / "metrics.json").write_text(
    json.dumps({**summary, "run_dirs": [str(run_dir) for run_dir in run_dirs[:2]]})
  )
  assert read_scored(tmp_path).settings == {}  # an ensemble has the settings of no single run


def test_a_cross_validation_counts_as_its_folds(run_dirs, tmp_path):
  summary = json.loads((run_dirs[0] / "metrics.json").read_text())
  shutil.copy(run_dirs[0] / "metrics.csv", tmp_path)
  folds = {"over_folds": {}, "run_dirs": list(map(str, run_dirs[:2]))}
  (tmp_path / "metrics.json").write_text(json.dumps({**summary, **folds}))
  runs, names = read_all([tmp_path, run_dirs[2]], ["ours", "theirs"])
  assert [run.folder for run in runs] == run_dirs[:3] and names == ["ours", "ours", "theirs"]
  assert read_all(run_dirs)[1] is None
  with pytest.raises(InputError, match="names 1 runs, --run_dirs has 4"):
    read_all(run_dirs, ["ours"])


@pytest.mark.parametrize(
  "name, text, says",
  [
    ("metrics.json", "{", "JSON"),
    ("metrics.json", "[]", "holds a list"),
    ("metrics.csv", "case,organ\n", "columns"),
  ],
)
def test_damaged_scores_are_one_line_for_the_user(run_dirs, tmp_path, name, text, says):
  for source in ("metrics.csv", "metrics.json"):
    shutil.copy(run_dirs[0] / source, tmp_path)
  (tmp_path / name).write_text(text)
  with pytest.raises(InputError, match=says):
    read_scored(tmp_path)


def test_events_of_an_interrupted_run(tmp_path):
  """The later file counts where both tell of a step, and a file that breaks off gives what it has."""
  logging.getLogger("tensorflow").setLevel(logging.ERROR)
  for number, steps in enumerate((range(1, 5), range(3, 7))):
    writer = tf.summary.create_file_writer(str(tmp_path), filename_suffix=f".{number}")
    with writer.as_default():
      for step in steps:
        tf.summary.scalar("loss", float(step + 10 * number), step)
    writer.close()
  first, second = sorted(tmp_path.iterdir(), key=lambda file: file.name[-1])
  assert first < second or pytest.skip("both files were written within a second in another order")
  assert events.read_scalars(tmp_path) == {"loss": ((1, 2, 3, 4, 5, 6), (1, 2, 13, 14, 15, 16))}
  second.write_bytes(second.read_bytes()[:-10])
  assert events.read_scalars(tmp_path)["loss"][0] == (1, 2, 3, 4, 5)
  assert events.read_scalars(tmp_path / "gone") == {}


@pytest.mark.slow
def test_the_command_prints_the_table_and_refuses_a_wrong_baseline(run_dirs, tmp_path):
  names = ",".join(map(str, run_dirs))
  result = run_command("deeplab_panns.report", f"--run_dirs={names}", f"--output_dir={tmp_path}")
  assert result.stderr == "" and result.stdout.startswith((tmp_path / "table.md").read_text())
  assert str(ROOT) not in (tmp_path / "table.md").read_text()
  wrong = run_command(
    "deeplab_panns.report", f"--run_dirs={names}", f"--output_dir={tmp_path}", "--baseline=best", check=False
  )
  assert wrong.returncode == 1 and wrong.stderr.count("\n") == 1 and "--baseline=best" in wrong.stderr
