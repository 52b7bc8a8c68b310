"""Files of public weights: which kind a file is of, and its tensors by name."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from data.files.plain_path import plain_path
from data.input_error import InputError
from data.whole_file import AnyPath
from deeplab_panns.pretrained.safetensors_file import read_safetensors

_PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04")
_PICKLED = (".pth", ".pt", ".pkl", ".bin", ".tar")


@dataclasses.dataclass(frozen=True)
class TensorFile:
  """
  Attributes:
    kind: "tf1" (tensorflow/models), "keras" or "torch".
    tensors: {name as the file has it: float32 array}.
  """

  path: pathlib.Path
  kind: str
  tensors: dict[str, npt.NDArray[np.float32]]


def read_tensors(path: AnyPath) -> TensorFile:
  """Reads a TF1 checkpoint (its prefix, its .index, or a file of the older format), a Keras .h5, or a
  .safetensors file.

  Raises:
    InputError: If it is none of these or damaged. A .pth is a pickle, which can run code: it is refused.
  """
  path = pathlib.Path(path)
  prefix = path.with_suffix("") if path.suffix == ".index" else path
  if pathlib.Path(f"{prefix}.index").is_file():
    return TensorFile(path, "tf1", _read_tf1(prefix))
  try:
    with open(path, "rb") as file:
      start = file.read(8)
  except OSError as error:
    raise InputError(
      f"--pretrained={path}: cannot be read ({error.strerror or error}); name a TF1 checkpoint (its .index), "
      "a Keras .h5 or a .safetensors file."
    ) from None
  if path.suffix == ".safetensors":
    return TensorFile(path, "torch", read_safetensors(path))
  if start.startswith(_PICKLES) or path.suffix in _PICKLED:
    raise InputError(
      f"{path}: is a pickle, which can run code, and is not opened. Convert it: `import torch, "
      f"safetensors.torch as s`, then `s.save_file(torch.load({path.name!r}, weights_only=True), "
      f"{path.stem + '.safetensors'!r})`."
    )
  if start == b"\x89HDF\r\n\x1a\n":
    return TensorFile(path, "keras", _read_h5(path))
  return TensorFile(path, "tf1", _read_tf1(path))


def _read_tf1(prefix: pathlib.Path) -> dict[str, npt.NDArray[np.float32]]:
  try:
    with plain_path(prefix.absolute().parent) as plain:
      reader = tf.train.load_checkpoint(str(plain / prefix.name))
      types = reader.get_variable_to_dtype_map()
      numbers = [name for name in types if types[name].is_floating or types[name].is_integer]
      return {name: reader.get_tensor(name).astype(np.float32) for name in numbers}
  except (tf.errors.OpError, ValueError, LookupError, RuntimeError) as error:
    said = " ".join(str(error).split())[:80]
    raise InputError(
      f"{prefix}: is no TF1 checkpoint, Keras .h5 or .safetensors file that can be read ({said}); name the "
      "file as it was unpacked."
    ) from None


def _read_h5(path: pathlib.Path) -> dict[str, npt.NDArray[np.float32]]:
  """Names are <layer>/<weight>: of keras.applications' <layer>/<layer>/<weight>:0 the last two."""
  tensors: dict[str, npt.NDArray[np.float32]] = {}

  def keep(name: str, entry: Any) -> None:
    if isinstance(entry, h5py.Dataset) and entry.dtype.kind == "f":
      parts = name.removeprefix("model_weights/").split("/")
      tensors["/".join([*parts[-2:-1], parts[-1].partition(":")[0]])] = np.asarray(entry, np.float32)

  try:
    with h5py.File(path, "r") as file:
      file.visititems(keep)
  except (OSError, RuntimeError, ValueError, KeyError) as error:
    said = " ".join(str(error).split())[:80]
    raise InputError(f"{path}: is cut or damaged ({said}); fetch it again.") from None
  return tensors
