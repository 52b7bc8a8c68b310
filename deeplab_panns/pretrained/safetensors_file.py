"""Tensors in a .safetensors file.

The format (https://github.com/huggingface/safetensors, "Format"): the header's length as 8 bytes, little
endian; a JSON header {name: {"dtype", "shape", "data_offsets": [begin, end]}}; the data. Nothing in it can
run.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from data.input_error import InputError
from data.whole_file import AnyPath

_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}
_LONGEST_HEADER = 100_000_000  # the format's own limit


def read_safetensors(path: AnyPath) -> dict[str, npt.NDArray[np.float32]]:
  """{name: float32 array}.

  Raises:
    InputError: If the file cannot be read, is damaged, or holds another type than numbers.
  """
  try:
    with open(path, "rb") as file:
      content = file.read()
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(len(content) - 8, _LONGEST_HEADER):
      raise ValueError("its header does not fit into it")
    header, data = json.loads(content[8 : 8 + length]), memoryview(content)[8 + length :]
    header.pop("__metadata__", None)
    return {name: _tensor(name, entry, data) for name, entry in header.items()}
  except OSError as error:
    raise InputError(
      f"{path}: cannot be read ({error.strerror or error}); name the file of weights."
    ) from None
  except (ValueError, KeyError, TypeError, AttributeError) as error:
    raise InputError(f"{path}: is cut, damaged or no .safetensors file ({error}); fetch it again.") from None


def _tensor(name: str, entry: Mapping[str, Any], data: memoryview) -> npt.NDArray[np.float32]:
  begin, end = map(int, entry["data_offsets"])
  shape = [int(size) for size in entry["shape"]]
  kind = str(entry["dtype"])
  if kind == "BF16":  # the upper half of a float32
    dtype = np.dtype("<u2")
  elif kind in _DTYPES:
    dtype = np.dtype(_DTYPES[kind])
  else:
    raise ValueError(f"{name} is of type {kind}")
  if not 0 <= begin <= end <= len(data) or end - begin != math.prod(shape) * dtype.itemsize:
    raise ValueError(f"{name} lies outside of it")
  array = np.frombuffer(data[begin:end], dtype).reshape(shape)
  if kind == "BF16":
    return (array.astype(np.uint32) << 16).view(np.float32)
  return array.astype(np.float32)
