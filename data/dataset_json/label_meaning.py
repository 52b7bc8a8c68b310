"""What the values and names in a label map stand for, and which organs are annotated in it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

from data.dataset_json.json_object import show
from data.dataset_json.organ_list import composed
from data.input_error import InputError
from data.listed import listed


@dataclasses.dataclass(frozen=True)
class Meaning:
  """What the values and names in a label map stand for; attributes as of data.cases.Case."""

  values: dict[int, str] = dataclasses.field(default_factory=dict)
  background: set[int] = dataclasses.field(default_factory=set)
  ignored: set[int] = dataclasses.field(default_factory=set)
  names: dict[str, str] = dataclasses.field(default_factory=dict)


def label_meaning(where: str, labels: Any, organs: tuple[str, ...]) -> Meaning:
  """The meaning that "labels" gives.

  Args:
    where: file and case, for messages.
    labels: the field's value; None: the values 1, 2, ... are the organs in their order.
    organs: the manifest's.
  Raises:
    InputError: On an unknown organ, a value that is none, or one that stands twice.
  """
  if labels is None:
    return Meaning(dict(enumerate(organs, 1)))
  if not isinstance(labels, dict):
    raise InputError(
      f'{where}: "labels" is {show(labels)}; it must map label values to organs, {{"1": "{organs[0]}"}}.'
    )
  meaning = Meaning()
  for key, name in labels.items():
    organ = composed(name)
    is_background = organ is None or organ == "background"
    is_ignored = organ == "ignore" and organ not in organs
    if not is_background and not is_ignored and organ not in organs:
      raise InputError(
        f'{where}: "labels" maps {key} to {show(organ)}; the organs of this manifest are '
        f"{listed(organs, 13)}. "
        'A value that is not wanted maps to null, one that counts nowhere to "ignore".'
      )
    if any(letter.isalpha() for letter in key) and not is_ignored:
      meaning.names[key] = "" if is_background else organ
      continue
    if key == "0" and is_background:
      continue  # as it always is
    if not re.fullmatch(r"-?[0-9]{1,9}", key) or int(key) == 0:
      raise InputError(
        f'{where}: "labels" has the value {show(key)}; values are whole numbers (0 is background), or '
        "names of segments."
      )
    value = int(key)
    if value in meaning.values or value in meaning.background | meaning.ignored:
      raise InputError(
        f'{where}: "labels" names the value {value} twice, the second time as "{key}"; once is allowed.'
      )
    if is_background:
      meaning.background.add(value)
    elif is_ignored:
      meaning.ignored.add(value)
    else:
      meaning.values[value] = organ
  return meaning


def annotated_organs(where: str, annotated: Any, organs: tuple[str, ...]) -> tuple[str, ...]:
  """The organs of "annotated", in the manifest's order. Raises InputError if one is unknown."""
  if annotated == "all":
    return organs
  if not isinstance(annotated, list) or not all(isinstance(organ, str) for organ in annotated):
    raise InputError(f'{where}: "annotated" is {show(annotated)}; it must be "all" or a list of organ names.')
  annotated = [composed(organ) for organ in annotated]
  unknown = [organ for organ in annotated if organ not in organs]
  if unknown:
    raise InputError(
      f'{where}: "annotated" names {listed(unknown)}; the organs of this manifest are {listed(organs, 13)}.'
    )
  return tuple(organ for organ in organs if organ in annotated)


def require_one_reading(where: str, annotated: Sequence[str], organs: tuple[str, ...]) -> None:
  """Raises InputError if a case without "labels" has two readings.

  Its values may count all organs, or those of "annotated" in the order given there.
  """
  for value, (counted, own) in enumerate(zip(organs, annotated), 1):
    if counted != own:
      raise InputError(
        f'{where}: annotates {listed(annotated)} and has no "labels", so the value {value} may be {counted} '
        f'or {own}; write "labels": {{"{value}": "{own}", ...}} there, or once for all cases at the top.'
      )
