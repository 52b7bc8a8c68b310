"""How every command starts, helps and fails: one line on stderr, exit code 1 for input, 2 for flags, 130 at
Ctrl-C and 143 at SIGTERM."""

from __future__ import annotations

import contextlib
import inspect
import logging
import os
import re
import shutil
import signal
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping
from types import FrameType
from typing import Any, NoReturn

from absl import app, flags
from absl import logging as absl_logging

from data.input_error import InputError

MOST_CHARACTERS = 300
_PACKAGES = ("data", "deeplab_panns")  # TensorFlow and absl define flags too
_PLACEHOLDERS = {"int": "N", "float": "X", "comma separated list of strings": "A,B,...", "string": "TEXT"}
# Flags that name files and folders: the shell leaves the ~ in `--run_dir=~/run` as it is.
_PATHS = re.compile(
  r"\w+_dirs?|input|model|manifest|predictions|references|stage1_run|pretrained|init_from|spacings|stores"
  r"|images|labels|experiment"
)
EXIT_INTERRUPTED, EXIT_TERMINATED = 130, 143  # 128 + the signal's number, as shells have it
TERMINATED = "terminated; the same command goes on from what is finished"
_HELP = ("--help", "-help", "-h", "--h", "--helpshort", "--helpfull")


class Terminated(KeyboardInterrupt):
  """SIGTERM: a batch system's way of saying Ctrl-C. Schedulers start again what ends with its code."""


def interrupt(number: int, frame: FrameType | None = None) -> NoReturn:
  """A signal's handler: raises Terminated at SIGTERM, KeyboardInterrupt at others."""
  raise Terminated if number == signal.SIGTERM else KeyboardInterrupt


def fail(message: object, code: int = 1) -> NoReturn:
  """Prints one line on stderr and leaves with `code`."""
  print(one_line(f"error: {message}"), file=sys.stderr)
  sys.exit(code)


def one_line(text: str) -> str:
  """The text in one line that can be printed anywhere; of a long one the end that says the way out stays."""
  line = " ".join(text.encode("utf-8", "backslashreplace").decode("utf-8").split())
  if len(line) <= MOST_CHARACTERS:
    return line
  head, tail = 2 * MOST_CHARACTERS // 3, MOST_CHARACTERS // 3 - 5
  return f"{line[:head].rstrip()} ... {line[-tail:].lstrip()}"


def run(main: Callable[[list[str]], Any], groups: Mapping[str, Iterable[str]] | None = None) -> None:
  """Runs `main(argv)` as a command.

  Args:
    main: takes absl's argument list; raises InputError for what the user can mend and
      flags.Error for flags that do not go together.
    groups: {heading: names of flags}, for --help; flags in none of them come first.
  """

  def guarded(argv: list[str]) -> Any:
    # TensorFlow and absl tell of their own doings at length; what the user must know goes through fail()
    absl_logging.set_verbosity(absl_logging.ERROR)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    signal.signal(signal.SIGTERM, interrupt)
    try:
      return main(argv)
    except InputError as error:
      fail(error)
    except flags.Error as error:
      fail(f"{error} (--help lists the flags)", code=2)
    except Terminated:
      fail(TERMINATED, EXIT_TERMINATED)
    except KeyboardInterrupt:
      fail("interrupted; the same command goes on from what is finished", EXIT_INTERRUPTED)
    except MemoryError:
      fail("not enough memory; close other programs, or take fewer or smaller cases at a time")
    except OSError as error:
      fail(system_says(error))

  app.run(guarded, flags_parser=lambda argv: _parse(argv, groups or {}))


def system_says(error: OSError) -> str:
  """What the operating system refused, and the way out."""
  where = f"{os.fspath(error.filename)!s}: " if error.filename is not None else ""
  return f"{where}{error.strerror or error}; make room, or permit it, and run the same command again"


def _parse(argv: list[str], groups: Mapping[str, Iterable[str]]) -> list[str]:
  if any(argument in _HELP for argument in argv[1:]):
    with contextlib.suppress(BrokenPipeError):  # `| head`
      print(help_text(flags.FLAGS, groups, shutil.get_terminal_size().columns), flush=True)
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - or Python complains at its end
    sys.exit(0)
  try:
    rest: list[str] = flags.FLAGS(argv)
  except flags.Error as error:
    fail(f"{str(error).removeprefix('ERROR:: ')} (--help lists the flags)", code=2)
  except OSError as error:
    fail(f"{system_says(error)} (--help lists the flags)", code=2)
  except UnicodeError as error:
    fail(f"a flagfile is no text in UTF-8 ({error}) (--help lists the flags)", code=2)
  if len(rest) > 1:
    fail(f"received {rest[1:]} besides flags; every setting is a --flag=value (--help lists them)", code=2)
  for flag in _own_flags(flags.FLAGS).values():
    if _PATHS.fullmatch(flag.name):
      flag.value = _at_home(flag.name, flag.value)
  return rest


def _at_home(name: str, value: str | list[str] | None) -> str | list[str] | None:
  """A path, or each of several, with `~` and `~user` as the home folder that a shell would put there."""
  if value is None or isinstance(value, list):
    return value and [str(_at_home(name, one)) for one in value]
  path = os.path.expanduser(value)
  if path.startswith("~"):
    fail(f"--{name}={value}: there is no such user; a folder of this name is written ./{value}", code=2)
  return path


def help_text(values: flags.FlagValues, groups: Mapping[str, Iterable[str]], columns: int) -> str:
  """The command's docstring and the project's flags, by group, without absl's own.

  Args:
    columns: of the terminal.
  """
  about = inspect.getdoc(sys.modules["__main__"]) or ""
  own = _own_flags(values)
  grouped = {name for names in groups.values() for name in names}
  sections = {"Flags": [name for name in own if name not in grouped], **groups}
  lines = [about]
  for heading, names in sections.items():
    shown = [name for name in names if name in own]
    if shown:
      lines += ["", f"{heading}:"]
      lines += [line for name in shown for line in _flag_lines(own[name], min(columns, 110))]
  lines += ["", "Any flag can stand in a file, one a line: --flagfile=FILE. Later ones win."]
  return "\n".join(lines)


def _own_flags(values: flags.FlagValues) -> dict[str, Any]:
  """{name: flag} of the project, without those of absl and TensorFlow."""
  return {
    flag.name: flag
    for module, defined in values.flags_by_module_dict().items()
    if module.partition(".")[0] in _PACKAGES or module == sys.argv[0]
    for flag in defined
  }


def _flag_lines(flag: Any, columns: int) -> list[str]:
  """A flag with its choices and default, and what it says, indented below."""
  default = flag.default_as_str if flag.default is not None else None
  choices = getattr(flag, "enum_values", None) or getattr(flag.parser, "enum_values", None)
  head = f"  --{'[no]' if flag.boolean else ''}{flag.name}"
  if not flag.boolean:
    head += "=" + ("|".join(choices) if choices else _PLACEHOLDERS.get(flag.flag_type(), "TEXT"))
  if default not in (None, "''", "''"):
    head += f"  (default: {str(default).strip(chr(39))})"
  says = re.sub(r"^<[^>]*>: ", "", flag.help)  # absl puts the choices first
  return [head, *textwrap.wrap(says, columns, initial_indent=" " * 6, subsequent_indent=" " * 6)]
