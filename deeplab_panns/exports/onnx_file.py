"""Trained networks as ONNX files, checked against TensorFlow by ONNX Runtime before they get their name."""

from __future__ import annotations

import importlib.util
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from data.arrays import Floats
from data.files.outputs import Outputs
from data.input_error import InputError
from data.whole_file import AnyPath, write_bytes, write_text
from deeplab_panns.exports.model_card import CARD, ONNX_EXAMPLE, model_card
from deeplab_panns.portable.onnx_model import FACTS, MODEL
from deeplab_panns.segmentation.slabs import SlabSegmenter

OPSET = 17  # of ONNX 1.12, 2022
TOLERANCE = 1e-4  # of probabilities
_SIDES = ((65, 81), (97, 70))  # of the images that 2-D networks are compared on; 70 is on no grid


def require_onnx() -> None:
  """Raises InputError if the packages that write and check ONNX files are missing."""
  missing = [name for name in ("tf2onnx", "onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
  if missing:
    raise InputError(
      f"export --format=onnx: needs {', '.join(missing)}, not installed: pip install 'panns[onnx]' (from "
      "Python 3.10 on), or export a SavedModel."
    )


def write_onnx(segmenter: SlabSegmenter, facts: Mapping[str, Any], outputs: Outputs) -> float:
  """Writes model.onnx and MODEL_CARD.md.

  The input `image` is float32, whole numbers in [0, 255]: [n, height, width, channels] of any n, height and
  width in 2-D, [1, z, y, x, 1] of the patch size in 3-D. The output `probabilities` is float32 [..., K + 1].
  What prepares a volume for it stands outside: deeplab_panns/portable has it in NumPy. The file's metadata
  "panns" holds the facts as JSON.

  Args:
    segmenter: of a single network.
    facts: as from `facts_of`.
    outputs: has been asked whether the names are free.
  Returns:
    The largest difference of a probability between TensorFlow and ONNX Runtime, on random images.
  Raises:
    InputError: If they differ by more than TOLERANCE, or the files cannot be written.
  """
  model, difference = convert(segmenter, facts)
  if not difference <= TOLERANCE:
    raise InputError(
      f"{outputs.folder / MODEL}: is not written: ONNX Runtime's probabilities differ from TensorFlow's by "
      f"{difference:.1e}, more than {TOLERANCE:g}; export a SavedModel, or try another version of tf2onnx."
    )
  try:
    write_bytes(outputs.folder / MODEL, model)
    write_text(outputs.folder / CARD, model_card(facts, ONNX_EXAMPLE))
  except OSError as error:
    raise InputError(
      f"{outputs.folder}: cannot be written to ({error.strerror or error}); make room, or choose another "
      "--output_dir."
    ) from None
  outputs.wrote([MODEL, CARD])
  return difference


def convert(segmenter: SlabSegmenter, facts: Mapping[str, Any]) -> tuple[bytes, float]:
  """The content of an ONNX file, and the largest difference of a probability from TensorFlow's."""
  import tf2onnx

  network, inputs = segmenter.network, _input(facts)
  probabilities = tf.function(
    lambda image: {"probabilities": tf.nn.softmax(tf.cast(network(image, training=False), tf.float32))},
    input_signature=[inputs],
  )
  model, _ = tf2onnx.convert.from_function(probabilities, input_signature=[inputs], opset=OPSET)
  _spell_out_padding(model)
  model.metadata_props.add(key=FACTS, value=json.dumps(facts))
  model.producer_version = str(facts["version"])
  content: bytes = model.SerializeToString()
  return content, max(_difference(content, probabilities, image) for image in _images(facts))


def _input(facts: Mapping[str, Any]) -> tf.TensorSpec:
  if "patch_size" in facts:
    return tf.TensorSpec([1, *facts["patch_size"], 1], tf.float32, "image")
  return tf.TensorSpec([None, None, None, facts["slices_per_input"]], tf.float32, "image")


def _images(facts: Mapping[str, Any]) -> list[Floats]:
  if "patch_size" in facts:
    shapes = [(1, *facts["patch_size"], 1)]
  else:
    shapes = [(number, *sides, facts["slices_per_input"]) for number, sides in enumerate(_SIDES, 1)]
  rng = np.random.default_rng(0)
  return [rng.integers(0, 256, shape).astype(np.float32) for shape in shapes]


def _spell_out_padding(model: Any) -> None:
  """ONNX Runtime refuses dilated convolutions whose padding is "SAME". Ours have stride 1 and odd kernels, so
  it is rate * (taps - 1) / 2 on both sides."""
  from onnx import helper

  for node in model.graph.node:
    given = {attribute.name: attribute for attribute in node.attribute}
    if node.op_type != "Conv" or "auto_pad" not in given or "dilations" not in given:
      continue
    rates, taps = given["dilations"].ints, given["kernel_shape"].ints
    if given["auto_pad"].s.startswith(b"SAME") and max(rates) > 1:
      pads = [rate * (count - 1) // 2 for rate, count in zip(rates, taps)]
      node.attribute.remove(given["auto_pad"])
      node.attribute.append(helper.make_attribute("pads", pads + pads))


def _difference(content: bytes, probabilities: Any, image: Floats) -> float:
  import onnxruntime

  options = onnxruntime.SessionOptions()
  options.log_severity_level = 4
  session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
  ours = probabilities(tf.constant(image))["probabilities"].numpy()
  theirs = session.run(["probabilities"], {"image": image})[0]
  return float(np.abs(ours - theirs).max()) if ours.shape == theirs.shape else float("inf")


def onnx_outputs(output_dir: AnyPath, overwrite: bool = False) -> Outputs:
  """The folder of an ONNX export, checked before anything is computed.

  Raises:
    InputError: If it cannot be written to, or a file of others would be replaced.
  """
  if not str(output_dir):
    raise InputError("--output_dir=: is empty; name the folder of model.onnx.")
  if pathlib.Path(output_dir).suffix == ".onnx":
    raise InputError(f"--output_dir={output_dir}: names a folder, in which {MODEL} and {CARD} are written.")
  if (pathlib.Path(output_dir) / "saved_model.pb").exists():
    raise InputError(
      f"--output_dir={output_dir}: holds a SavedModel, and one model card cannot tell of two models; choose "
      "another folder."
    )
  outputs = Outputs(output_dir, overwrite=overwrite)
  outputs.require_free([MODEL, CARD])
  return outputs
