"""Pieces of the page: whatever a name holds, it stays text."""

import base64

from deeplab_panns.report.page import Section, heading, page, paragraph, picture, table

NASTY = '<script>alert("x")</script> & co'


def test_text_is_escaped_wherever_it_goes():
  shown = page(
    NASTY, [paragraph(NASTY, "lead")], [Section("a", NASTY, (heading(NASTY), picture(b"", NASTY)))]
  )
  assert "<script>" not in shown and shown.count("&lt;script&gt;") >= 5


def test_a_picture_is_in_the_page():
  assert base64.b64encode(b"\x89PNG").decode() in picture(b"\x89PNG", "a box plot")


def test_tables_of_words_are_marked():
  assert "<table class=text>" in table("<table><tr></tr></table>", text=True)
  assert "class=text" not in table("<table></table>")


def test_the_contents_lead_to_every_section():
  shown = page("t", [], [Section("methods", "Methods", ("x",)), Section("runs", "Runs", ("y",))])
  for anchor, title in (("methods", "Methods"), ("runs", "Runs")):
    assert f'<a href="#{anchor}">{title}</a>' in shown and f'<section id="{anchor}">' in shown
