"""What a user can mend: a file, a flag, a folder that is not as the program needs it."""


class InputError(ValueError):
  """One line for the user: the file, what was found, what is allowed, and a way out.

  Commands print it without a traceback and exit with 1 (see data/command.py).
  """
