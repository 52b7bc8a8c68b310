"""A bar on a terminal, lines where there is none, both where a log is kept beside a terminal."""

import io
import re

import pytest

from deeplab_panns.training import step_display
from deeplab_panns.training.step_display import StepDisplay

VALUES = {"loss/labeled": 0.5, "prior/kl": 0.25, "throughput/images_per_second": 12.34}


class Terminal(io.StringIO):
  def isatty(self):
    return True


def run(out, terminal):
  display = StepDisplay("run", (2, 4), out, terminal)
  display.begin(0)
  for step in (1, 2):
    display.advance(step)
  display.show(2, VALUES)
  display.begin(2)
  for step in (3, 4):
    display.advance(step)
  display.say("interrupted")
  display.end()
  return out.getvalue(), terminal.getvalue()


def test_lines_without_a_terminal():
  lines, bar = run(io.StringIO(), io.StringIO())
  assert bar == ""
  first, second = lines.splitlines()
  assert re.fullmatch(r"run: step      2  J_L 0.5000  KL 0.2500  12.3 images/s  0:00:00 left", first)
  assert second == "run: interrupted"


def test_one_bar_on_a_terminal_with_stage_step_losses_and_the_time_left():
  lines, bar = run(Terminal(), Terminal())
  assert lines == "run: interrupted\n"
  last = bar.split("\r")[-1]
  assert re.search(r"run stage 2: +67%.*\| 4/6 \[.*<.*J_L 0.5000  KL 0.2500  12.3 images/s\]", last), last
  assert bar.count("\n") == 1  # the end of the bar


def test_both_where_the_lines_go_into_a_file():
  lines, bar = run(io.StringIO(), Terminal())
  assert "step      2" in lines and "4/6" in bar


@pytest.mark.parametrize("done, left", [(2, "2:44:58"), (99, "0:01:41")])
def test_the_time_left_is_that_of_the_steps_after_the_first(monkeypatch, done, left):
  clock = iter([1000.0, 1000.0 + 101.0 * (done - 1)])
  monkeypatch.setattr(step_display.time, "monotonic", lambda: next(clock))
  out = io.StringIO()
  display = StepDisplay("run", (50, 50), out, io.StringIO())
  display.begin(0)
  display.advance(1)
  display.show(done, VALUES)
  assert f"{left} left" in out.getvalue(), out.getvalue()
