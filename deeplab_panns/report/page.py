"""The report as one HTML page without any other file: tables, and pictures as data URIs."""

from __future__ import annotations

import base64
import dataclasses
import html
from collections.abc import Sequence

_STYLE = """
body { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; color: #222;
       max-width: 1280px; margin: 0 auto; padding: 24px 32px 80px; }
h1 { font-size: 27px; margin: 0 0 4px; }
h2 { font-size: 20px; margin: 44px 0 8px; padding-top: 12px; border-top: 1px solid #ddd; }
h3 { font-size: 16px; margin: 24px 0 4px; }
nav { margin: 14px 0 18px; }
nav a { margin-right: 16px; color: #0072B2; text-decoration: none; white-space: nowrap; }
p { margin: 8px 0; max-width: 1000px; }
p.lead { font-size: 17px; }
p.note { color: #555; font-size: 13.5px; }
p.absent { color: #777; font-style: italic; }
div.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 10px 0; font-size: 14px; font-variant-numeric: tabular-nums; }
th { border-bottom: 2px solid #888; font-weight: 600; }
th, td { padding: 4px 12px; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 2px; }
tbody tr:nth-child(even) { background: #f6f7f9; }
tr.sum td { border-top: 2px solid #888; font-weight: 600; }
table.text td, table.text th { text-align: left; white-space: normal; }
table.text td:first-child, table.text th { white-space: nowrap; }
img { display: block; max-width: 100%; margin: 10px 0; }
@media print { body { max-width: none; } img, table { break-inside: avoid; } }
"""


@dataclasses.dataclass(frozen=True)
class Section:
  """A part of the page: its anchor, its title, and its content as pieces of HTML."""

  anchor: str
  title: str
  pieces: tuple[str, ...]


def paragraph(text: str, kind: str = "note") -> str:
  """A paragraph of plain text.

  Args:
    kind: "lead", "note", or "absent" for what could not be shown.
  """
  return f'<p class="{kind}">{html.escape(text)}</p>'


def heading(text: str) -> str:
  """A heading within a section."""
  return f"<h3>{html.escape(text)}</h3>"


def table(markup: str, text: bool = False) -> str:
  """A table that scrolls by itself where the window is narrow.

  Args:
    markup: as from `text_table.to_html`.
    text: whether its cells are words, not numbers.
  """
  return f'<div class="wide">{markup.replace("<table>", "<table class=text>", 1) if text else markup}</div>'


def picture(png: bytes, alt: str) -> str:
  """A picture that lies in the page itself.

  Args:
    alt: what it shows, for those who cannot see it.
  """
  return f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{base64.b64encode(png).decode("ascii")}">'


def absent(anchor: str, title: str, reason: str) -> Section:
  """A section that says why it is empty."""
  return Section(anchor, title, (paragraph(reason, "absent"),))


def page(title: str, lead: Sequence[str], sections: Sequence[Section]) -> str:
  """The whole page.

  Args:
    lead: pieces of HTML above the contents.
  """
  links = "".join(f'<a href="#{section.anchor}">{html.escape(section.title)}</a>' for section in sections)
  parts = [
    f'<section id="{section.anchor}">\n<h2>{html.escape(section.title)}</h2>\n'
    + "\n".join(section.pieces)
    + "\n</section>"
    for section in sections
  ]
  return "\n".join(
    [
      "<!DOCTYPE html>",
      '<html lang="en">',
      "<head>",
      '<meta charset="utf-8">',
      f"<title>{html.escape(title)}</title>",
      f"<style>{_STYLE}</style>",
      "</head>",
      "<body>",
      f"<h1>{html.escape(title)}</h1>",
      *lead,
      f"<nav>{links}</nav>",
      *parts,
      "</body>",
      "</html>",
      "",
    ]
  )
