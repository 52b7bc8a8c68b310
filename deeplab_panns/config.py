"""The flags of training, and the Experiment they become in main(). Nothing below main() reads a flag."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from absl import flags

from data.arrays import WantedSpacingMM
from data.batches.slices import CASE_WEIGHTINGS, SLICE_AXIS
from data.spacing import fill_spacing, parse_spacing
from deeplab_panns.distribution.devices import STRATEGIES, Devices
from deeplab_panns.method.objective import (
  ALIGNED_TO,
  DUAL_FLOORS,
  DUAL_UPDATES,
  FEATURE_RULES,
  PARTIAL_LOSSES,
  PRIOR_SCOPES,
  PSEUDO_LABELS,
)
from deeplab_panns.method.schedules import POLICIES
from deeplab_panns.networks import resnet
from deeplab_panns.networks.precision import PRECISIONS
from deeplab_panns.runs import flat_settings, setting_names
from deeplab_panns.runs.experiment import (
  OPTIMIZERS,
  PRIOR_MISMATCHES,
  SUPERVISIONS,
  Experiment,
)
from dltk_unet.residual_unit import ACTIVATIONS
from dltk_unet.unet import VARIANTS

# What each flag says; its type and default are those of the field in the dataclasses (deeplab_panns.runs).
_NETWORK = {
  "network": "DeepLab-v3 on slices, or DLTK's residual U-Net on 3-D patches.",
  "backbone": "Trunk of DeepLab-v3.",
  "stem": "First layers of the trunk: three 3x3 convolutions, or one 7x7.",
  "output_stride": "Pixels per feature of the trunk: 8 or 16.",
  "multi_grid": "Factors on the dilation of the trunk's last three units.",
  "decoder": "Add the v3+ decoder at stride 4.",
  "separable": "Depthwise separable convolutions in ASPP and decoder, as in v3+.",
  "batch_norm_decay": (
    "Decay of all batch norm statistics; default: 0.95 trunk, 0.9997 head. Runs below 15,000 steps need less."
  ),
  "dropout_rate": "Dropout after the ASPP.",
  "weight_decay": "L2 penalty on convolution kernels, as weight_decay/2 times the sum of squares.",
  "pretrained": (
    "ImageNet weights that the trunk starts from, resnet50 or resnet101: a DeepLab checkpoint of "
    "tensorflow/models (.index), or for --stem=plain a Keras .h5 or torchvision's as .safetensors."
  ),
  "init_from": (
    "A run that the network starts from, all but its logits: the organs may be others. Scores on cases that "
    "it was trained on say nothing."
  ),
  "unet_filters": "Filters of the U-Net's scales.",
  "unet_strides": "Strides between the U-Net's scales, along all three axes.",
  "unet_units": "Residual units of a scale of the U-Net.",
  "unet_variant": "asymmetric: one unit in each decoder scale.",
  "unet_decoder_activation": "relu6 is what DLTK's symmetric network computes.",
}
_METHOD = {
  "supervision": (
    "full: labelled cases alone; semi: partial ones as unlabelled; partial: no prior; panns: all of it."
  ),
  "partial_organs": (
    "Use only the partial cases that annotate none but these organs; default: all partial cases."
  ),
  "dual_update": "Ascent of the dual variables; sgd is the paper's, as printed.",
  "dual_step": "Step of the newton ascent.",
  "lambda1": (
    "Weight of the loss on partial images, a mean over their own pixels: 1/3 at three labelled images for a "
    "partial one is the paper's 1."
  ),
  "lambda2": "Weight of the prior; 0 unless --supervision=panns.",
  "prior_scope": "Whose shares the prior holds: the batch's (dual variables), or each image's (directly).",
  "prior_mismatch": (
    "Partial sets whose annotated organs speak against the prior (prior_check): no difference; not "
    "counted in the prior; q takes the shares that they have there."
  ),
  "prior_examples": "Label crops that q is estimated on; at least an epoch of them is drawn.",
  "partial_loss": (
    "J_P: the paper's, or cross-entropy with the probabilities of background and un-annotated organs summed."
  ),
  "exclusion_weight": "Weight of a penalty on un-annotated organs where an annotated one is drawn.",
  "pseudo_labels": (
    "The teacher's choice (the paper's), its probabilities, or its choice with offsets that hold the "
    "sizes to the prior."
  ),
  "pseudo_label_interval": "Steps between snapshots of the teacher.",
  "teacher_decay": "Share of the teacher that survives a step, the rest being the network; 0: snapshots.",
  "mix": "Paste boxes of labelled images into partial ones.",
  "feature_rule": (
    "What features of pixels do for pseudo-labels: leave out organs whose features lie apart in an image "
    "(COSST), or classify by class means as well (LTUDA)."
  ),
  "co_training": "Train two networks in both stages; each is the other's teacher (Huang et al., 2020).",
  "aligned_to": (
    "Sizes of aligned pseudo-labels where nobody annotated: q, or the teacher's mean probabilities; "
    "prior_with_annotated: q over all pixels, as before this setting was there."
  ),
  "anchored_prior": (
    "In place of q what the labelled cases have around the organs annotated in a scan: in the prior and in "
    "aligned pseudo-labels. For partial scans that show another part of the body."
  ),
  "atlas_weight": "Of the anchored prior at each pixel, in the logits of the teacher.",
  "dual_floor": (
    "What of an organ newton keeps above q/10: its running mean, or (as it was) the share of each batch."
  ),
  "freeze_batch_norm": (
    "Normalize by stage 1's statistics in stage 2: for small batches, or partial scans of another look."
  ),
}
_SCHEDULE = {
  "stage1_steps": "Steps on labelled cases alone.",
  "stage2_steps": "Steps on labelled and partial cases.",
  "stage2_warmup_steps": (
    "Steps over which stage 2 rises to its learning rate, linearly; for partial images that look so "
    "unlike the labelled ones that the first full steps throw the weights about."
  ),
  "learning_rate_stage1": "Learning rate of stage 1.",
  "learning_rate_stage2": "Learning rate of stage 2.",
  "learning_rate_policy": "poly: falls to 0 over each stage, power 0.9.",
  "learning_rate_dual": "Step of the sgd ascent.",
  "optimizer": "sgd has momentum; adam learns small organs in far fewer steps from scratch.",
  "momentum": "Momentum of sgd.",
  "mixed_precision": (
    "Compute the network in half precision; weights, losses, prior and dual variables stay float32. For "
    "GPUs with tensor cores (float16, with a loss scale) and TPUs (bfloat16); slower on a CPU."
  ),
  "batch_size": "Labelled and partial examples together, over all replicas; a multiple of 4.",
  "partial_batch_fraction": "Share of partial examples in stage 2.",
}
_INPUT = {
  "crop_size": "Side of the training crops in pixels: a multiple of the output stride, plus 1.",
  "patch_size": "Voxels of the 3-D patches: S, or Sz,Sy,Sx.",
  "organ_fraction": "Share of the 3-D patches drawn around a random organ that the case has.",
  "view": "Plane of the slices.",
  "case_weighting": (
    "Slices: a case counts by its slices, all cases alike, or sets of n cases with the same organs "
    "annotated by the root of n. 3-D patches are always drawn from all cases alike."
  ),
  "slices_per_input": "Neighbouring slices as channels; odd.",
  "scales": "One is drawn for each crop.",
  "max_rotation_degrees": "Crops are turned by an angle uniform in [0, this].",
  "fold": "Fold to hold out as test; -1 trains on all.",
  "validation_fraction": "Share of the fully labelled training cases held out for validation.",
  "seed": "Seed of weights, batches, dropout and the choice of validation cases.",
}
_CHOICES: dict[str, tuple[str, ...]] = {
  "network": flat_settings.NETWORKS,
  "backbone": tuple(resnet.BACKBONES),
  "stem": resnet.STEMS,
  "unet_variant": VARIANTS,
  "unet_decoder_activation": ACTIVATIONS,
  "supervision": SUPERVISIONS,
  "dual_update": DUAL_UPDATES,
  "dual_floor": DUAL_FLOORS,
  "feature_rule": FEATURE_RULES,
  "aligned_to": ALIGNED_TO,
  "prior_scope": PRIOR_SCOPES,
  "prior_mismatch": PRIOR_MISMATCHES,
  "partial_loss": PARTIAL_LOSSES,
  "pseudo_labels": PSEUDO_LABELS,
  "learning_rate_policy": POLICIES,
  "optimizer": OPTIMIZERS,
  "mixed_precision": PRECISIONS,
  "view": tuple(SLICE_AXIS),
  "case_weighting": CASE_WEIGHTINGS,
}
_INTER_OP_THREADS = (
  "Operations at a time; 0: as many as --threads. Small networks on two cores are fastest with "
  "--threads=1 --inter_op_threads=2."
)
_PROFILE_STEPS = (
  "FIRST:LAST step, counted from 1 over both stages, to profile for TensorBoard (pip install "
  "tensorboard-plugin-profile)."
)
_SPACING_MM = (
  "Spacing to train at: S, or Sy,Sx, or Sz,Sy,Sx; default: the store's. Another one is resampled once, "
  "into the run."
)
_STRATEGY = (
  "Where the replicas are, which share every batch: one device; mirrored: the GPUs of this host; "
  "multi_worker: those of the hosts that TF_CONFIG or Slurm name, one process each; tpu. See "
  "experiments/cluster/."
)
# For --help.
FLAG_GROUPS: dict[str, tuple[str, ...]] = {
  "Network": tuple(_NETWORK),
  "Method": tuple(_METHOD),
  "Stages": tuple(_SCHEDULE),
  "Batches and cases": (*_INPUT, "spacing_mm", "max_voxels"),
  "Devices": ("strategy", "cpu_replicas", "tpu", "tpu_zone", "tpu_project", "deterministic", "jit_compile"),
}
# Of the flags whose default says nothing of their type.
_FLOATS = frozenset({"batch_norm_decay"})


def define_flags(values: flags.FlagValues | None = None) -> None:
  """Defines the flags of `train`, once: among the command's own, or in `values`."""
  where = {} if values is None else {"flag_values": values}
  _define_run_flags(where)
  defaults = flat_settings.to_flat(flat_settings.from_flat({"network": "dltk_unet3d"}))
  defaults.update(flat_settings.to_flat(Experiment()))
  for name, what in {**_NETWORK, **_METHOD, **_SCHEDULE, **_INPUT}.items():
    _define_setting(name, defaults[name], what, where)


