"""How every command starts and fails: one line on stderr, exit code 1 for input, 2 for flags."""

import logging
import sys

from absl import app, flags
from absl import logging as absl_logging

from data.input_error import InputError


def fail(message, code=1):
  """Prints one line on stderr and leaves with `code`."""
  print("error: " + " ".join(str(message).split()), file=sys.stderr)
  sys.exit(code)


def _parse(argv):
  try:
    rest = flags.FLAGS(argv)
  except flags.Error as error:
    fail(f"{error} (--help lists the flags)", code=2)
  if len(rest) > 1:
    fail(f"received {rest[1:]} besides flags; every setting is a --flag=value (--help lists them)", code=2)
  return rest


def run(main):
  """Runs `main(argv)` as a command.

  Args:
    main: takes absl's argument list; raises InputError for what the user can mend and
      flags.Error for flags that do not go together.
  """

  def guarded(argv):
    # TensorFlow and absl tell of their own doings at length; what the user must know goes through fail()
    absl_logging.set_verbosity(absl_logging.ERROR)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
      return main(argv)
    except InputError as error:
      fail(error)
    except flags.Error as error:
      fail(f"{error} (--help lists the flags)", code=2)
    except KeyboardInterrupt:
      fail("interrupted; the same command goes on from what is finished", code=130)

  app.run(guarded, flags_parser=_parse)
