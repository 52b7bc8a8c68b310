"""Where a run stands, for whoever watches: one bar on a terminal, lines in a file."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import TextIO

import tqdm

_LOSSES = {"J_L": "loss/labeled", "J_P": "loss/partial", "prior": "loss/prior", "KL": "prior/kl"}
_WIDTH = 100


class StepDisplay:
  """A bar over the steps of both stages if standard error is a terminal; lines as well, or alone, where
  somebody keeps standard output."""

  def __init__(
    self, name: str, stages: tuple[int, int], out: TextIO | None = None, terminal: TextIO | None = None
  ):
    """Nothing is shown before `begin`.

    Args:
      name: of the run: it stands before every line, so that runs side by side can be told apart.
      stages: steps of each.
      out: for the lines; None is standard output.
      terminal: for the bar, if it is one; None is standard error.
    """
    self._name = name
    self._stages = stages
    self._out = out or sys.stdout
    self._terminal = terminal or sys.stderr
    self._lines = not (self._terminal.isatty() and self._out.isatty())
    self._bar: tqdm.tqdm | None = None
    self._begun: tuple[float, int] | None = None

  def begin(self, step: int) -> None:
    """Steps go on from here: a stage begins."""
    self._begun = None  # a stage's first step compiles: not counted
    if self._bar is None and self._terminal.isatty():
      self._bar = tqdm.tqdm(
        total=sum(self._stages),
        initial=step,
        unit="step",
        file=self._terminal,
        # tqdm shows nothing on a terminal that does not know its width
        **({"dynamic_ncols": True} if _knows_its_width(self._terminal) else {"ncols": _WIDTH}),
      )
    self._describe(step)

  def advance(self, step: int) -> None:
    """A step is done."""
    if self._begun is None:
      self._begun = (time.monotonic(), step)
    if self._bar is not None:
      self._bar.update(step - self._bar.n)

  def show(self, step: int, values: Mapping[str, float]) -> None:
    """Shows losses and throughput, {"loss/labeled": ..., ...} as TensorBoard has them."""
    losses = [f"{name} {values[key]:.4f}" for name, key in _LOSSES.items() if key in values]
    shown = "  ".join([*losses, f"{values['throughput/images_per_second']:.1f} images/s"])
    if self._bar is not None:
      self._bar.set_postfix_str(shown)
    if self._lines:
      self._print(f"{self._name}: step {step:>6}  {shown}{self._left(step)}")

  def say(self, text: str) -> None:
    """Prints a line of its own, above the bar."""
    self._print(f"{self._name}: {text}")

  def end(self) -> None:
    """Leaves the bar as it is."""
    if self._bar is not None:
      self._bar.close()
      self._bar = None

  def _describe(self, step: int) -> None:
    if self._bar is not None:
      self._bar.set_description_str(f"{self._name} stage {1 if step < self._stages[0] else 2}")

  def _left(self, step: int) -> str:
    """What the remaining steps take if they take as long as those of this stage so far."""
    if self._begun is None or step <= self._begun[1]:
      return ""
    seconds = (time.monotonic() - self._begun[0]) / (step - self._begun[1])
    left = round(seconds * (sum(self._stages) - step))
    return f"  {left // 3600}:{left // 60 % 60:02}:{left % 60:02} left"

  def _print(self, line: str) -> None:
    if self._bar is not None:
      self._bar.clear()
    print(line, file=self._out, flush=True)
    if self._bar is not None:
      self._bar.refresh()


def _knows_its_width(terminal: TextIO) -> bool:
  try:
    return os.get_terminal_size(terminal.fileno()).columns > 0
  except (OSError, ValueError):
    return False