def _define_run_flags(where: Mapping[str, flags.FlagValues]) -> None:
  for name, what, required in (
    ("data_dir", "The store to train on (python -m data.prepare).", True),
    ("run_dir", "Folder of this run; training goes on there if it holds one.", True),
    (
      "stage1_run",
      "Take stage 1 from this run (crossval: from that cross-validation) instead of training.",
      False,
    ),
  ):
    flags.DEFINE_string(name, None, what, required=required, **where)
  for name, default, least, what in (
    ("checkpoint_interval", 1000, 1, "Steps between checkpoints."),
    ("keep_checkpoints", 2, 2, "So many of the last checkpoints are kept, besides the best one."),
    ("log_interval", 100, 1, "Steps between scalars in TensorBoard."),
    ("validation_interval", 2000, 1, "Steps between validations."),
    ("threads", 0, 0, "Threads within an operation; 0: one per core."),
    ("inter_op_threads", 0, 0, _INTER_OP_THREADS),
    ("max_voxels", 1_000_000_000, 1, "Refuse a case that --spacing_mm would make larger."),
  ):
    flags.DEFINE_integer(name, default, what, lower_bound=least, **where)
  for name, on, what in (
    ("verify_store", True, "Compare the store's arrays with their sha256 before training."),
    ("jit_compile", False, "Compile the step with XLA; slower on a CPU, and not deterministic."),
    (
      "deterministic",
      True,
      "Equal runs have equal bits, on the same device and versions; --nodeterministic is faster on a GPU.",
    ),
  ):
    flags.DEFINE_bool(name, on, what, **where)
  flags.DEFINE_string("profile_steps", None, _PROFILE_STEPS, **where)
  _define_devices(where)
  flags.DEFINE_list("spacing_mm", None, _SPACING_MM, **where)
  flags.DEFINE_list("organs", [], "Organs that the store must have, in this order; default: any.", **where)


