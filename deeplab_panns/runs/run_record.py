"""run.json: on what, with which versions and from where a run was trained, each time it was started."""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import subprocess
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from data.whole_file import write_text
from deeplab_panns.segmentation.peak_memory import peak_memory_gb

FORMAT = 1
_PACKAGES = ("panns", "tensorflow", "tensorflow-addons", "tf_keras", "keras", "numpy", "scipy")
# Of what /proc/cpuinfo lists, what libraries choose their kernels by, and so their order of additions.
_INSTRUCTIONS = ("sse4_2", "avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
_VARIABLES = (
  "TF_ENABLE_ONEDNN_OPTS",
  "ONEDNN_MAX_CPU_ISA",
  "TF_XLA_FLAGS",
  "XLA_FLAGS",
  "NVIDIA_TF32_OVERRIDE",
  "CUDA_VISIBLE_DEVICES",
  "OMP_NUM_THREADS",
)
_ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def note_start(path: pathlib.Path, step: int, begun_from: str, settings: Mapping[str, Any]) -> bool:
  """Adds a start to run.json. What a run was trained on decides its last digits; nothing is read from here.

  Args:
    begun_from: the checkpoint's path, or "" for new weights.
    settings: seed, determinism, strategy, threads and the like, as JSON.
  Returns:
    Whether the starts before are still there; a file that cannot be read is begun anew.
  """
  record, readable = _read(path)
  start = {"time": _now(), "step": step, "from": begun_from, **settings, **surroundings()}
  starts = [*record.get("starts", []), start]
  _write(path, {"starts": starts})
  return readable


def note_end(path: pathlib.Path, step: int) -> None:
  """Adds the run's end to run.json: its time, and the most memory that the process and each GPU held."""
  record, _ = _read(path)
  _write(path, {**record, "finished": {"time": _now(), "step": step, "peak_memory_gb": peak_memory_of_all()}})


def peak_memory_of_all() -> dict[str, float]:
  """{"process": 1.2, "GPU:0": 3.4}, in 10^9 bytes; without what the system does not tell."""
  found = {}
  with contextlib.suppress(OSError):
    found["process"] = peak_memory_gb()
  for device in tf.config.list_logical_devices("GPU"):
    name = device.name.partition("device:")[2]
    found[name] = tf.config.experimental.get_memory_info(name)["peak"] / 1e9
  return {name: round(value, 3) for name, value in found.items()}


def surroundings() -> dict[str, Any]:
  """Versions, commit, devices, processor, and variables that change what is computed; no name of the
  machine or the user."""
  return {
    "commit": commit(),
    "python": platform.python_version(),
    "system": platform.platform(),
    "versions": _versions(),
    "physical_devices": [_device(device) for device in tf.config.list_physical_devices()],
    "cpu": _cpu(),
    "variables": {name: os.environ[name] for name in _VARIABLES if name in os.environ},
  }


def commit(root: pathlib.Path = _ROOT) -> str | None:
  """The checkout's commit, with "-dirty" if files differ from it; None where there is no checkout."""
  if not (root / ".git").exists():  # git would find a repository further up, which is another's
    return None
  command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude=*", "--abbrev=40"]
  try:
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
  except (OSError, subprocess.TimeoutExpired):
    return None
  return found.stdout.strip() or None


def _versions() -> dict[str, str]:
  found = {}
  for package in _PACKAGES:
    try:
      found[package] = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
      continue
  return found


def _device(device: Any) -> str:
  details = tf.config.experimental.get_device_details(device) if device.device_type == "GPU" else {}
  return f"{device.device_type}:{details.get('device_name', '')}".rstrip(":")


def _cpu() -> dict[str, Any]:
  try:
    text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
  except OSError:
    text = ""
  fields = {
    key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())
  }
  flags = fields.get("flags", "").split()
  return {
    "model": fields.get("model name", platform.processor() or platform.machine()),
    "cores": os.cpu_count(),
    "instructions": [name for name in _INSTRUCTIONS if name in flags],
  }


def _read(path: pathlib.Path) -> tuple[dict[str, Any], bool]:
  """The record so far, and whether it could be read; one that is not there yet could."""
  try:
    record = json.loads(path.read_text(encoding="utf-8"))
  except FileNotFoundError:
    return {}, True
  except (OSError, ValueError):
    return {}, False
  if not isinstance(record, dict) or not isinstance(record.get("starts"), list):
    return {}, False
  return record, True


def _write(path: pathlib.Path, record: Mapping[str, Any]) -> None:
  write_text(path, json.dumps({"format": FORMAT, **record}, indent=1) + "\n")


def _now() -> str:
  return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
