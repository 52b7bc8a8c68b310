"""Every command: one line on stderr, exit codes, and help that has the project's flags alone."""

import os
import signal
import subprocess
import sys
import time

import pytest
from absl import flags

from data.command import MOST_CHARACTERS, help_text, one_line, system_says
from tests.conftest import ROOT

COMMAND = '''
"""Does as it is told."""
import os, signal, sys, time
from absl import flags
from data import command
from data.input_error import InputError
WHAT = ["nothing", "input", "flags", "os", "memory", "wait", "paths"]
flags.DEFINE_enum("do", "nothing", WHAT, "What happens.")
flags.DEFINE_string("run_dir", None, "A folder.")
flags.DEFINE_list("run_dirs", [], "Folders.")
flags.DEFINE_string("organ", "~", "No path.")
flags.DEFINE_integer("count", 3, "How often.", lower_bound=1)
def main(_):
  what = flags.FLAGS.do
  if what == "input": raise InputError("a.nii: found\\n  2, needs 3; mend it")
  if what == "flags": raise flags.ValidationError("--count=3: does not go with --do")
  if what == "os": open("/nowhere/a.nii")
  if what == "paths": print(flags.FLAGS.run_dir, flags.FLAGS.run_dirs, flags.FLAGS.organ)
  if what == "memory": raise MemoryError
  if what == "wait":
    print("ready", flush=True)
    time.sleep(20)
command.run(main, {"Numbers": ["count"]})
'''


def run(*arguments):
  return subprocess.run(
    [sys.executable, "-c", COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
  )


@pytest.mark.parametrize(
  "arguments, code, said",
  [
    ([], 0, ""),
    (["--do=input"], 1, "error: a.nii: found 2, needs 3; mend it\n"),
    (["--do=flags"], 2, "error: --count=3: does not go with --do (--help lists the flags)\n"),
    (["--do=os"], 1, "error: /nowhere/a.nii: No such file or directory; make room, or permit it"),
    (["--do=memory"], 1, "error: not enough memory"),
    (["--count=0"], 2, "error: flag --count=0"),
    (["--cuont=2"], 2, "error: Unknown command line flag 'cuont'"),
    (["extra"], 2, "error: received ['extra'] besides flags"),
    (["--flagfile=/gone.flags"], 2, "error: Unable to open flagfile"),
  ],
)
def test_one_line_and_the_exit_code(arguments, code, said):
  result = run(*arguments)
  assert result.returncode == code and result.stderr.startswith(said)
  assert result.stderr.count("\n") == (1 if code else 0)


def test_a_tilde_is_the_home_folder_in_flags_that_name_paths_and_in_no_other(monkeypatch):
  monkeypatch.setenv("HOME", "/home/x")
  said = run("--do=paths", "--run_dir=~/a~b", "--run_dirs=~,c/~,./~", "--organ=~/a").stdout
  assert said == "/home/x/a~b ['/home/x', 'c/~', './~'] ~/a\n"
  assert run("--do=paths").stdout == "None [] ~\n"
  unknown = run("--do=paths", "--run_dirs=a,~nobody_of_this_name/b")
  assert (
    unknown.returncode == 2 and "--run_dirs=~nobody_of_this_name/b: there is no such user" in unknown.stderr
  )


@pytest.mark.parametrize(
  "number, code, how", [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_both_ways_of_saying_stop_end_in_one_line(number, code, how):
  child = subprocess.Popen(
    [sys.executable, "-c", COMMAND, "--do=wait"],
    cwd=ROOT,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
    preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
  )
  assert child.stdout.readline() == "ready\n"
  time.sleep(0.1)
  child.send_signal(number)
  _, said = child.communicate(timeout=10)
  assert child.returncode == code
  assert said == f"error: {how}; the same command goes on from what is finished\n"


def test_help_has_the_commands_own_flags_by_group():
  result = run("--help")
  assert result.returncode == 0 and not result.stderr
  assert (
    result.stdout.index("--do=nothing|input")
    < result.stdout.index("Numbers:")
    < result.stdout.index("--count=N")
  )
  assert "(default: 3)" in result.stdout and "logtostderr" not in result.stdout


def test_flags_of_other_modules_are_not_shown():
  values = flags.FlagValues()
  flags.DEFINE_string("theirs", None, "Of a library.", flag_values=values, module_name="tensorflow.python")
  flags.DEFINE_bool("ours", True, "Of this project.", flag_values=values, module_name="deeplab_panns.config")
  text = help_text(values, {}, 80)
  assert "--[no]ours  (default: true)" in text and "theirs" not in text


def test_a_long_line_keeps_its_begin_and_its_end():
  text = one_line("file.nii: " + "1, " * 5000 + "take it out of the manifest.")
  assert (
    len(text) <= MOST_CHARACTERS and text.startswith("file.nii: 1,") and text.endswith("out of the manifest.")
  )


def test_a_name_that_is_no_text_can_be_printed():
  name = os.fsdecode(b"caf\xe9.nii")
  assert one_line(f"{name}: gone").isprintable()
  assert "caf\\udce9.nii" in one_line(system_says(FileNotFoundError(2, "No such file", name)))