def _define_devices(where: Mapping[str, flags.FlagValues]) -> None:
  flags.DEFINE_enum("strategy", "one", STRATEGIES, _STRATEGY, **where)
  flags.DEFINE_integer(
    "cpu_replicas",
    0,
    "Replicas of --strategy=mirrored where there is no GPU, to try it.",
    lower_bound=0,
    **where,
  )
  flags.DEFINE_string("tpu", "local", "The TPU's name; local: that of the TPU VM this runs on.", **where)
  for name in ("tpu_zone", "tpu_project"):
    flags.DEFINE_string(name, None, "Of a TPU that is not local.", **where)


def devices_from_flags(args: flags.FlagValues) -> Devices:
  """Raises flags.Error on flags that do not go together."""
  try:
    return Devices(args.strategy, args.cpu_replicas, args.tpu, args.tpu_zone, args.tpu_project)
  except ValueError as error:
    raise flags.ValidationError(f"--{error}") from None


def _define_setting(name: str, default: Any, what: str, where: Mapping[str, flags.FlagValues]) -> None:
  if name in _CHOICES:
    flags.DEFINE_enum(name, default, _CHOICES[name], what, **where)
  elif isinstance(default, bool):
    flags.DEFINE_bool(name, default, what, **where)
  elif isinstance(default, str):
    flags.DEFINE_string(name, default, what, **where)
  elif isinstance(default, tuple):
    flags.DEFINE_list(name, [f"{value:g}" for value in default], what, **where)
  elif isinstance(default, float) or name in _FLOATS:
    flags.DEFINE_float(name, default, what, **where)
  else:
    flags.DEFINE_integer(name, default, what, **where)


