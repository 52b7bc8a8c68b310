"""The plain files that describe the study: a flagfile and a table of cells for each part, a table of cohorts.

A line is a keyword and its words; one that is indented goes on with the line before; # starts a comment.

  base    FLAGFILE                                        what all runs of the part share
  cell    NAME COHORT REFERENCE --flag=value ...          a row of the result, compared with `full` and with
                                                          the cell REFERENCE (or -); COHORT@OTHER takes its
                                                          stage 1 from the patients of the cohort OTHER
  expect  CELL < CELL [< CELL ...] [by POINTS] [at P]     a hypothesis on each two neighbours: by more than
                                                          POINTS of Dice in % (0), with p < P (0.05);
                                                          by -1: not below by as much as 1
  point   SERIES SIZES LOWER UPPER                        a point of sizes.png: UPPER - LOWER against how
                                                          large SIZES, a stage 1 by itself, draws organs
  dose    SERIES LOWER UPPER                              a point of doses.png: UPPER - LOWER against how
                                                          many labelled patients UPPER is trained on
  seeds   SEED,SEED ... [CELL ...]                        what all cells, or those named, are run with
  quick   CELL ... --flag=value ...                       cells and flags of --quick, of the first QUICK_SEEDS
  cohort  NAME COMMAND --flag=value ... data.prepare ...  how the patients of a seed are made and prepared
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Iterable, Sequence

from data.input_error import InputError
from data.listed import listed
from data.whole_file import AnyPath
from deeplab_panns.study.plan_lines import only_line, parse_flags, read_flagfile, read_lines, split_words

QUICK_SEEDS = 2
_LISTED = 8  # names in an error
_EXPECTATION = re.compile(
  r"(?P<cells>[^\s<]+(?:\s*<\s*[^\s<]+)+)"
  r"(?:\s+by\s+(?P<points>-?\d+(?:\.\d+)?))?(?:\s+at\s+(?P<level>0?\.\d+))?"
)

# Flags of data.phantom and data.deformed that do not change the unseen patients.
_OF_TRAINING_PATIENTS = ("labeled_cases", "partial_cases", "annotated_in_turn", "oracle", "partial_fields")

Command = tuple[str, ...]
"""A module that `python -m` runs, and its flags as words --name=value."""


@dataclasses.dataclass(frozen=True)
class Cell:
  """A setting that is run with every seed.

  Attributes:
    name: of its row in the tables and of its files.
    cohort: names the patients it is trained and tested on.
    stage1_cohort: names the patients of its stage 1, of whom those with all organs annotated are among those
      of `cohort`; None: the same.
    reference: name of the cell that it is compared with besides `full`.
    flags: {name: value} for train, over those of the part.
  """

  name: str
  cohort: str
  reference: str | None
  flags: dict[str, str]
  stage1_cohort: str | None = None


@dataclasses.dataclass(frozen=True)
class Expectation:
  """Each of `cells` is below the next by more than `points` of Dice in %, at significance level `level`.

  Points below 0 say that the next is not worse by that much.
  """

  cells: tuple[str, ...]
  points: float = 0.0
  level: float = 0.05


@dataclasses.dataclass(frozen=True)
class PlottedGain:
  """What the cell `upper` gains over `lower`, in a picture.

  Attributes:
    series: the points that belong together, as the legend names them.
  """

  series: str
  lower: str
  upper: str

  @property
  def cells(self) -> tuple[str, ...]:
    """Names of the cells that it needs."""
    return (self.lower, self.upper)


@dataclasses.dataclass(frozen=True)
class DosePoint(PlottedGain):
  """To be shown against how many labelled patients `upper` has."""


@dataclasses.dataclass(frozen=True)
class SizePoint(PlottedGain):
  """To be shown against how large the cell `sizes` draws organs."""

  sizes: str

  @property
  def cells(self) -> tuple[str, ...]:
    return (*super().cells, self.sizes)


@dataclasses.dataclass(frozen=True)
class Part:
  """A table of the study.

  Attributes:
    flags: {name: value} for train, of all cells.
    seeds: {name of a cell: what it is run with}.
    cohorts: {name: the command that makes the patients, and data.prepare}.
  """

  name: str
  flags: dict[str, str]
  cells: tuple[Cell, ...]
  expectations: tuple[Expectation, ...]
  seeds: dict[str, tuple[int, ...]]
  cohorts: dict[str, tuple[Command, ...]]
  points: tuple[SizePoint, ...] = ()
  doses: tuple[DosePoint, ...] = ()

  def same_unseen(self, one: Cell, other: Cell) -> bool:
    """Whether two cells are scored on the same unseen patients: else a difference is of patients, too."""
    ours, theirs = (
      [
        tuple(word for word in command if word[2:].partition("=")[0] not in _OF_TRAINING_PATIENTS)
        for command in self.cohorts[cell.cohort]
      ]
      for cell in (one, other)
    )
    return ours == theirs

  def labeled_patients(self, name: str) -> int | None:
    """How many patients with all organs annotated the cell's cohort has; None if it does not say so."""
    cohort = next(cell.cohort for cell in self.cells if cell.name == name)
    flag = "--labeled_cases="
    counts = [word[len(flag) :] for word in self.cohorts[cohort][0] if word.startswith(flag)]
    return int(counts[0]) if len(counts) == 1 and counts[0].isdecimal() else None


