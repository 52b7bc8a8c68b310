"""SLIVER07: MetaImage. All headers say the same orientation, though some scans are said to be mirrored."""

from __future__ import annotations

from data.cases import Case
from data.layouts.layout import Files, Found, Layout, by_number, left_out, paired


def find(files: Files) -> Found:
  """Pairs liver-orig001.mhd with liver-seg001.mhd."""
  scans = files.matching(r"liver-orig(\d{3})\.mh[ad]")
  images = by_number(file for file in scans if not file.is_in("test"))
  tests = [file.path.name for file in scans if file.is_in("test")]
  labels = by_number(files.matching(r"liver-seg(\d{3})\.mh[ad]"))
  pairs, notes = paired(images, labels)
  cases = [
    Case(f"sliver_{number:03d}", image, label, ("liver",), {1: "liver"})
    for number, (image, label) in pairs.items()
  ]
  return Found(tuple(cases), (*notes, *left_out("scans of the test set, which have no labels", tests)))


LAYOUT = Layout(
  "sliver07",
  "20 scans, liver (10 more without labels)",
  "training-scans/liver-orig001.mhd with its .raw and training-labels/liver-seg001.mhd with its .raw",
  find,
  labelled=20,
)
