"""What a series is called, as a part of a file's name, without what names the patient."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

MOST_BYTES = 40
# Words of a name that stand in a description as a part of a longer word count from so many letters on.
_PART = 4


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


def _words(text: str) -> list[str]:
  composed = unicodedata.normalize("NFC", text).encode("utf-8", "ignore").decode()
  return [word for word in re.split(r"[\W_]+", composed) if word]


def _names(word: str, theirs: set[str]) -> bool:
  return word in theirs or any(len(one) >= _PART and one in word for one in theirs)