def read_part(folder: AnyPath, name: str, quick: bool = False) -> Part:
  """Reads `folder`/NAME.table with its flagfile, and `folder`/cohorts.table.

  Args:
    quick: only the cells of the `quick` line, with its flags over those of the flagfile.
  Raises:
    InputError: If a file is missing or a line cannot be understood.
  """
  folder = pathlib.Path(folder)
  path = folder / f"{name}.table"
  if not path.is_file():
    parts = sorted(file.stem for file in folder.glob("*.table") if file.stem != "cohorts")
    raise InputError(
      f"{path}: no such table; the parts (--part) in this folder (--study_dir) are "
      f"{listed(parts, _LISTED) or 'none'}."
    )
  lines = read_lines(path, {"base", "cell", "expect", "point", "dose", "seeds", "quick"})
  flags = read_flagfile(folder / only_line(path, lines, "base"))
  cells = tuple(_cell(path, text) for text in lines["cell"])
  expectations = tuple(_expectation(path, text) for text in lines["expect"])
  seeds = _seeds(path, lines["seeds"], [cell.name for cell in cells])
  points = tuple(_point(path, text) for text in lines["point"])
  doses = tuple(_dose(path, text) for text in lines["dose"])
  part = Part(name, flags, cells, expectations, seeds, _cohorts(folder / "cohorts.table"), points, doses)
  if quick:
    part = _quick(path, part, split_words(path, only_line(path, lines, "quick")))
  _check(path, part)
  return part


def _cell(path: pathlib.Path, text: str) -> Cell:
  words = split_words(path, text)
  if len(words) < 3 or any(word.startswith("--") for word in words[:3]):
    raise InputError(f"{path}: found cell {text!r}; needs a name, a cohort, a reference cell or -, flags.")
  name, cohort, reference = words[:3]
  if not re.fullmatch(r"[A-Za-z0-9._-]+", name):
    raise InputError(f"{path}: the cell {name!r} names files; use letters, digits, '.', '_' and '-'.")
  cohort, _, stage1_cohort = cohort.partition("@")
  flags = parse_flags(path, words[3:])
  return Cell(name, cohort, None if reference == "-" else reference, flags, stage1_cohort or None)


def _expectation(path: pathlib.Path, text: str) -> Expectation:
  match = _EXPECTATION.fullmatch(text)
  if match is None:
    raise InputError(f"{path}: found expectation {text!r}; needs CELL < CELL, perhaps with: by POINTS at P.")
  cells = tuple(cell.strip() for cell in match["cells"].split("<"))
  return Expectation(cells, float(match["points"] or 0), float(match["level"] or 0.05))


def _point(path: pathlib.Path, text: str) -> SizePoint:
  words = split_words(path, text)
  if len(words) != 4:
    raise InputError(f"{path}: found point {text!r}; needs a series, a cell of stage 1, and two cells.")
  series, sizes, lower, upper = words
  return SizePoint(series, lower, upper, sizes)


def _dose(path: pathlib.Path, text: str) -> DosePoint:
  words = split_words(path, text)
  if len(words) != 3:
    raise InputError(f"{path}: found dose {text!r}; needs a series and two cells.")
  return DosePoint(*words)


