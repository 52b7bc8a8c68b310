"""The table at the end of prepare: of each organ, how often it is labelled and how large it is."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from data.organs import plain_name

HEADINGS = ("organ", "labelled", "with a voxel", "median mL", "least to most mL", "flagged")


def organ_rows(entries: Sequence[Mapping[str, Any]], organs: Sequence[str]) -> list[tuple[str, ...]]:
  """A row of HEADINGS for each organ.

  Args:
    entries: of the store's index. Organs that reach the edge of their volume do not count in the mL.
  """
  rows: list[tuple[str, ...]] = []
  for organ in organs:
    annotating = [entry for entry in entries if organ in entry["annotated"]]
    measured = [entry["measured"][organ] for entry in annotating if organ in entry.get("measured", {})]
    whole = sorted(one["ml"] for one in measured if not one["cut"])
    flagged = sum(
      any(plain_name(organ) in finding["line"] for finding in entry.get("findings", ()))
      for entry in annotating
    )
    rows.append(
      (
        organ,
        str(len(annotating)),
        str(sum(entry["voxels"][organ] > 0 for entry in annotating)),
        f"{statistics.median(whole):.4g}" if whole else "-",
        f"{whole[0]:.4g} to {whole[-1]:.4g}" if whole else "-",
        str(flagged) if flagged else "",
      )
    )
  return rows


def text_table(rows: Sequence[Sequence[str]], headings: Sequence[str] = HEADINGS) -> str:
  """Columns of even width, the first to the left and the others to the right."""
  widths = [max(len(row[column]) for row in (headings, *rows)) for column in range(len(headings))]
  return "\n".join(
    "  ".join(
      cell.rjust(width) if column else cell.ljust(width)
      for column, (cell, width) in enumerate(zip(row, widths))
    ).rstrip()
    for row in (headings, *rows)
  )
