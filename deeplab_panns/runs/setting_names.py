"""The flat names of a run's settings, as flags and experiment.json have them, and the part that each belongs
to.

Imports nothing, so that the report and the study can ask without TensorFlow.
"""

from __future__ import annotations

# Each maps a flag's name to the field of the part's dataclass (deeplab_panns/runs/experiment.py).
DEEPLAB = {
  name: name
  for name in (
    "backbone",
    "stem",
    "output_stride",
    "multi_grid",
    "decoder",
    "separable",
    "batch_norm_decay",
    "dropout_rate",
    "weight_decay",
  )
}
UNET = {
  "unet_filters": "filters",
  "unet_strides": "strides",
  "unet_units": "units",
  "unet_variant": "variant",
  "unet_decoder_activation": "decoder_activation",
}
_AUGMENTATION = {name: name for name in ("scales", "max_rotation_degrees")}
SLICES = {
  **{name: name for name in ("crop_size", "case_weighting", "view", "slices_per_input")},
  **_AUGMENTATION,
}
PATCHES = {**{name: name for name in ("patch_size", "organ_fraction")}, **_AUGMENTATION}
OBJECTIVE = {
  name: name
  for name in (
    "dual_update",
    "dual_step",
    "learning_rate_dual",
    "lambda1",
    "lambda2",
    "prior_scope",
    "partial_loss",
    "exclusion_weight",
    "pseudo_labels",
    "teacher_decay",
    "mix",
    "aligned_to",
    "anchored_prior",
    "atlas_weight",
    "dual_floor",
    "feature_rule",
  )
}
STAGE1 = {"stage1_steps": "steps", "learning_rate_stage1": "learning_rate"}
STAGE2 = {
  "supervision": "supervision",
  "partial_organs": "partial_organs",
  "prior_mismatch": "prior_mismatch",
  "prior_examples": "prior_examples",
  "freeze_batch_norm": "freeze_batch_norm",
  "stage2_steps": "steps",
  "stage2_warmup_steps": "warmup_steps",
  "learning_rate_stage2": "learning_rate",
  "pseudo_label_interval": "pseudo_label_interval",
  "partial_batch_fraction": "partial_fraction",
}
DESCENT = {name: name for name in ("optimizer", "momentum", "learning_rate_policy")}
HELD_OUT = {name: name for name in ("fold", "validation_fraction")}
WHOLE = {
  name: name
  for name in (
    "batch_size",
    "spacing_mm",
    "seed",
    "mixed_precision",
    "pretrained",
    "init_from",
    "co_training",
  )
}

# What stage 1 does not depend on: runs that differ in these alone can share one.
STAGE_2_SETTINGS = frozenset({*OBJECTIVE, *STAGE2})
# All that decides a run's numbers.
SETTINGS = frozenset(
  {
    "network",
    *DEEPLAB,
    *UNET,
    *SLICES,
    *PATCHES,
    *OBJECTIVE,
    *STAGE1,
    *STAGE2,
    *DESCENT,
    *HELD_OUT,
    *WHOLE,
  }
)

# A setting that came after runs were made, and whose default would change what they did, stands here with the
# value that reproduces it. All others take their default.
BEFORE_THERE_WAS: dict[str, str] = {"aligned_to": "prior_with_annotated", "dual_floor": "batch"}
# The default of those that came later and changed nothing: what a file that does not name them stands for.
CAME_LATER: dict[str, str | bool | float] = {
  "anchored_prior": False,
  "atlas_weight": 0.0,
  "co_training": False,
  "feature_rule": "none",
  "mixed_precision": "off",
  "pretrained": "",
  "init_from": "",
}
# Settings that are no more, with the value at which they did nothing: a run that has them so is read.
TAKEN_OUT = {"accepted_share": 1.0}


def without_effect(network: str) -> frozenset[str]:
  """The settings that a network of this name ("deeplab_v3" or "dltk_unet3d") does not look at."""
  slices, patches = frozenset({*DEEPLAB, *SLICES}), frozenset({*UNET, *PATCHES})
  return slices - patches if network == "dltk_unet3d" else patches - slices