def _seeds(path: pathlib.Path, texts: Iterable[str], names: Sequence[str]) -> dict[str, tuple[int, ...]]:
  """{cell name: its seeds}."""
  seeds: dict[str, list[int]] = {name: [] for name in names}
  for text in texts:
    first, *chosen = text.split()
    numbers = first.split(",")
    if not all(number.isdecimal() for number in numbers) or not set(chosen) <= set(names):
      raise InputError(
        f"{path}: found seeds {text!r}; needs whole numbers separated by commas, and then cells of "
        f"{listed(names, _LISTED)}, or none for all."
      )
    for name in chosen or seeds:
      seeds[name] += [int(number) for number in numbers]
  wrong = [name for name, found in seeds.items() if not found or len(set(found)) < len(found)]
  if wrong:
    raise InputError(
      f"{path}: the lines 'seeds' give {listed(wrong, _LISTED)} no seed, or one twice; each cell needs "
      "some, each once."
    )
  return {name: tuple(found) for name, found in seeds.items()}


def _cohorts(path: pathlib.Path) -> dict[str, tuple[Command, ...]]:
  cohorts = {}
  for text in read_lines(path, {"cohort"})["cohort"]:
    name, *words = split_words(path, text)
    commands: list[list[str]] = []
    for word in words:
      if not word.startswith("--"):
        commands.append([word])
      elif commands:
        commands[-1].append(word)
    modules = [command[0] for command in commands]
    if len(modules) != 2 or modules[1] != "data.prepare":
      raise InputError(
        f"{path}: cohort {name!r} has the commands {listed(modules, _LISTED) or 'none'}; "
        "needs one that makes the patients, and then data.prepare."
      )
    cohorts[name] = tuple(map(tuple, commands))
  return cohorts


def _quick(path: pathlib.Path, part: Part, words: Sequence[str]) -> Part:
  names = [word for word in words if not word.startswith("--")]
  flags = parse_flags(path, [word for word in words if word.startswith("--")])
  unknown = set(names) - {cell.name for cell in part.cells}
  if unknown:
    raise InputError(
      f"{path}: 'quick' names {listed(sorted(unknown), _LISTED)}; the cells are "
      f"{listed([cell.name for cell in part.cells], _LISTED)}."
    )
  cells = tuple(cell for cell in part.cells if cell.name in names)
  expectations = tuple(item for item in part.expectations if set(item.cells) <= set(names))
  seeds = {cell.name: part.seeds[cell.name][:QUICK_SEEDS] for cell in cells}
  points = tuple(item for item in part.points if set(item.cells) <= set(names))
  doses = tuple(item for item in part.doses if set(item.cells) <= set(names))
  return dataclasses.replace(
    part,
    name=f"{part.name}-quick",
    flags={**part.flags, **flags},
    cells=cells,
    expectations=expectations,
    seeds=seeds,
    points=points,
    doses=doses,
  )


def _check(path: pathlib.Path, part: Part) -> None:
  names = [cell.name for cell in part.cells]
  twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
  if not names or twice:
    found = f"names {listed(twice, _LISTED)} more than once" if twice else "has no cells"
    raise InputError(f"{path}: {found}; needs at least one cell, each name once.")
  for cell in part.cells:
    absent = [name for name in (cell.cohort, cell.stage1_cohort) if name and name not in part.cohorts]
    if absent:
      raise InputError(
        f"{path}: cell {cell.name!r} names the cohort {absent[0]!r}; cohorts.table has "
        f"{listed(list(part.cohorts), _LISTED)}."
      )
  named = {cell.reference for cell in part.cells if cell.reference}
  named |= {name for item in part.expectations for name in item.cells}
  named |= {name for item in (*part.points, *part.doses) for name in item.cells}
  unknown = sorted(named - set(names))
  if unknown:
    raise InputError(
      f"{path}: references, expectations, points or doses name {listed(unknown, _LISTED)}; the cells are "
      f"{listed(names, _LISTED)}."
    )
  cells = {cell.name: cell for cell in part.cells}
  pairs = [(cell.name, cell.reference) for cell in part.cells if cell.reference]
  pairs += [pair for item in part.expectations for pair in zip(item.cells, item.cells[1:])]
  pairs += [(item.lower, item.upper) for item in (*part.points, *part.doses)]
  for one, other in pairs:
    if not part.same_unseen(cells[one], cells[other]):
      raise InputError(f"{path}: compares {one!r} with {other!r}, whose cohorts have other unseen patients.")
  for item in part.doses:
    if part.labeled_patients(item.upper) is None:
      raise InputError(
        f"{path}: a dose names {item.upper!r}, whose cohort does not give --labeled_cases once, as a number."
      )
