"""The files of the report: the page is whole and needs nothing else, and the tables lie beside it."""

import base64
import html.parser
import io
import shutil

import numpy as np
import pytest
from PIL import Image

from data.input_error import InputError
from deeplab_panns.report import output
from deeplab_panns.report.results import compared
from deeplab_panns.report.results.scored_runs import read_scored
from tests.deeplab_panns.report import conftest

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
    self.handlers = set()
    self.feed(text)

  def handle_starttag(self, tag, attrs):
    attributes = dict(attrs)
    self.tags.add(tag)
    self.handlers |= {name for name in attributes if name.startswith("on")}
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


@pytest.fixture(scope="module")
def page(written):
  return Page((written / "report.html").read_text())


def test_the_page_is_self_contained(page):
  assert not page.open
  assert not page.tags & {"script", "link", "iframe", "object"}
  for link in page.links:
    assert link.startswith(("#", "data:image/png;base64,")), link
  assert {link[1:] for link in page.links if link.startswith("#")} == SECTIONS <= page.anchors
  assert "http" not in "".join(page.text)


@pytest.mark.slow
def test_names_of_organs_and_methods_do_not_run(tmp_path, monkeypatch):
  hostile = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', r"$\frac{$ ../../../liver")
  monkeypatch.setattr(conftest, "ORGANS", hostile)
  runs = [conftest.write_run(tmp_path / f"{mode}0", mode, 0) for mode in ("full", "panns")]
  conftest.write_store(tmp_path / "store")
  (tmp_path / "report").mkdir()
  before = set(tmp_path.rglob("*"))
  found = compared.build([read_scored(run) for run in runs])
  output.write_tables(found, tmp_path / "report")
  output.write_page(found, tmp_path / "report")
  page = Page((tmp_path / "report" / "report.html").read_text())
  assert not page.open and not page.handlers and not page.tags & {"script", "link", "iframe", "object"}
  assert all(link.startswith(("#", "data:image/png;base64,")) for link in page.links)
  assert "<script>alert(1)</script>" in "".join(page.text) and "onerror" in "".join(page.text)
  assert {path.parent for path in set(tmp_path.rglob("*")) - before} == {tmp_path / "report"}


def test_every_picture_decodes_and_lies_beside_the_page(written, page):
  assert len(page.images) == 8 and all(image["alt"] for image in page.images)
  files = {file.read_bytes() for file in written.glob("*.png")}
  for image in page.images:
    content = base64.b64decode(image["src"].partition(",")[2])
    assert content in files
    picture = np.asarray(Image.open(io.BytesIO(content)).convert("L"))
    assert min(picture.shape) > 150 and picture.std() > 5  # not blank


def test_the_page_says_what_it_is_about(written, page):
  text = " ".join(" ".join(page.text).split())
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
  assert 'class="absent"' not in written.joinpath("report.html").read_text().partition("</style>")[2]


def test_tables_as_files(written):
  lines = (written / "table.csv").read_text().splitlines()
  assert lines[0] == "organ,full,panns" and lines[-1].startswith("mean,") and len(lines) == 5
  assert float(lines[1].split(",")[2]) > float(lines[1].split(",")[1])
  for name in ("table", "methods", "gains"):
    assert (written / f"{name}.tex").read_text().count(r"\\") > 2
    assert (written / f"{name}.md").read_text().startswith("| ")
  assert (written / "statistics.csv").read_text().count("\n") == 1 + 2 * 4


def test_a_run_without_the_rest_says_what_is_left_out(run_dirs, tmp_path):
  for run_dir in run_dirs[::2]:
    copy = tmp_path / run_dir.name
    copy.mkdir()
    for name in ("metrics.csv", "metrics.json", "experiment.json"):
      shutil.copy(run_dir / name, copy)
  found = compared.build([read_scored(folder) for folder in sorted(tmp_path.iterdir())])
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


def test_one_run_alone_has_no_gains(run_dirs, tmp_path):
  text = output.write_tables(compared.build([read_scored(run_dirs[0])]), tmp_path)
  assert "| full" in text and not (tmp_path / "gains.md").exists()


def test_all_files_are_known_beforehand(written):
  assert {file.name for file in written.iterdir()} == set(output.FILES)


def test_a_report_may_be_written_again_and_files_of_the_user_stay(written, tmp_path):
  shutil.copytree(written, tmp_path / "report")  # as an earlier version left it, without a record
  output.report_outputs(tmp_path / "report", overwrite=False)
  (tmp_path / "mine").mkdir()
  (tmp_path / "mine" / "table.csv").write_text("mine")
  with pytest.raises(InputError, match=r"table\.csv: exists.*--overwrite"):
    output.report_outputs(tmp_path / "mine", overwrite=False)
  output.report_outputs(tmp_path / "mine", overwrite=True)
