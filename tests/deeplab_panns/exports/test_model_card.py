"""The card says what is known and what is not, and nothing in a name can break its tables."""

import copy

from deeplab_panns.exports.model_card import NOT_FOR, ONNX_EXAMPLE, SAVED_MODEL_EXAMPLE, model_card
from tests.deeplab_panns.exports.card_facts import FACTS


def facts(**changes):
  changed = copy.deepcopy(FACTS)
  changed.update(changes)
  return changed


def test_every_organ_has_its_dice_its_n_and_the_training_cases_that_annotate_it():
  card = model_card(FACTS, "pass\n")
  assert "On the 2 validation cases, on the store's grid; mean over organs 0.812." in card
  assert "These cases chose the checkpoint" in card
  assert "| spleen | 13 | 0.900 | 0.050 | 2 |" in card and "| liver | 4 | 0.725 | – | 1 |" in card
  assert "4 fully labelled and 9 partially labelled cases; held out: 2 for validation, 5 as test." in card
  assert (
    "HU -125 to 275 become 0 to 255; spacing of the network (z, y, x): its own spacing, 1.5 mm, 1.5 mm"
    in card
  )
  assert "deeplab_v3, resnet50, --supervision=panns, step 70 of 70, seed 3." in card
  assert "0 background, 1 spleen, 2 liver." in card and "- Started from random weights." in card
  assert "Extent of the training scans (z x y x x): 200x300x300 to 600x450x450 mm." in card
  assert card.index("## What it is not for") < card.index("## Dice by organ")
  assert all(what in card for what in NOT_FOR) and "```python\npass\n```" in card


def test_scores_that_nobody_measured_are_not_known():
  card = model_card(facts(scores=None), "")
  assert "**Not known.**" in card and "evaluate --run_dir=RUN --split=val" in card
  assert "| spleen | 13 | – | – | 0 |" in card
  training = {**FACTS["training"], "cases": None}
  card = model_card(facts(scores=None, training=training), "")
  assert "was gone or changed at export" in card and "| organ |" not in card
  assert "| spleen | ? | 0.900 |" in model_card(facts(training=training), "")


def test_a_three_dimensional_network_names_its_windows():
  of_windows = facts(patch_size=[64, 64, 32], overlap=0.5, scans={})
  del of_windows["view"], of_windows["slices_per_input"]
  card = model_card(of_windows, "")
  assert "windows of 64 x 64 x 32 voxels (z, y, x)" in card and "training scans" not in card


def test_the_weights_that_a_run_started_from_are_named():
  changed = facts()
  changed["training"]["settings"]["init_from"] = "phantoms sha256:0123456789abcdef"
  assert "- Started from phantoms sha256:0123456789abcdef." in model_card(changed, "")


def test_names_cannot_break_the_card():
  name = "a|b\n# <script>"
  changed = facts(organs=[name, "liver"])
  changed["training"]["cases"]["annotated"][name] = 1
  card = model_card(changed, "")
  assert "| a\\|b \\# \\<script\\> | 1 | – | – | 0 |" in card and "<script" not in card.replace("\\<", "")


def test_examples_are_ten_lines():
  for example in (SAVED_MODEL_EXAMPLE, ONNX_EXAMPLE):
    lines = [line for line in example.splitlines() if line]
    assert len(lines) <= 11 and max(map(len, lines)) <= 110
