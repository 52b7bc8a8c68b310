"""The plain files that describe the study: a flagfile and a table of cells for each part, a table of cohorts.

A line is a keyword and its words; one that is indented goes on with the line before; # starts a comment.

  base    FLAGFILE                                        what all runs of the part share
  cell    NAME COHORT REFERENCE --flag=value ...          a row of the result, compared with `full` and with
                                                          the cell REFERENCE (or -)
  expect  CELL < CELL [< CELL ...] [by POINTS] [at P]     a hypothesis on each two neighbours: by more than
                                                          POINTS of Dice in % (0), with p < P (0.05)
  seeds   SEED,SEED ... [CELL ...]                        what all cells, or those named, are run with
  quick   CELL ... --flag=value ...                       cells and flags of --quick, of the first QUICK_SEEDS
  cohort  NAME COMMAND --flag=value ... data.prepare ...  how the patients of a seed are drawn and prepared
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import shlex

from data.input_error import InputError

QUICK_SEEDS = 2
_EXPECTATION = re.compile(
  r"(?P<cells>[^\s<]+(?:\s*<\s*[^\s<]+)+)"
  r"(?:\s+by\s+(?P<points>\d+(?:\.\d+)?))?(?:\s+at\s+(?P<level>0?\.\d+))?"
)


@dataclasses.dataclass(frozen=True)
class Cell:
  """A setting that is run for every seed; reference: name of the cell it is compared with besides `full`."""

  name: str
  cohort: str
  reference: str | None
  flags: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Expectation:
  """Each of `cells` is below the next by more than `points` of Dice in %, at significance level `level`."""

  cells: tuple[str, ...]
  points: float = 0.0
  level: float = 0.05


@dataclasses.dataclass(frozen=True)
class Part:
  name: str
  flags: dict[str, str]
  cells: tuple[Cell, ...]
  expectations: tuple[Expectation, ...]
  seeds: dict[str, tuple[int, ...]]  # of each cell
  cohorts: dict[str, tuple[tuple[str, ...], ...]]  # name → commands, each a module and its flags


def read_part(folder, name, quick=False):
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
      f"{', '.join(parts) or 'none'}."
    )
  lines = _read_lines(path, {"base", "cell", "expect", "seeds", "quick"})
  flags = read_flagfile(folder / _only(path, lines, "base"))
  cells = tuple(_cell(path, text) for text in lines["cell"])
  expectations = tuple(_expectation(path, text) for text in lines["expect"])
  seeds = _seeds(path, lines["seeds"], [cell.name for cell in cells])
  part = Part(name, flags, cells, expectations, seeds, _cohorts(folder / "cohorts.table"))
  if quick:
    part = _quick(path, part, shlex.split(_only(path, lines, "quick")))
  _check(path, part)
  return part


def read_flagfile(path):
  """{flag: value} of a flagfile; a flag without a value is "true". Raises InputError if it cannot be read."""
  try:
    lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
  except (OSError, UnicodeDecodeError) as error:
    raise InputError(f"{path}: cannot be read as a flagfile ({error}).") from error
  return parse_flags(path, [line.strip() for line in lines if line.strip() and not line.startswith("#")])


def parse_flags(path, words):
  """{name: value} of --name=value words; later ones win. `path` is for the error."""
  flags = {}
  for word in words:
    name, equals, value = word.partition("=")
    if not name.startswith("--") or name == "--flagfile":
      raise InputError(f"{path}: found {word!r}; needs --flag=value, and no flagfile within.")
    if name.startswith("--no") and not equals:
      raise InputError(
        f"{path}: found {word!r}; write --{name[4:]}=false, so that one setting has one spelling."
      )
    flags[name[2:]] = value if equals else "true"
  return flags


def _read_lines(path, keywords):
  """{keyword: [the rest of each of its lines]}."""
  found: dict[str, list[str]] = {keyword: [] for keyword in keywords}
  keyword = None
  for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
    line = re.sub(r"(^|\s)#.*", "", line).rstrip()
    if not line:
      continue
    if line[0].isspace() and keyword:
      found[keyword][-1] += " " + line.strip()
      continue
    keyword, _, rest = line.partition(" ")
    if keyword not in keywords or not rest.strip():
      raise InputError(
        f"{path}, line {number}: found {line!r}; a line starts with "
        f"{', '.join(sorted(keywords))} and goes on."
      )
    found[keyword].append(rest.strip())
  return found


def _only(path, lines, keyword):
  if len(lines[keyword]) != 1:
    raise InputError(f"{path}: has {len(lines[keyword])} lines {keyword!r}; needs one.")
  return lines[keyword][0]


def _cell(path, text):
  words = shlex.split(text)
  if len(words) < 3 or any(word.startswith("--") for word in words[:3]):
    raise InputError(f"{path}: found cell {text!r}; needs a name, a cohort, a reference cell or -, flags.")
  name, cohort, reference = words[:3]
  if not re.fullmatch(r"[A-Za-z0-9._-]+", name):
    raise InputError(f"{path}: the cell {name!r} names files; use letters, digits, '.', '_' and '-'.")
  return Cell(name, cohort, None if reference == "-" else reference, parse_flags(path, words[3:]))


def _expectation(path, text):
  match = _EXPECTATION.fullmatch(text)
  if match is None:
    raise InputError(f"{path}: found expectation {text!r}; needs CELL < CELL, perhaps with: by POINTS at P.")
  cells = tuple(cell.strip() for cell in match["cells"].split("<"))
  return Expectation(cells, float(match["points"] or 0), float(match["level"] or 0.05))


def _seeds(path, texts, names):
  """{cell name: its seeds}."""
  seeds: dict[str, list[int]] = {name: [] for name in names}
  for text in texts:
    first, *chosen = text.split()
    numbers = first.split(",")
    if not all(number.isdecimal() for number in numbers) or not set(chosen) <= set(names):
      raise InputError(
        f"{path}: found seeds {text!r}; needs whole numbers separated by commas, and then cells of "
        f"{', '.join(names)}, or "
        "none for all."
      )
    for name in chosen or seeds:
      seeds[name] += [int(number) for number in numbers]
  repeated = [name for name, found in seeds.items() if not found or len(set(found)) < len(found)]
  if repeated:
    raise InputError(
      f"{path}: the lines 'seeds' give {', '.join(repeated)} no seed, or one twice; each cell needs some, "
      "each once."
    )
  return {name: tuple(found) for name, found in seeds.items()}


def _cohorts(path):
  cohorts = {}
  for text in _read_lines(path, {"cohort"})["cohort"]:
    name, *words = shlex.split(text)
    commands: list[list[str]] = []
    for word in words:
      if not word.startswith("--"):
        commands.append([word])
      elif commands:
        commands[-1].append(word)
    modules = [command[0] for command in commands]
    if len(modules) != 2 or modules[1] != "data.prepare":
      raise InputError(
        f"{path}: cohort {name!r} has the commands {modules}; needs one that draws, and then data.prepare."
      )
    cohorts[name] = tuple(map(tuple, commands))
  return cohorts


def _quick(path, part, words):
  names = [word for word in words if not word.startswith("--")]
  flags = parse_flags(path, [word for word in words if word.startswith("--")])
  unknown = set(names) - {cell.name for cell in part.cells}
  if unknown:
    raise InputError(f"{path}: quick names {sorted(unknown)}, which are no cells.")
  cells = tuple(cell for cell in part.cells if cell.name in names)
  expectations = tuple(item for item in part.expectations if set(item.cells) <= set(names))
  seeds = {cell.name: part.seeds[cell.name][:QUICK_SEEDS] for cell in cells}
  return Part(f"{part.name}-quick", {**part.flags, **flags}, cells, expectations, seeds, part.cohorts)


def _check(path, part):
  names = [cell.name for cell in part.cells]
  if not names or len(set(names)) < len(names):
    raise InputError(f"{path}: has the cells {names}; needs at least one, each name once.")
  for cell in part.cells:
    if cell.cohort not in part.cohorts:
      raise InputError(
        f"{path}: cell {cell.name!r} names the cohort {cell.cohort!r}; cohorts.table has "
        f"{', '.join(part.cohorts)}."
      )
  named = {cell.reference for cell in part.cells if cell.reference}
  named |= {name for item in part.expectations for name in item.cells}
  if named - set(names):
    unknown = ", ".join(sorted(named - set(names)))
    raise InputError(f"{path}: references or expectations name {unknown}; the cells are {', '.join(names)}.")
