"""prepare_report.html: every case with its picture, volumes and flags on one page that needs nothing else."""

from __future__ import annotations

import base64
import html
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from data.overview.colours import organ_colour
from data.overview.summary_table import HEADINGS, organ_rows

REPORT, THUMBNAIL = "prepare_report.html", "thumbnail.jpg"

_MARK = '<meta name="generator" content="data.prepare">'
_STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 24px; color: #1a1a1a; background: #fff }
h1 { font-size: 20px; margin: 0 0 4px } h2 { font-size: 15px; margin: 0 }
table { border-collapse: collapse; margin: 12px 0 } td, th { padding: 2px 12px 2px 0; text-align: right }
td:first-child, th:first-child { text-align: left } th { border-bottom: 1px solid #999; font-weight: 600 }
.case { border-top: 1px solid #ccc; padding: 12px 0; display: flex; gap: 16px; flex-wrap: wrap }
.case img { background: #202020; align-self: flex-start; max-width: 100% }
.about { flex: 1; min-width: 300px }
.quiet { color: #666 } .organs { columns: 2; column-gap: 24px; padding: 0; margin: 6px 0; list-style: none }
.organs li { break-inside: avoid; display: flex; align-items: baseline; gap: 6px }
.ml { margin-left: auto; white-space: nowrap; font-variant-numeric: tabular-nums }
.dot { display: inline-block; width: 10px; height: 10px; border: 1px solid #555; flex: none }
.severe { color: #b00020; font-weight: 600 } .unusual { color: #8a5a00 }
.flags { margin: 4px 0 0; padding-left: 18px }
#only:checked ~ .fine { display: none }
"""


def report_page(
  title: str,
  lines: Sequence[str],
  entries: Sequence[Mapping[str, Any]],
  organs: Sequence[str],
  cases_dir: pathlib.Path,
) -> str:
  """The page's HTML; whatever comes from outside is escaped.

  Args:
    lines: on the whole store, below the title.
    entries: of the store's index.
    cases_dir: has a folder of each case's id; one without a picture is shown without.
  """
  flagged = sum(bool(_flags(entry)) for entry in entries)
  head = "".join(f"<th>{html.escape(heading)}</th>" for heading in HEADINGS)
  body = "".join(
    f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>"
    for row in organ_rows(entries, organs)
  )
  cases = "\n".join(_case(entry, organs, cases_dir / entry["id"] / THUMBNAIL) for entry in entries)
  return (
    f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">{_MARK}'
    f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>\n"
    f"<h1>{html.escape(title)}</h1>\n"
    + "".join(f"<div>{html.escape(line)}</div>\n" for line in lines)
    + f"<table><tr>{head}</tr>{body}</table>\n"
    '<p class="quiet">mL: of organs that do not reach the edge of their volume. Pictures: axial, coronal, '
    "sagittal; R is the patient's right, A the front. Each plane is the one that shows the most organs.</p>\n"
    f'<input type="checkbox" id="only"> <label for="only">only cases with flags ({flagged})</label>\n'
    f"{cases}\n</body></html>\n"
  )


def is_report(path: pathlib.Path) -> bool:
  """Whether a file is such a page."""
  with open(path, encoding="utf-8", errors="replace") as file:
    return _MARK in file.read(500)


def _flags(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
  """(kind, line) of findings and notes."""
  found = [
    ("severe" if one["severe"] else "unusual", f"{one['guard']}: {one['line']}")
    for one in entry.get("findings", ())
  ]
  return found + [("unusual", str(note)) for note in entry.get("notes", ())]


def _case(entry: Mapping[str, Any], organs: Sequence[str], picture: pathlib.Path) -> str:
  flags = _flags(entry)
  spacing = " × ".join(f"{mm:.3g}" for mm in entry["spacing_mm"])
  source = " × ".join(f"{mm:.3g}" for mm in entry.get("source_spacing_mm", entry["spacing_mm"]))
  facts = f"{' × '.join(map(str, entry['shape']))} voxels of {spacing} mm (z, y, x)"
  if source != spacing:
    facts += f", from {source} mm"
  fold = "" if entry.get("fold") is None else f" · fold {entry['fold']}"
  kind = (
    "all organs labelled"
    if len(entry["annotated"]) == len(organs)
    else f"{len(entry['annotated'])} of {len(organs)} organs labelled"
  )
  rows = "".join(_organ(organ, value, entry) for value, organ in enumerate(organs, 1))
  shown = "".join(f'<li class="{kind}">{html.escape(line)}</li>' for kind, line in flags)
  return (
    f'<div class="case{"" if flags else " fine"}" id="{html.escape(entry["id"])}">{_picture(picture)}'
    f'<div class="about"><h2>{html.escape(entry["id"])}</h2>'
    f'<div class="quiet">{facts}{fold} · {kind}</div><ul class="organs">{rows}</ul>'
    + (f'<ul class="flags">{shown}</ul>' if shown else "")
    + "</div></div>"
  )


def _organ(organ: str, value: int, entry: Mapping[str, Any]) -> str:
  if organ not in entry["annotated"]:
    return ""
  measured = entry.get("measured", {}).get(organ)
  amount = "none" if measured is None else f"{measured['ml']:.4g} mL{' (cut)' if measured['cut'] else ''}"
  red, green, blue = organ_colour(value)
  return (
    f'<li><span class="dot" style="background:rgb({red},{green},{blue})"></span>{html.escape(organ)}'
    f'<span class="ml">{amount}</span></li>'
  )


def _picture(path: pathlib.Path) -> str:
  try:
    content = base64.b64encode(path.read_bytes()).decode("ascii")
  except OSError:
    return ""
  return f'<img loading="lazy" alt="three planes" src="data:image/jpeg;base64,{content}">'
