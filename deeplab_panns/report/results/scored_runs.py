"""What `evaluate` left of a run, as the report reads it."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from data.input_error import InputError
from data.listed import listed
from data.whole_file import AnyPath
from deeplab_panns.report.results.result_json import DATA, IN_EVERY_METRICS, METRICS, SETTINGS, read_json
from deeplab_panns.runs.setting_names import BEFORE_THERE_WAS, CAME_LATER, without_effect
from deeplab_panns.scores import score_table
from deeplab_panns.scores.metrics import OrganScore

_ROUNDING = 1e-4  # scores of the study are kept with four digits


@dataclasses.dataclass(frozen=True, eq=False)
class ScoredRun:
  """The scores of a run, of an ensemble, or of label files, and what is known of the training.

  Attributes:
    folder: holds metrics.csv, metrics.json and what else evaluate wrote.
    run_dir: of the training, if it is one run that was scored and is still there; else `folder`.
    settings: those of the run's experiment.json that had an effect; empty where not one run was scored.
    data: the run's data.json, which names the store and its fingerprint; empty likewise.
    summary: metrics.json.
    rows: (case key, OrganScore). A key is the id and the sha256 of the reference, since two stores may give
      different patients the same id.
  """

  folder: pathlib.Path
  run_dir: pathlib.Path
  settings: Mapping[str, Any]
  data: Mapping[str, Any]
  summary: Mapping[str, Any]
  rows: tuple[tuple[str, OrganScore], ...]

  @property
  def seed(self) -> int | None:
    """Of the training; None where it is not known."""
    return self.settings.get("seed")

  @property
  def fold(self) -> int | None:
    """The one that the training held out; None where it is not known."""
    return self.settings.get("fold")

  @property
  def trained_on(self) -> str | None:
    """Fingerprint of the store; None where it is not known."""
    return self.data.get("fingerprint")

  @property
  def label_organs(self) -> tuple[str, ...]:
    """The organs of the label values 1, 2, ..., also those that no case annotates."""
    return tuple(self.summary["label_organs"])

  @property
  def organs(self) -> tuple[str, ...]:
    """Those that were scored, in label order."""
    scored = {score.organ for _, score in self.rows}
    return tuple(organ for organ in self.label_organs if organ in scored)

  @property
  def cases(self) -> tuple[str, ...]:
    """Keys, each once, in the order of the rows."""
    return tuple(dict.fromkeys(case for case, _ in self.rows))

  @property
  def seen_in_training(self) -> tuple[str, ...] | None:
    """Ids of the scored cases that the run was trained on; None where that is not known.

    Evaluations of earlier versions did not tell; of theirs only those of all cases can have such.
    """
    seen = self.summary.get("seen_in_training", None if self.summary.get("split") == "all" else [])
    return None if seen is None else tuple(seen)

  @property
  def first_of_patient(self) -> dict[str, str]:
    """{key: key of the first scored case of the same patient}, of a patient's further cases."""
    first = self.summary.get("first_of_patient", {})
    return {self.key(case): self.key(other) for case, other in first.items()}

  @property
  def scored_on(self) -> str:
    """What the cases are, in words that follow "8 cases "."""
    split = self.summary.get("split")
    return f"of the {split} split, on the store's grid" if split else "in label files, on the files' grid"

  def key(self, case_id: str) -> str:
    """The key of one of its cases."""
    return case_key(case_id, self.summary)


def case_key(case_id: str, summary: Mapping[str, Any]) -> str:
  """The id, and the first digits of the reference's sha256 where metrics.json (`summary`) tells it."""
  sha256 = summary.get("references", {}).get(case_id)
  return f"{case_id}@{sha256[:8]}" if sha256 else case_id


def case_id(key: str) -> str:
  """The id alone, to be shown."""
  return key.partition("@")[0]


def read_all(
  folders: Sequence[AnyPath], names: Sequence[str] | None = None
) -> tuple[list[ScoredRun], list[str] | None]:
  """Reads several; a cross-validation counts as its folds, which tell more than the merged scores.

  Args:
    names: of methods, one for each folder; or None.
  Returns:
    The runs, and a name for each; None without `names`.
  Raises:
    InputError: As `read_scored` (of several that fail it says how many), and if names and folders differ in
      number.
  """
  if names and len(names) != len(folders):
    raise InputError(
      f"--names={','.join(names)}: names {len(names)} runs, --run_dirs has {len(folders)}; give one for each."
    )
  of_folders: list[list[ScoredRun]] = []
  errors: dict[str, InputError] = {}
  for folder in folders:
    try:
      of_folders.append(_with_folds(read_scored(folder)))
    except InputError as error:
      errors[str(folder)] = error
  if errors:
    first = next(iter(errors.values()))
    if len(errors) == 1:
      raise first
    raise InputError(
      f"{len(errors)} of {len(folders)} folders hold no scores ({listed(errors)}); the first: {first}"
    )
  runs = [run for members in of_folders for run in members]
  if not names:
    return runs, None
  return runs, [name for name, members in zip(names, of_folders) for _ in members]


