"""Whether the prior holds for the data of the runs: what prior_check says of their stores."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence

from data.input_error import InputError
from data.stored.splits import only_annotating, split
from data.stored.store import read_store
from deeplab_panns.prior_check import check
from deeplab_panns.prior_check.check import Check
from deeplab_panns.report.results.compared import Results
from deeplab_panns.runs.run_directory import is_content_of


@dataclasses.dataclass(frozen=True)
class CheckedStore:
  """A store that runs were trained on, and what prior_check found there.

  Attributes:
    name: the folder's, with the organs of --partial_organs where these chose among the partial sets.
  """

  name: str
  check: Check


def read(results: Results) -> list[CheckedStore]:
  """Checks the stores that the runs were trained on, each once with each choice of partial sets.

  A store that is no longer what and where it was is left out, as is one without partial cases. Runs that
  train on no partial case count only where no run does. Of several folds the first run's is checked.
  """
  runs = [run for method in results.methods for run in method.runs if "data_dir" in run.data]
  runs = [run for run in runs if run.settings.get("supervision") != "full"] or runs
  named: dict[tuple[str, str, tuple[str, ...]], int | None] = {}
  for run in runs:
    organs = (
      () if run.settings.get("supervision") == "full" else tuple(run.settings.get("partial_organs", ()))
    )
    named.setdefault((run.data["data_dir"], run.trained_on or "", organs), run.fold)
  checked = [_check(*of_runs, -1 if fold is None else fold) for of_runs, fold in named.items()]
  return [found for found in checked if found is not None]


def _check(path: str, fingerprint: str, organs: Sequence[str], fold: int) -> CheckedStore | None:
  try:
    store = read_store(path)
    if fingerprint and not is_content_of(store, fingerprint):
      return None
    splits = split(store, fold, 0.0, 0)
    if organs:
      splits = only_annotating(splits, organs, store)
    if not any(case.annotated for case in splits.partial):
      return None
    found = check.check(store, splits)
  except InputError:  # moved, or another store by now
    return None
  name = pathlib.Path(path).name
  return CheckedStore(f"{name}, partial sets of {', '.join(organs)}" if organs else name, found)
