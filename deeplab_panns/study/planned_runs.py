"""The runs of a part: every cell with every seed, named by a hash of all that decides their numbers."""

from __future__ import annotations

import dataclasses
import hashlib
import json

from deeplab_panns.runs.setting_names import SETTINGS, STAGE_2_SETTINGS
from deeplab_panns.study.plan import Cell, Part

# In every hash: raise it when code or a flag's default changes numbers, and all runs are made anew.
FORMAT = 1
# data.phantom and data.deformed give their test cases this fold.
TEST_FOLD = 0


@dataclasses.dataclass(frozen=True)
class Drawn:
  """One seed's patients; commands: what draws, and data.prepare, as (module, flags ...) without folders."""

  name: str
  seed: int
  commands: tuple[tuple[str, ...], ...]

  @property
  def key(self):
    commands = [[module, *sorted(flags)] for module, *flags in self.commands]
    return _hash({"commands": commands, "seed": self.seed})


@dataclasses.dataclass(frozen=True)
class Run:
  """A cell with a seed.

  Attributes:
    flags: {name: value} for train, but for folders and what stage 1 it starts from.
  """

  cell: Cell
  cohort: Drawn
  flags: dict[str, str]

  @property
  def seed(self):
    return self.cohort.seed

  @property
  def name(self):
    return f"{self.cell.name}-seed{self.seed}-{self.key}"

  @property
  def key(self):
    """Ten hex digits; two runs of one key have the same numbers, whatever cell and part they stand in."""
    return _hash({"cohort": self.cohort.key, "train": decisive(self.flags)})

  @property
  def stage1_flags(self):
    """For train: the stage 1 that every cell of this seed and cohort with the same first stage can share."""
    kept = {name: value for name, value in self.flags.items() if name not in STAGE_2_SETTINGS}
    return {**kept, "supervision": "full", "stage2_steps": "0"}

  @property
  def stage1_key(self):
    return _hash({"cohort": self.cohort.key, "train": decisive(self.stage1_flags)})


def decisive(flags):
  """The flags that decide a run's numbers, in one spelling."""
  return {name: _canonical(value) for name, value in sorted(flags.items()) if name in SETTINGS}


def plan_runs(part: Part, seeds=()):
  """All runs of a part, seed by seed, so that an interrupted study has whole seeds to compare.

  Args:
    seeds: what every cell is run with instead of the part's own.
  """
  runs = []
  for seed in seeds or dict.fromkeys(seed for own in part.seeds.values() for seed in own):
    for cell in part.cells:
      if seeds or seed in part.seeds[cell.name]:
        flags = {**part.flags, **cell.flags, "fold": str(TEST_FOLD), "seed": str(seed)}
        runs.append(Run(cell, Drawn(cell.cohort, seed, part.cohorts[cell.cohort]), flags))
  return runs


def _canonical(value):
  """`1` and `1.0` are one value."""
  words = []
  for word in value.split(","):
    try:
      words.append(repr(float(word)))
    except ValueError:
      words.append(word.strip())
  return ",".join(words)


def _hash(content):
  text = json.dumps({"format": FORMAT, **content}, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()[:10]
