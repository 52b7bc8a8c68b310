"""What the cases of a store say together: scans that are in it twice, organs that nobody has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from data.input_error import InputError
from data.listed import listed
from data.stored.case_folder import Entry


def require_each_scan_once(where: str, entries: Sequence[Entry]) -> None:
  """Raises InputError if two cases have the same file as image, or the same voxels in different folds.

  Public data sets overlap: a partial case that is a test case under another name makes the test score too
  good.
  """
  by_id = {entry["id"]: entry for entry in entries}
  pairs = _same(entries, "source_image")
  pairs += [pair for pair in _same(entries, "image") if _apart(pair, by_id) and pair not in pairs]
  # pairs across folds, or of a fold and a partial case, first: they spoil a test score
  pairs.sort(key=lambda pair: not _apart(pair, by_id))
  if pairs:
    shown = listed(f"{one} ({_role(by_id[one])}) = {other} ({_role(by_id[other])})" for one, other in pairs)
    raise InputError(
      f"{where}: cases are the same scan twice: {shown}; a network that trains on one knows the other. Take "
      "one "
      "out, or give --allow_repeated_scans."
    )


def _same(entries: Sequence[Entry], kind: str) -> list[tuple[str, str]]:
  """Ids of cases whose hash of a kind is that of an earlier case, which comes first."""
  first: dict[str, str] = {}
  pairs = [(first.setdefault(entry["sha256"][kind], entry["id"]), entry["id"]) for entry in entries]
  return [pair for pair in pairs if pair[0] != pair[1]]


def _apart(pair: tuple[str, str], by_id: Mapping[str, Entry]) -> bool:
  return bool(by_id[pair[0]].get("fold") != by_id[pair[1]].get("fold"))


def _role(entry: Entry) -> str:
  return "no fold" if entry.get("fold") is None else f"fold {entry['fold']}"


def warnings(entries: Sequence[Entry], organs: Sequence[str]) -> list[str]:
  """Lines for the user: what single cases noted, and organs without a voxel wherever they are annotated."""
  lines = [f"{entry['id']}: {note}" for entry in entries for note in entry.get("notes", ())]
  lines += [f"{one} and {other} have the same voxels" for one, other in _same(entries, "image")]
  nowhere, absent = [], []
  for organ in organs:
    annotating = [entry for entry in entries if organ in entry["annotated"]]
    if not annotating:
      nowhere.append(organ)
    elif not any(entry["voxels"][organ] for entry in annotating):
      absent.append(organ)
  if absent:
    lines.append(
      f'no case that annotates {listed(absent, 5)} has a voxel of it: are "annotated" and "labels" of the '
      "manifest "
      "right? To training it is an organ that nobody has."
    )
  if nowhere:
    lines.append(f"no case annotates {listed(nowhere, 5)}; it cannot be learned.")
  return lines


def fold_summary(entries: Sequence[Entry]) -> str:
  """One line: the folds and how many cases each holds out."""
  counts: dict[int, int] = {}
  for entry in entries:
    if entry.get("fold") is not None:
      counts[entry["fold"]] = counts.get(entry["fold"], 0) + 1
  if not counts:
    return "no folds (fewer than two fully labelled cases): train without --fold"
  shown = listed((f"fold {fold}: {counts[fold]}" for fold in sorted(counts)), 10)
  return f"{len(counts)} folds of fully labelled cases ({shown}); --fold=k holds fold k out"
