"""One store made by several computers at once: each prepares a share of the cases, the last one the index."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from data.files.file_lock import locked
from data.input_error import InputError
from data.listed import listed
from data.stored.case_folder import Entry
from data.whole_file import write_text


@dataclasses.dataclass(frozen=True)
class Shard:
  """One share of the cases; attributes as in `--shard=index/count`, from 1 on."""

  index: int
  count: int

  def takes(self, position: int) -> bool:
    """Whether the case at a position of the manifest, from 0 on, is in this share."""
    return position % self.count == self.index - 1


class OthersMissing(Exception):
  """This share is done and others are not, so that there is no store yet; no error.

  Attributes:
    missing: their numbers.
  """

  def __init__(self, shard: Shard, prepared: int, missing: list[int]) -> None:
    numbers = listed((f"{number}/{shard.count}" for number in missing), 8)
    super().__init__(
      f"shard {shard.index}/{shard.count}: {prepared} cases are prepared; the store is complete once "
      f"{numbers} are done too"
    )
    self.missing = missing


def parse_shard(text: str) -> Shard:
  """Reads "2/8". Raises InputError if it is anything else than 1/n to n/n."""
  match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
  shard = Shard(int(match[1]), int(match[2])) if match else Shard(0, 0)
  if not 1 <= shard.index <= shard.count:
    raise InputError(f"--shard={text}: must be i/n, from 1/n to n/n: the second of eight shares is 2/8.")
  return shard


def finish_shard(
  output_dir: pathlib.Path,
  shard: Shard,
  plan: Mapping[str, Any],
  entries: Mapping[str, Entry],
  complete: Callable[[dict[str, Entry]], None],
) -> None:
  """Records a share that is prepared, and calls `complete` with all entries if no other is missing.

  One process at a time does so, under a lock. Shares of another plan do not count.

  Args:
    plan: all that the shares must have in common, as JSON.
    entries: of this share, by case id.
    complete: writes the index.
  Raises:
    OthersMissing: If shares are missing.
  """
  digest = hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()
  folder = output_dir / "shards"
  with locked(folder / "lock"):
    write_text(_record(folder, shard), json.dumps({"plan": digest, "entries": entries}))
    found: dict[str, Entry] = {}
    missing = []
    for number in range(1, shard.count + 1):
      of_one = _read(_record(folder, Shard(number, shard.count)), digest)
      if of_one is None:
        missing.append(number)
      else:
        found |= of_one
    if missing:
      raise OthersMissing(shard, len(entries), missing)
    complete(found)


def begin_shard(output_dir: pathlib.Path, shard: Shard) -> None:
  """Takes back what an earlier run recorded of this share, and the index: the cases may change now."""
  folder = output_dir / "shards"
  with locked(folder / "lock"):
    _record(folder, shard).unlink(missing_ok=True)
    (output_dir / "index.json").unlink(missing_ok=True)


def _record(folder: pathlib.Path, shard: Shard) -> pathlib.Path:
  return folder / f"{shard.index}-of-{shard.count}.json"


def _read(path: pathlib.Path, plan: str) -> dict[str, Entry] | None:
  try:
    content = json.loads(path.read_text(encoding="utf-8"))
  except (FileNotFoundError, ValueError):
    return None
  entries: dict[str, Entry] = content["entries"]
  return entries if content["plan"] == plan else None
