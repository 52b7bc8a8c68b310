"""Files with the names and shapes of public weights, filled with numbers, as their programs write them."""

import json

import h5py
import numpy as np
import tensorflow as tf

UNITS = {"50": (3, 4, 6, 3), "101": (3, 4, 23, 3)}


def conv_layers(depth, stem):
  """[(path of tensorflow/models, kernel shape)] of a ResNet's convolutions, by the paper's table of sizes."""
  layers = [("conv1", (7, 7, 3, 64))]
  if stem == "beta":
    layers = [("conv1_1", (3, 3, 3, 64)), ("conv1_2", (3, 3, 64, 64)), ("conv1_3", (3, 3, 64, 128))]
  entering = layers[-1][1][-1]
  for block, (units, width) in enumerate(zip(UNITS[depth], (64, 128, 256, 512)), 1):
    for unit in range(1, units + 1):
      path = f"block{block}/unit_{unit}/bottleneck_v1"
      if unit == 1:
        layers.append((f"{path}/shortcut", (1, 1, entering, 4 * width)))
      layers += [
        (f"{path}/conv1", (1, 1, entering, width)),
        (f"{path}/conv2", (3, 3, width, width)),
        (f"{path}/conv3", (1, 1, width, 4 * width)),
      ]
      entering = 4 * width
  return layers


def tf1_tensors(depth, stem):
  """{name: array} of an ImageNet checkpoint of tensorflow/models."""
  rng, scope, tensors = np.random.default_rng(0), f"resnet_v1_{depth}", {}
  normal = rng.standard_normal(999_983, np.float32)  # a prime, so that no two kernels are alike
  for path, shape in conv_layers(depth, stem):
    normal = np.roll(normal, 1)
    tensors[f"{scope}/{path}/weights"] = np.resize(normal, shape) / np.sqrt(np.float32(np.prod(shape[:3])))
    for name in ("gamma", "beta", "moving_mean", "moving_variance"):
      tensors[f"{scope}/{path}/BatchNorm/{name}"] = rng.random(shape[-1], np.float32) + 0.5
  tensors[f"{scope}/logits/weights"] = np.zeros((1, 1, 2048, 1001), np.float32)
  tensors[f"{scope}/logits/biases"] = np.zeros(1001, np.float32)
  return tensors


def write_tf1(prefix, tensors):
  """A checkpoint of names and tensors, with the step."""
  everything = {**tensors, "global_step": np.int64(7)}
  tf.raw_ops.SaveV2(
    prefix=str(prefix),
    tensor_names=list(everything),
    shape_and_slices=[""] * len(everything),
    tensors=list(everything.values()),
  )
  return prefix


def write_safetensors(path, tensors, dtype="<f4", kind="F32"):
  """By the format's description; the writer of the package `safetensors` is not needed."""
  header, parts, at = {"__metadata__": {"format": "pt"}}, [], 0
  for name, array in tensors.items():
    content = np.ascontiguousarray(array).astype(dtype).tobytes()
    header[name] = {"dtype": kind, "shape": list(np.shape(array)), "data_offsets": [at, at + len(content)]}
    parts.append(content)
    at += len(content)
  text = json.dumps(header).encode()
  path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(parts))
  return path


def torch_tensors(depth):
  """{name: array} as torchvision's state_dict has them, made of the same numbers as `tf1_tensors`."""
  source, tensors = tf1_tensors(depth, "plain"), {}
  leaves = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
  }
  for path, _ in conv_layers(depth, "plain"):
    parts = path.split("/")
    if len(parts) == 1:
      conv, norm = "conv1", "bn1"
    else:
      block = f"layer{parts[0][5:]}.{int(parts[1][5:]) - 1}"
      conv, norm = f"{block}.{parts[3]}", f"{block}.bn{parts[3][4:]}"
      if parts[3] == "shortcut":
        conv, norm = f"{block}.downsample.0", f"{block}.downsample.1"
    tensors[f"{conv}.weight"] = source[f"resnet_v1_{depth}/{path}/weights"].transpose(3, 2, 0, 1)
    for name, leaf in leaves.items():
      tensors[f"{norm}.{leaf}"] = source[f"resnet_v1_{depth}/{path}/BatchNorm/{name}"]
    tensors[f"{norm}.num_batches_tracked"] = np.zeros((), np.float32)
  tensors["fc.weight"], tensors["fc.bias"] = np.zeros((1000, 2048)), np.zeros(1000)
  return tensors


def write_h5(path, weights):
  """{"layer/weight": array} as Keras writes `save_weights`: <layer>/<layer>/<weight>:0."""
  with h5py.File(path, "w") as file:
    for name, array in weights.items():
      layer, leaf = name.split("/")
      file[f"{layer}/{layer}/{leaf}:0"] = array
  return path