def experiment_from_flags(args: flags.FlagValues, store_spacing_mm: WantedSpacingMM) -> Experiment:
  """The flags as an Experiment.

  Args:
    args: absl's parsed FLAGS.
    store_spacing_mm: what the store's cases share; the spacing of training unless `--spacing_mm` says
      another.
  Raises:
    InputError: On a spacing that cannot be read.
    flags.Error: On flags that do not go together.
  """
  names = {**_NETWORK, **_METHOD, **_SCHEDULE, **_INPUT}
  # a path becomes a setting by Start.named_in, which names what lies there
  values = {name: args[name].value for name in names if name not in ("pretrained", "init_from")}
  for name in ("multi_grid", "unet_filters", "unet_strides", "patch_size"):
    values[name] = _numbers(values[name], name, int)
  values["scales"] = _numbers(values["scales"], "scales", float)
  if len(values["patch_size"]) == 1:
    values["patch_size"] *= 3
  values["partial_organs"] = tuple(args.partial_organs)
  values["spacing_mm"] = fill_spacing(parse_spacing(args.spacing_mm), store_spacing_mm)
  try:
    return flat_settings.from_flat(values)
  except ValueError as error:
    raise flags.ValidationError(f"--{error}") from None


def without_effect(args: flags.FlagValues) -> str:
  """A line on the flags that were given and that the network does not look at; "" if there is none."""
  given = sorted(name for name in setting_names.without_effect(args.network) if args[name].present)
  if not given:
    return ""
  names = ", ".join(f"--{name}" for name in given)
  return f"--network={args.network} does not look at {names}; given here, this changes nothing"


def profile_steps(text: str | None) -> tuple[int, int] | None:
  """(first, last) of --profile_steps. Raises flags.Error on what is no such range."""
  if not text:
    return None
  found = re.fullmatch(r"([1-9]\d{0,8}):([1-9]\d{0,8})", text)
  if not found or int(found[1]) > int(found[2]):
    raise flags.ValidationError(
      f"--profile_steps={text}: must be FIRST:LAST, two steps from 1 on in this order, such as 100:110"
    )
  return int(found[1]), int(found[2])


def _numbers(words: Sequence[str], name: str, kind: Callable[[str], float]) -> tuple[float, ...]:
  try:
    numbers = tuple(kind(word) for word in words)
  except ValueError:
    numbers = ()
  if not numbers or min(numbers) <= 0 or max(numbers) > 4096:
    raise flags.ValidationError(
      f"--{name}={','.join(words)}: must be a comma-separated list of numbers above 0, at most 4096"
    )
  return numbers