def _with_folds(run: ScoredRun) -> list[ScoredRun]:
  """The folds of a cross-validation, those beside its scores first: the folder may be a copy.

  Raises:
    InputError: If the folds' scores are not those that were merged.
  """
  named = [pathlib.Path(folder) for folder in run.summary.get("run_dirs", [])]
  folds = [
    run.folder / fold.name if (run.folder / fold.name / "metrics.json").is_file() else fold for fold in named
  ]
  if "over_folds" not in run.summary or not all((fold / "metrics.json").is_file() for fold in folds):
    return [run]
  found = [read_scored(fold) for fold in folds]
  if sorted(map(repr, run.rows)) != sorted(repr(row) for fold in found for row in fold.rows):
    raise InputError(
      f"{run.folder}: its scores are not those of its folds ({folds[0]}, ...), which were scored again "
      "since; run crossval again, or name the folds."
    )
  return found


def read_scored(folder: AnyPath) -> ScoredRun:
  """Reads a run that was evaluated, or the --output_dir of an evaluation.

  Raises:
    InputError: If it was not evaluated, or its files are damaged.
  """
  folder = pathlib.Path(folder)
  if not folder.is_dir():
    raise InputError(f"{folder}: there is no such folder; --run_dirs names evaluated runs.")
  if not (folder / "metrics.json").is_file():
    raise InputError(
      f"{folder}: has no metrics.json; run `python -m deeplab_panns.evaluate --run_dir={folder}` first."
    )
  summary = read_json(folder / "metrics.json", METRICS, IN_EVERY_METRICS)
  rows = tuple(
    (case_key(case, summary), score) for case, score in score_table.read_csv(folder / "metrics.csv")
  )
  _require_fitting(folder / "metrics.csv", rows, summary["label_organs"], summary["mean_dice"])
  run_dir = _run_dir(folder, summary)
  settings, data = (
    read_json(run_dir / name, kinds) if (run_dir / name).is_file() else {}
    for name, kinds in (("experiment.json", SETTINGS), ("data.json", DATA))
  )
  return ScoredRun(folder, run_dir, with_effect(settings), data, summary, rows)


def _require_fitting(
  path: pathlib.Path,
  rows: Sequence[tuple[str, OrganScore]],
  label_organs: Sequence[str],
  mean_dice: float | None,
) -> None:
  """Raises InputError if there is no row, one of an unknown organ, two of one case and organ, or if they have
  another mean than metrics.json."""
  if not rows:
    raise InputError(f"{path}: holds no score; evaluate again.")
  unknown = {score.organ for _, score in rows} - set(label_organs)
  if unknown:
    raise InputError(
      f"{path}: scores {listed(sorted(unknown))}, which metrics.json beside it does not name; the two "
      "are not of one evaluation: evaluate again."
    )
  (case, organ), count = collections.Counter((case, score.organ) for case, score in rows).most_common(1)[0]
  if count > 1:
    raise InputError(
      f"{path}: scores the {organ} of {case_id(case)} {count} times; evaluate again, or take lines out."
    )
  if any(score.dice < 0 or score.dice > 1 for _, score in rows):
    raise InputError(f"{path}: holds a Dice outside of 0 to 1; evaluate again.")
  mean = score_table.summary(rows)["mean_dice"]
  if (mean is None) != (mean_dice is None) or (mean is not None and abs(mean - mean_dice) > _ROUNDING):
    raise InputError(
      f"{path}: has another mean Dice than metrics.json beside it: it was cut or changed. Evaluate again."
    )


def with_effect(content: Mapping[str, Any]) -> dict[str, Any]:
  """The settings of an experiment.json that had an effect, so that runs of all versions can be compared.

  Files of earlier versions, which have no format number, name the settings of both networks, and lack
  those that came later.
  """
  if not content:
    return {}
  unused = without_effect(content.get("network", "deeplab_v3")) | {"format"}
  known = {**BEFORE_THERE_WAS, **CAME_LATER, **content}
  return {name: value for name, value in known.items() if name not in unused}


def _run_dir(folder: pathlib.Path, summary: Mapping[str, Any]) -> pathlib.Path:
  scored = summary.get("run_dirs", [])
  if not (folder / "experiment.json").is_file() and len(scored) == 1 and pathlib.Path(scored[0]).is_dir():
    return pathlib.Path(scored[0])
  return folder
