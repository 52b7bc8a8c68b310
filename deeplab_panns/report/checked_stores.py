"""Does the prior hold for the data that the runs of a report were trained on? What prior_check says of their stores."""
from __future__ import annotations

import dataclasses
import json
import pathlib

from data.input_error import InputError
from data.splits import split
from data.store import read_store
from deeplab_panns import prior_check
from deeplab_panns.prior_check import Check
from deeplab_panns.report.results import Results


@dataclasses.dataclass(frozen=True)
class CheckedStore:
  """A store that runs were trained on, and what prior_check found there."""
  path: pathlib.Path
  check: Check


def read(results: Results):
  """The stores with partially labelled cases that the runs name and that are still where they were, each once."""
  named: dict[str, int | None] = {}
  for method in results.methods:
    for run in method.runs:
      data = run.run_dir / "data.json"
      if data.is_file():
        named.setdefault(json.loads(data.read_text(encoding="utf-8"))["data_dir"], run.fold)
  checked = [_check(path, -1 if fold is None else fold) for path, fold in named.items()]
  return [found for found in checked if found is not None]


def _check(path, fold):
  try:
    store = read_store(path)
    splits = split(store, fold, 0.0, 0)
  except InputError:  # moved, or another store by now
    return None
  if not any(case.annotated for case in splits.partial):
    return None
  return CheckedStore(store.path, prior_check.check(store, splits))


def conclusions(found: CheckedStore):
  """The verdict in a few lines of text, without a folder's name."""
  return prior_check.conclusions(found.check, prior_check.TOLERANCE, body_only=False)
