"""MODEL_CARD.md: what a reader must know of a model before using it.

After M. Mitchell et al., "Model Cards for Model Reporting", 2019.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

CARD = "MODEL_CARD.md"
NOT_FOR = (
  "decisions about a patient: nothing here was tested for that, and no authority has cleared it",
  "MR, PET, cone-beam CT, or CT that is not in Hounsfield units",
  "organs that are not in the list, tumours and other lesions, and organs that surgery removed or moved",
  "scans unlike those of training (voxels, part of the body, contrast medium, age): look at results first",
)
SAVED_MODEL_EXAMPLE = """\
import json, pathlib, sys
import numpy as np
import tensorflow as tf

folder, volume, spacing = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]  # MODEL volume.npy z,y,x
model = tf.saved_model.load(str(folder)).signatures["serving_default"]
hu = tf.constant(np.load(volume), tf.float32)  # [z, y, x]: to the head, to the back, to the patient's left
labels = model(volume=hu, spacing_mm=tf.constant([float(mm) for mm in spacing.split(",")]))["labels"].numpy()
for value, organ in enumerate(json.loads((folder / "assets" / "organs.json").read_text()), 1):
  print(organ, (labels == value).sum())
"""
ONNX_EXAMPLE = """\
import json, sys
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])  # model.onnx
facts = json.loads(session.get_modelmeta().custom_metadata_map["panns"])
low, high = facts["window_hu"]
hu = np.load(sys.argv[2])  # of the shape of the input, at the network's spacing
images = (np.clip(hu, low, high) - low) * (255 / (high - low))
labels = session.run(["probabilities"], {"image": np.round(images).astype(np.float32)})[0].argmax(-1)
for value, organ in enumerate(facts["organs"], 1):
  print(organ, (labels == value).sum())
"""


def model_card(facts: Mapping[str, Any], example: str) -> str:
  """The card in Markdown.

  Args:
    facts: as from `facts_of`.
    example: Python that runs the model.
  """
  organs: Sequence[str] = facts["organs"]
  sections = {
    f"# Organs in CT: {len(organs)} classes and background": [facts["intended_use"]],
    "## What it is not for": [f"- {what}." for what in NOT_FOR],
    "## Input and output": _interface(facts),
    "## Training": _training(facts),
    "## Dice by organ": _scores(facts),
    "## Example": [f"```python\n{example}```"],
  }
  return "\n".join(line for head, lines in sections.items() for line in (head, *lines, ""))


def _interface(facts: Mapping[str, Any]) -> list[str]:
  own = "its own spacing"
  spacing = ", ".join(own if value is None else f"{value:g} mm" for value in facts["spacing_mm"])
  if "view" in facts:
    what = f"{facts['view']} slices, {facts['slices_per_input']} neighbours at a time"
  else:
    what = f"windows of {' x '.join(map(str, facts['patch_size']))} voxels (z, y, x)"
  low, high = facts["window_hu"]
  lines = [
    f"- Reads {what}; HU {low:g} to {high:g} become 0 to 255; spacing of the network (z, y, x): {spacing}.",
    "- Label values: 0 background"
    + "".join(f", {value} {_cell(organ)}" for value, organ in enumerate(facts["organs"], 1))
    + ".",
  ]
  scans = facts["scans"]
  for name, what in (("spacing_mm", "Voxels"), ("extent_mm", "Extent")):
    if name in scans:
      least, most = ("x".join(f"{value:.3g}" for value in values) for values in scans[name])
      lines.append(f"- {what} of the training scans (z x y x x): {least} to {most} mm.")
  return lines


def _training(facts: Mapping[str, Any]) -> list[str]:
  training = facts["training"]
  settings, cases = training["settings"], training["cases"]
  network = settings.get("backbone", "") and f", {settings['backbone']}"
  lines = [
    f"- PaNN {facts['version']}: {settings['network']}{network}, --supervision={settings['supervision']}, "
    f"step {training['step']} of {settings['stage1_steps'] + settings['stage2_steps']}, "
    f"seed {settings['seed']}."
  ]
  if cases is None:
    lines.append("- The store of the training was gone or changed at export: its cases are not counted here.")
  else:
    lines.append(
      f"- {cases['labelled']} fully labelled and {cases['partial']} partially labelled cases; held out: "
      f"{cases['validation']} for validation, {cases['test']} as test."
    )
  begun = settings.get("pretrained") or settings.get("init_from")
  lines.append(f"- Started from {_cell(begun) if begun else 'random weights'}.")
  lines.append(f"- Content of the store (sha256): {training['fingerprint'] or 'not recorded'}.")
  return lines


def _scores(facts: Mapping[str, Any]) -> list[str]:
  scores, cases = facts["scores"], facts["training"]["cases"]
  if scores is None:
    lines = [
      "**Not known.** No scores of this checkpoint on unseen cases lie in the run: run "
      "`python -m deeplab_panns.evaluate --run_dir=RUN --split=val` (or test) and export again.",
      "",
    ]
    if cases is None:
      return lines
  else:
    split = {"val": "validation", "test": "test"}[scores["split"]]
    lines = [
      f"On the {scores['cases']} {split} cases, on the store's grid; mean over organs "
      f"{_dice(scores['mean_dice'])}. n: cases in which the organ is there or was found.",
      "",
    ]
    if scores["chose_checkpoint"]:
      lines.insert(1, "These cases chose the checkpoint: on others it will do less well.")
  lines += ["| organ | annotated in training cases | Dice | sd | n |", "|---|---|---|---|---|"]
  for organ in facts["organs"]:
    found = scores["organs"].get(organ) if scores else None
    annotated = "?" if cases is None else cases["annotated"][organ]
    dice = [_dice(found["dice"]), _dice(found["sd"]), found["n"]] if found else ["–", "–", 0]
    lines.append(f"| {_cell(organ)} | {annotated} | {dice[0]} | {dice[1]} | {dice[2]} |")
  return lines


def _dice(value: float | None) -> str:
  return "–" if value is None else f"{value:.3f}"


def _cell(name: str) -> str:
  """A name that cannot end a cell or begin markup."""
  return "".join(f"\\{letter}" if letter in "\\`*_[]<>|#&" else letter for letter in " ".join(name.split()))
