"""What the cases of a store say together: scans that are in it twice, organs that nobody has."""

from __future__ import annotations

import collections
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from data.cases import patient_key
from data.guards.case_guards import TELL_ALL, GuardRules
from data.guards.voxel_sketch import overlapping
from data.input_error import InputError
from data.listed import listed
from data.stored.case_folder import Entry

MOST_FINDINGS = 20  # of lines on a terminal


def require_each_scan_once(
  where: str,
  entries: Sequence[Entry],
  guards: GuardRules = TELL_ALL,
  same_role: bool = True,
  way_out: str = "Take one out, hold partial cases out with their patients (--fold_partial), or give "
  "--allow_repeated_scans.",
) -> None:
  """Raises InputError if two cases have the same file as image, or in different folds the same voxels, a part
  of each other's voxels, or one patient.

  Public data sets overlap: a partial case that is a test case under another name makes the test score too
  good. Parts are known where the cases have a sketch (data/guards/voxel_sketch.py).

  Args:
    where: for the message.
    guards: may override the guard `duplicate` for one of the two.
    same_role: the same file twice is refused also where both cases train, or are in one fold.
    way_out: ends the message.
  """
  by_id = {entry["id"]: entry for entry in entries}
  pairs = [pair for pair in _same(entries, _source_image) if same_role or _apart(pair, by_id)]
  for also in (_same(entries, _image), _in_part(entries), _same(entries, _patient)):
    pairs += [pair for pair in also if _apart(pair, by_id) and pair not in pairs]
  pairs = [pair for pair in pairs if not any(guards.override("duplicate", case_id) for case_id in pair)]
  # pairs across folds, or of a fold and a partial case, first: they spoil a test score
  pairs.sort(key=lambda pair: not _apart(pair, by_id))
  if pairs:
    shown = listed(f"{one} ({_role(by_id[one])}) = {other} ({_role(by_id[other])})" for one, other in pairs)
    raise InputError(
      f"{where}: cases {_what(pairs, entries)}: {shown}; a network that trains on one knows the other. "
      f"{way_out}"
    )


def _same(entries: Sequence[Entry], key: Callable[[Entry], Any]) -> list[tuple[str, str]]:
  """Ids of cases whose key is that of an earlier case, which comes first; one of None is nobody's."""
  first: dict[str, str] = {}
  known = [entry for entry in entries if key(entry) is not None]
  pairs = [(first.setdefault(key(entry), entry["id"]), entry["id"]) for entry in known]
  return [pair for pair in pairs if pair[0] != pair[1]]


def _source_image(entry: Entry) -> Any:
  return entry["sha256"]["source_image"]


def _source_label(entry: Entry) -> Any:
  return entry["sha256"].get("source_label")


def _of_one_label(entries: Sequence[Entry]) -> list[tuple[str, str]]:
  """Pairs as of `_same`, whose label files are one, or whose stored labels are, where something is drawn."""
  drawn = [
    entry
    for entry in entries
    if any(count for organ, count in entry.get("voxels", {}).items() if organ in entry["annotated"])
  ]
  pairs = [*_same(entries, _source_label), *_same(drawn, lambda entry: entry["sha256"].get("label"))]
  return list(dict.fromkeys(pairs))


def _image(entry: Entry) -> Any:
  return entry["sha256"]["image"]


def _patient(entry: Entry) -> Any:
  return patient_key(entry["patient"]) if entry.get("patient") else None


def _in_part(entries: Sequence[Entry]) -> list[tuple[str, str]]:
  """Ids of cases that hold a part of each other's voxels, the earlier first; entries may have no sketch."""
  return overlapping({entry["id"]: entry.get("sketch", "") for entry in entries})


def _other_voxels(pair: tuple[str, str], by_id: Mapping[str, Entry]) -> bool:
  one, other = (by_id[case_id] for case_id in pair)
  return all(key(one) != key(other) for key in (_source_image, _image))


