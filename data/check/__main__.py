"""python -m data.check: whether a store is still what data.prepare made, and whether its cases can be right.

Compares hashes, shapes, labels, voxel counts and grids of all arrays with the index, looks for one patient in
train and test, and asks the guards again. Exits with 1 if something is wrong with the store; what guards find
is only told, since prepare has let it in.
"""

from __future__ import annotations

import os

from absl import flags

from data import command
from data.check.whole_store import check_store
from data.input_error import InputError
from data.listed import listed


def define_flags() -> None:
  flags.DEFINE_string("data_dir", None, "The store.", required=True)
  flags.DEFINE_integer("workers", os.cpu_count(), "Cases checked at a time.", lower_bound=1)


def main(_: list[str]) -> None:
  args = flags.FLAGS
  checked = check_store(args.data_dir, args.workers)
  broken = [case_id for case_id, found in checked.cases.items() if found.faults]
  for case_id, found in checked.cases.items():
    for line in found.faults:
      print(f"failed: {case_id}: {line}")
    for finding in found.findings:
      print(f"warning: {case_id}: {finding.line} ({finding.guard})")
  for line in checked.faults:
    print(f"failed: {line}")
  for line in checked.notes:
    print(f"note: {line}")
  if broken:
    raise InputError(
      f"{args.data_dir}: {len(broken)} of {len(checked.cases)} cases are not as they were prepared "
      f"({listed(broken, 8)}); delete their folders in cases/ and run again what made the store, "
      "data.prepare or data.merge."
    )
  if checked.faults:
    raise InputError(
      f"{args.data_dir}: the cases are as they were prepared, and do not go together (see above)."
    )
  findings = sum(len(found.findings) for found in checked.cases.values())
  print(
    f"{args.data_dir}: {len(checked.cases)} cases, all as they were prepared; {findings} warnings of guards"
  )


if __name__ == "__main__":
  define_flags()
  command.run(main)
