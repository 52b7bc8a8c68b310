"""The runs of a part: every cell with every seed, named by a hash of all that decides their numbers."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

from data.listed import listed
from deeplab_panns.runs.setting_names import BEFORE_THERE_WAS, SETTINGS, STAGE_2_SETTINGS
from deeplab_panns.study.plan import Cell, Command, Part

# In every hash: raise it when code or a flag's default changes numbers, and all runs are made anew.
FORMAT = 1
# data.phantom and data.deformed give their test cases this fold.
TEST_FOLD = 0


@dataclasses.dataclass(frozen=True)
class SeedCohort:
  """The patients of one seed.

  Attributes:
    name: of the cohort.
    commands: what makes the patients, and data.prepare, without folders.
  """

  name: str
  seed: int
  commands: tuple[Command, ...]

  @property
  def key(self) -> str:
    """Ten hex digits, a hash of everything that determines the patients."""
    commands = [[module, *sorted(flags)] for module, *flags in self.commands]
    return _hash({"commands": commands, "seed": self.seed})


@dataclasses.dataclass(frozen=True)
class Run:
  """A cell with a seed.

  Attributes:
    flags: {name: value} for train, without its folders and without the stage 1 it starts from.
    stage1_of: the patients of its stage 1, if they are others.
  """

  cell: Cell
  cohort: SeedCohort
  flags: dict[str, str]
  stage1_of: SeedCohort | None = None

  @property
  def seed(self) -> int:
    """Of the patients and of the training."""
    return self.cohort.seed

  @property
  def name(self) -> str:
    """The name of its files, without a suffix."""
    return f"{self.cell.name}-seed{self.seed}-{self.key}"

  @property
  def key(self) -> str:
    """Ten hex digits; two runs of one key have the same numbers, whichever cell and part they belong to."""
    stage1 = {"stage1_cohort": self.stage1_of.key} if self.stage1_of else {}
    return _hash({"cohort": self.cohort.key, "train": decisive(self.flags), **stage1})

  @property
  def stage1_cohort(self) -> SeedCohort:
    """The patients of its stage 1."""
    return self.stage1_of or self.cohort

  @property
  def stage1_flags(self) -> dict[str, str]:
    """For train: the stage 1 that every cell of this seed and cohort with the same first stage can share."""
    kept = {name: value for name, value in self.flags.items() if name not in STAGE_2_SETTINGS}
    return {**kept, **BEFORE_THERE_WAS, "supervision": "full", "stage2_steps": "0"}

  @property
  def stage1_key(self) -> str:
    """As `key`, of the shared stage 1."""
    return _hash({"cohort": self.stage1_cohort.key, "train": decisive(self.stage1_flags)})


def decisive(flags: Mapping[str, str]) -> dict[str, str]:
  """The flags that determine a run's numbers, each value in one spelling.

  A run made before there was a setting keeps its name: it is that of a run that gives the setting the value
  of then, and no longer that of a run that leaves it to the default.
  """
  return {name: value for name, value in _given(flags).items() if value != BEFORE_THERE_WAS.get(name)}


def _given(flags: Mapping[str, str]) -> dict[str, str]:
  values = {name: _canonical(value) for name, value in flags.items() if name in SETTINGS}
  return dict(sorted({**dict.fromkeys(BEFORE_THERE_WAS, "default"), **values}.items()))


def plan_runs(part: Part, seeds: Iterable[int] = ()) -> list[Run]:
  """All runs of a part, seed by seed, so that an interrupted study has whole seeds to compare.

  Args:
    seeds: what every cell is run with instead of the part's own.
  """
  runs = []
  for seed in seeds or dict.fromkeys(seed for own in part.seeds.values() for seed in own):
    for cell in part.cells:
      if seeds or seed in part.seeds[cell.name]:
        flags = {**part.flags, **cell.flags, "fold": str(TEST_FOLD), "seed": str(seed)}
        cohorts = [
          SeedCohort(name, seed, part.cohorts[name]) for name in (cell.cohort, cell.stage1_cohort) if name
        ]
        runs.append(Run(cell, cohorts[0], flags, *cohorts[1:]))
  return runs


def parse_seeds(words: Sequence[str]) -> list[int]:
  """Seeds as whole numbers.

  Raises:
    ValueError: Beginning with "seeds=", if a word is no whole number or stands there twice.
  """
  if not all(word.isdecimal() for word in words) or len(set(map(int, words))) < len(words):
    raise ValueError(
      f"seeds={','.join(words)}: must be different whole numbers from 0 on, separated by commas"
    )
  return [int(word) for word in words]


def of_cells(runs: Sequence[Run], names: Sequence[str]) -> list[Run]:
  """The runs of the cells named, or all of them if none is.

  Raises:
    ValueError: Beginning with "cells=", if no run is of such a cell.
  """
  known = list(dict.fromkeys(run.cell.name for run in runs))
  if not set(names) <= set(known):
    raise ValueError(f"cells={','.join(names)}: must name cells of the part: {listed(known, 8)}")
  return [run for run in runs if not names or run.cell.name in names]


def _canonical(value: str) -> str:
  """A flag's value in one spelling: `1` and `1.0` are the same."""
  words = []
  for word in value.split(","):
    try:
      words.append(repr(float(word)))
    except ValueError:
      words.append(word.strip())
  return ",".join(words)


def _hash(content: Mapping[str, object]) -> str:
  text = json.dumps({"format": FORMAT, **content}, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()[:10]