def _what(pairs: Sequence[tuple[str, str]], entries: Sequence[Entry]) -> str:
  by_id = {entry["id"]: entry for entry in entries}
  if not all(_other_voxels(pair, by_id) for pair in pairs):
    return "are the same scan twice"
  if set(pairs) & set(_in_part(entries)):
    return "hold a part of each other's voxels"
  return "are of the same patient twice"


def _apart(pair: tuple[str, str], by_id: Mapping[str, Entry]) -> bool:
  return bool(by_id[pair[0]].get("fold") != by_id[pair[1]].get("fold"))


def _role(entry: Entry) -> str:
  return "no fold" if entry.get("fold") is None else f"fold {entry['fold']}"


def cases_above(entries: Mapping[str, Entry], value: int, ml: float) -> dict[str, float]:
  """{case id: mL} of the cases whose label map has more than so many mL of a value, of `entries` by id.

  Only values that stand for an organ together with others are known: a tumour in it.
  """
  found = {case_id: entry.get("values_ml", {}).get(str(value), 0.0) for case_id, entry in entries.items()}
  return {case_id: own_ml for case_id, own_ml in found.items() if own_ml > ml}


def warnings(entries: Sequence[Entry], organs: Sequence[str]) -> list[str]:
  """Lines for the user: what single cases noted, and organs without a voxel wherever they are annotated."""
  lines = [f"{entry['id']}: {note}" for entry in entries for note in entry.get("notes", ())]
  findings = [(entry["id"], found) for entry in entries for found in entry.get("findings", ())]
  findings.sort(key=lambda pair: not pair[1]["severe"])
  lines += [f"{case_id}: {found['line']} ({found['guard']})" for case_id, found in findings[:MOST_FINDINGS]]
  if len(findings) > MOST_FINDINGS:
    lines.append(f"the guards found {len(findings) - MOST_FINDINGS} more: prepare_report.html shows them")
  lines += [f"{one} and {other} have the same voxels" for one, other in _same(entries, _image)]
  by_id = {entry["id"]: entry for entry in entries}
  parts = [f"{one} = {other}" for one, other in _in_part(entries) if _other_voxels((one, other), by_id)]
  if parts:
    lines.append(
      f"cases hold a part of each other's voxels: {listed(parts, 5)}; one scan, cropped or changed otherwise"
    )
  lines += [
    f"{one} and {other} are other scans with the same label map; is it that of both?"
    for one, other in _of_one_label([entry for entry in entries if entry["annotated"]])
    if _other_voxels((one, other), by_id)
  ]
  full = [entry for entry in entries if len(entry["annotated"]) == len(organs)]
  unheld = [entry["id"] for entry in full if entry.get("fold") is None]
  if 0 < len(unheld) < len(full):
    lines.append(f"of {len(full)} fully labelled cases {listed(unheld, 5)} are in no fold: they always train")
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


def without_sketch(entries: Sequence[Entry]) -> list[str]:
  """A line on cases that were prepared before there were sketches; none if there is no such case."""
  old = [entry["id"] for entry in entries if "sketch" not in entry]
  if not old:
    return []
  return [
    f"{len(old)} of {len(entries)} cases ({listed(old)}) were prepared by an earlier version: whether their "
    "scans are in other cases as a crop is not known; prepared into a new folder they tell"
  ]


def fold_summary(entries: Sequence[Entry], organs: Sequence[str]) -> str:
  """One line: the folds and how many cases each holds out."""
  folded = [entry for entry in entries if entry.get("fold") is not None]
  if not folded:
    return "no folds (fewer than two fully labelled cases): train without --fold"
  counts = collections.Counter(entry["fold"] for entry in folded)
  partial = sum(len(entry["annotated"]) < len(organs) for entry in folded)
  kind = "fully labelled" if not partial else "partial" if partial == len(folded) else "full and partial"
  shown = listed((f"fold {fold}: {counts[fold]}" for fold in sorted(counts)), 10)
  return f"{len(counts)} folds of {kind} cases ({shown}); --fold=k holds fold k out"
