"""Reads the plain files of the study: lines of a keyword and its words, and flagfiles.

A line that is indented goes on with the line before; # starts a comment.
"""

from __future__ import annotations

import pathlib
import re
import shlex
from collections.abc import Collection, Iterable, Mapping

from data.input_error import InputError
from data.whole_file import AnyPath


def read_lines(path: pathlib.Path, keywords: Collection[str]) -> dict[str, list[str]]:
  """{keyword: [the rest of each of its lines]}.

  Raises:
    InputError: If the file cannot be read, or a line starts with none of the keywords.
  """
  found: dict[str, list[str]] = {keyword: [] for keyword in keywords}
  keyword = None
  for number, line in enumerate(_lines(path, "table"), 1):
    line = re.sub(r"(^|\s)#.*", "", line).rstrip()
    if not line:
      continue
    if line[0].isspace() and keyword:
      found[keyword][-1] += " " + line.strip()
      continue
    keyword, _, rest = line.partition(" ")
    if keyword not in keywords or not rest.strip():
      raise InputError(
        f"{path}, line {number}: found {line!r}; a line starts with one of {', '.join(sorted(keywords))} "
        "and goes on."
      )
    found[keyword].append(rest.strip())
  return found


def only_line(path: AnyPath, lines: Mapping[str, list[str]], keyword: str) -> str:
  """The one line of a keyword. Raises InputError if there is none, or more."""
  if len(lines[keyword]) != 1:
    raise InputError(f"{path}: has {len(lines[keyword])} lines {keyword!r}; needs one.")
  return lines[keyword][0]


def read_flagfile(path: AnyPath) -> dict[str, str]:
  """{flag: value} of a flagfile; a flag without a value is "true". Raises InputError if it cannot be read."""
  lines = _lines(path, "flagfile")
  return parse_flags(path, [line.strip() for line in lines if line.strip() and not line.startswith("#")])


def _lines(path: AnyPath, kind: str) -> list[str]:
  """The lines of a text file; `kind` says in the error what the file should be."""
  try:
    return pathlib.Path(path).read_text(encoding="utf-8").splitlines()
  except (OSError, UnicodeDecodeError) as error:
    raise InputError(f"{path}: cannot be read as a {kind} ({error}).") from error


def split_words(path: AnyPath, text: str) -> list[str]:
  """The words of a line, quoted as in a shell. Raises InputError, naming the file, if a quote stays open."""
  try:
    return shlex.split(text)
  except ValueError as error:
    raise InputError(f"{path}: found {text!r}; {error}. Close the quote, or remove it.") from error


def parse_flags(path: AnyPath, words: Iterable[str]) -> dict[str, str]:
  """{name: value} of words --name=value; later ones win.

  Args:
    path: of the file they stand in, for the error.
    words: --name alone means "true".
  Raises:
    InputError: If a word is no flag, names a flagfile, or is --noNAME.
  """
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
