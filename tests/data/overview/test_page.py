"""The page: everything of a case is on it, and names from outside are no HTML."""

import html.parser

from data.overview.page import THUMBNAIL, is_report, report_page

ENTRY = {
  "id": "case_1",
  "annotated": ["liver", "<b>spleen"],
  "fold": 2,
  "shape": [5, 6, 7],
  "spacing_mm": [3.0, 1.0, 1.0],
  "source_spacing_mm": [5.0, 1.0, 1.0],
  "voxels": {"liver": 3, "<b>spleen": 0},
  "measured": {"liver": {"ml": 1234.56, "mean_hu": 100.0, "cut": True}},
  "findings": [{"guard": "side", "severe": True, "line": "the liver lies <left>"}],
  "notes": ["read from <file>"],
}
QUIET = {
  **ENTRY,
  "id": "case_2",
  "findings": [],
  "notes": [],
  "fold": None,
  "source_spacing_mm": [3.0, 1.0, 1.0],
}


class Reader(html.parser.HTMLParser):
  def __init__(self, page):
    super().__init__()
    self.tags, self.text, self.open = [], "", []
    self.feed(page)

  def handle_starttag(self, tag, attrs):
    self.tags.append((tag, dict(attrs)))
    if tag not in ("meta", "img", "input"):
      self.open.append(tag)

  def handle_endtag(self, tag):
    assert self.open.pop() == tag

  def handle_data(self, data):
    self.text += data


def test_the_page_shows_cases_flags_and_pictures(tmp_path):
  (tmp_path / "case_1").mkdir()
  (tmp_path / "case_1" / THUMBNAIL).write_bytes(b"picture")
  page = report_page("<store>", ["2 cases"], [ENTRY, QUIET], ["liver", "<b>spleen"], tmp_path)
  reader = Reader(page)
  assert not reader.open
  for text in (
    "<store>",
    "2 cases",
    "case_1",
    "5 × 6 × 7 voxels of 3 × 1 × 1 mm (z, y, x), from 5 × 1 × 1 mm · fold 2 · all organs labelled",
    "1235 mL (cut)",
    "<b>spleennone",
    "side: the liver lies <left>",
    "read from <file>",
    "only cases with flags (1)",
  ):
    assert text in reader.text, text
  assert "b" not in {tag for tag, _ in reader.tags}
  classes = {attrs.get("id"): attrs.get("class") for tag, attrs in reader.tags if tag == "div"}
  assert classes["case_1"] == "case" and classes["case_2"] == "case fine"
  assert [attrs["src"] for tag, attrs in reader.tags if tag == "img"] == [
    "data:image/jpeg;base64,cGljdHVyZQ=="
  ]


def test_a_report_is_known_from_other_pages(tmp_path):
  (tmp_path / "a.html").write_text(report_page("x", [], [QUIET], ["liver"], tmp_path), encoding="utf-8")
  (tmp_path / "b.html").write_bytes(b"<html>my notes \xff")
  assert is_report(tmp_path / "a.html") and not is_report(tmp_path / "b.html")
