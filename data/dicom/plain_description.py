"""What a series is called, as a part of a file's name, without what names the patient; names that do so."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

MOST_BYTES = 40
# Words of a name that stand in a description as a part of a longer word count from so many letters on.
_PART = 4
_SHORTEST = 3  # a word of a name that is found in file names by chance is shorter
_NOBODY = {"anon", "anonymous", "anonymized", "anonymised", "none", "patient", "phantom", "test", "unknown"}


def plain_description(text: str, personal: Iterable[str] = ()) -> str:
  """The words of a description, joined by _, of at most MOST_BYTES bytes; "" if nothing is left.

  Letters and digits of all alphabets stay. Descriptions are typed by hand, so they may hold the name.

  Args:
    personal: the patient's name, id and the like; words of them are left out.
  """
  theirs = {word for one in personal for word in _words(one.casefold()) if len(word) > 1}
  words = [word for word in _words(text) if not _names(word.casefold(), theirs)]
  joined = ""
  for word in words:
    longer = f"{joined}_{word}" if joined else word
    if len(longer.encode()) > MOST_BYTES:
      break
    joined = longer
  return joined


def names_patient(text: str, personal: Iterable[str]) -> bool:
  """Whether a file's name holds words of the patient's name, or the whole of the id.

  Args:
    personal: name and id as the headers have them.
  """
  own = [word.casefold() for word in _words(text)]
  together = "".join(own)
  for one in personal:
    theirs = [word.casefold() for word in _words(one)]
    whole = "".join(theirs)
    if len(whole) >= _PART and whole in together and whole not in _NOBODY:
      return True
    words = {word for word in theirs if len(word) >= _SHORTEST and not word.isdecimal()} - _NOBODY
    if any(_names(word, words) for word in own):
      return True
  return False


def _words(text: str) -> list[str]:
  composed = unicodedata.normalize("NFC", text).encode("utf-8", "ignore").decode()
  return [word for word in re.split(r"[\W_]+", composed) if word]


def _names(word: str, theirs: set[str]) -> bool:
  return word in theirs or any(len(one) >= _PART and one in word for one in theirs)
