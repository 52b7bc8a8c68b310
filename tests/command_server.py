"""Commands for the tests, each in a process of its own that need not import TensorFlow again.

A server imports what commands import, without running anything, and forks for each of them: the command
begins as `python -m` begins it, and nothing of it is left behind. This saves some three seconds a command.
"""

import atexit
import importlib
import json
import os
import runpy
import socket
import subprocess
import sys
import tempfile
import traceback

from tests.conftest import ROOT

_SERVERS = {}
IMPORTED = (
  "data",  # first: it sets what TensorFlow reads
  "tensorflow",
  "matplotlib.pyplot",
  "nibabel",
  "pydicom",
  "scipy.ndimage",
  "SimpleITK",
  "deeplab_panns.exports.saved_model",
  "deeplab_panns.prediction.prediction",
  "deeplab_panns.report.output",
  "deeplab_panns.scores.folder_scores",
  "deeplab_panns.training",
)


def run_module(module, args, env):
  """Runs `python -m module args` in the checkout; the finished process with its output as text."""
  with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
    request = json.dumps({"module": module, "args": args, "env": env}).encode()
    connection = _connection()
    socket.send_fds(connection, [len(request).to_bytes(8, "little")], [stdout.fileno(), stderr.fileno()])
    connection.sendall(request)
    code = int.from_bytes(_received(connection, 8), "little", signed=True)
    texts = []
    for file in (stdout, stderr):
      file.seek(0)
      texts.append(file.read().decode("utf-8"))
  return subprocess.CompletedProcess([module, *args], code, *texts)


def _connection():
  """The connection to this process's server, which is started with the first command."""
  if os.getpid() not in _SERVERS:
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
      [sys.executable, "-m", "tests.command_server", str(theirs.fileno())],
      cwd=ROOT,
      pass_fds=[theirs.fileno()],
    )
    theirs.close()
    _SERVERS[os.getpid()] = ours
    atexit.register(process.wait)
    atexit.register(ours.close)
  return _SERVERS[os.getpid()]


def _received(connection, count):
  content = b""
  while len(content) < count:
    part = connection.recv(count - len(content))
    if not part:
      raise EOFError("the other side has ended")
    content += part
  return content


def serve(connection, added):
  """Forks for each request until the other side hangs up; `added` are the variables that imports have set."""
  while True:
    size, files, _, _ = socket.recv_fds(connection, 8, 2)
    if not size:
      return
    request = json.loads(_received(connection, int.from_bytes(size, "little")))
    child = os.fork()
    if not child:
      connection.close()
      _become(request["module"], request["args"], {**added, **request["env"]}, *files)
    for file in files:
      os.close(file)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    connection.sendall(code.to_bytes(8, "little", signed=True))


def _become(module, args, env, stdout, stderr):
  """Runs the command and ends the process as the interpreter would."""
  os.dup2(stdout, 1)
  os.dup2(stderr, 2)
  os.environ.clear()
  os.environ.update(env)
  sys.argv = [module, *args]
  code = 0
  try:
    runpy.run_module(module, run_name="__main__", alter_sys=True)
  except SystemExit as end:
    code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    if isinstance(end.code, str):
      print(end.code, file=sys.stderr)
  except BaseException:
    traceback.print_exc()
    code = 1
  atexit._run_exitfuncs()  # as temporary folders are removed
  sys.stdout.flush()
  sys.stderr.flush()
  os._exit(code)


def _import_all():
  """Imports IMPORTED; returns the environment variables that were set by that."""
  before = dict(os.environ)
  for name in IMPORTED:
    importlib.import_module(name)
  return {name: value for name, value in os.environ.items() if name not in before}


if __name__ == "__main__":
  variables = _import_all()
  serve(socket.socket(fileno=int(sys.argv[1])), variables)
