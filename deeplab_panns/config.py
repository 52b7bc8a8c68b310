"""The flags of training, and the frozen dataclass they become in main(). Nothing below main() reads a
flag."""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
from typing import Any

from absl import flags

from data.input_error import InputError
from data.spacing import fill_spacing, parse_spacing
from data.whole_file import write_text


@dataclasses.dataclass(frozen=True)
class Experiment:
  """Everything that decides a run's numbers. Fields have the flags' names; `python -m deeplab_panns.train
  --help`
  says what each is."""

  network: str
  backbone: str
  stem: str
  output_stride: int
  multi_grid: tuple[int, int, int]
  decoder: bool
  separable: bool
  batch_norm_decay: float | None
  dropout_rate: float
  weight_decay: float
  unet_filters: tuple[int, ...]
  unet_strides: tuple[int, ...]
  unet_units: int
  unet_variant: str
  unet_decoder_activation: str
  supervision: str
  partial_organs: tuple[str, ...]
  dual_update: str
  dual_step: float
  lambda1: float
  lambda2: float
  prior_scope: str
  prior_mismatch: str
  partial_loss: str
  exclusion_weight: float
  pseudo_labels: str
  teacher_decay: float
  mix: bool
  freeze_batch_norm: bool
  stage1_steps: int
  stage2_steps: int
  stage2_warmup_steps: int
  pseudo_label_interval: int
  learning_rate_stage1: float
  learning_rate_stage2: float
  learning_rate_policy: str
  learning_rate_dual: float
  optimizer: str
  momentum: float
  batch_size: int
  partial_batch_fraction: float
  crop_size: int
  patch_size: tuple[int, int, int]
  organ_fraction: float
  case_weighting: str
  view: str
  slices_per_input: int
  scales: tuple[float, ...]
  max_rotation_degrees: float
  prior_examples: int
  spacing_mm: tuple[float | None, ...]
  fold: int
  validation_fraction: float
  seed: int

  @property
  def holds_to_prior(self):
    """Whether sizes on partial images are held to q: by the prior in the loss, or by aligned
    pseudo-labels."""
    return self.supervision != "full" and (self.lambda2 > 0 or self.pseudo_labels == "aligned")


# What stage 1 does not depend on: runs that differ in these alone can share one.
STAGE_2_FIELDS = frozenset(
  {
    "supervision",
    "partial_organs",
    "dual_update",
    "dual_step",
    "lambda1",
    "lambda2",
    "prior_scope",
    "prior_mismatch",
    "partial_loss",
    "exclusion_weight",
    "pseudo_labels",
    "teacher_decay",
    "mix",
    "freeze_batch_norm",
    "stage2_steps",
    "stage2_warmup_steps",
    "pseudo_label_interval",
    "learning_rate_stage2",
    "learning_rate_dual",
    "partial_batch_fraction",
    "prior_examples",
  }
)


def define_flags():
  """Defines the flags of `train`; call it once, in the command's module."""
  _define_run_flags()
  _define_network_flags()
  _define_method_flags()
  _define_input_flags()


def _define_run_flags():
  flags.DEFINE_string("data_dir", None, "The store to train on (python -m data.prepare).", required=True)
  flags.DEFINE_string(
    "run_dir", None, "Folder of this run; training goes on there if it holds one.", required=True
  )
  flags.DEFINE_string("stage1_run", None, "Take stage 1 from this run instead of training it again.")
  flags.DEFINE_integer("checkpoint_interval", 1000, "Steps between checkpoints.", lower_bound=1)
  flags.DEFINE_integer("log_interval", 100, "Steps between scalars in TensorBoard.", lower_bound=1)
  flags.DEFINE_integer("validation_interval", 2000, "Steps between validations.", lower_bound=1)
  flags.DEFINE_bool("verify_store", True, "Compare the store's arrays with their sha256 before training.")
  flags.DEFINE_bool(
    "jit_compile", False, "Compile the step with XLA; slower on a CPU, and not deterministic."
  )
  flags.DEFINE_integer("threads", 0, "Threads within an operation; 0: one per core.", lower_bound=0)
  flags.DEFINE_integer(
    "inter_op_threads",
    0,
    "Operations at a time; 0: as many as --threads. Small networks on two cores are fastest with "
    "--threads=1 --inter_op_threads=2.",
    lower_bound=0,
  )


def _define_network_flags():
  flags.DEFINE_enum(
    "network",
    "deeplab_v3",
    ["deeplab_v3", "dltk_unet3d"],
    "DeepLab-v3 on slices, or DLTK's residual U-Net on 3-D patches.",
  )
  flags.DEFINE_enum("backbone", "resnet50", ["resnet50", "resnet101", "resnet_small"], "Trunk of DeepLab-v3.")
  flags.DEFINE_enum(
    "stem", "beta", ["beta", "plain"], "First layers of the trunk: three 3x3 convolutions, or one 7x7."
  )
  flags.DEFINE_integer("output_stride", 16, "Pixels per feature of the trunk: 8 or 16.")
  flags.DEFINE_list("multi_grid", ["1", "2", "4"], "Factors on the dilation of the trunk's last three units.")
  flags.DEFINE_bool("decoder", False, "Add the v3+ decoder at stride 4.")
  flags.DEFINE_bool("separable", False, "Depthwise separable convolutions in ASPP and decoder, as in v3+.")
  flags.DEFINE_float(
    "batch_norm_decay",
    None,
    "Decay of all batch norm statistics; default: 0.95 trunk, 0.9997 head. "
    "Runs below 15,000 steps need less.",
    lower_bound=0,
    upper_bound=1,
  )
  flags.DEFINE_float("dropout_rate", 0.1, "Dropout after the ASPP.", lower_bound=0, upper_bound=0.99)
  flags.DEFINE_float(
    "weight_decay",
    1e-4,
    "L2 penalty on convolution kernels, as weight_decay/2 times the sum of squares.",
    lower_bound=0,
  )

  flags.DEFINE_list("unet_filters", ["16", "32", "64", "128"], "Filters of the U-Net's scales.")
  flags.DEFINE_list(
    "unet_strides", ["1", "2", "2", "2"], "Strides between the U-Net's scales, along all three axes."
  )
  flags.DEFINE_integer("unet_units", 1, "Residual units of a scale of the U-Net.", lower_bound=1)
  flags.DEFINE_enum(
    "unet_variant", "asymmetric", ["symmetric", "asymmetric"], "asymmetric: one unit in each decoder scale."
  )
  flags.DEFINE_enum(
    "unet_decoder_activation",
    "leaky_relu",
    ["leaky_relu", "relu6"],
    "relu6 is what DLTK's symmetric network computes.",
  )


def _define_method_flags():
  flags.DEFINE_enum(
    "supervision",
    "panns",
    ["full", "semi", "partial", "panns"],
    "full: labelled cases alone; semi: partial ones as unlabelled; partial: no prior; panns: all of it.",
  )
  flags.DEFINE_list(
    "partial_organs",
    [],
    "Use only the partial cases that annotate none but these organs; default: all partial cases.",
  )
  flags.DEFINE_enum(
    "dual_update",
    "newton",
    ["newton", "sgd"],
    "Ascent of the dual variables; sgd is the paper's, as printed.",
  )
  flags.DEFINE_float("dual_step", 0.05, "Step of the newton ascent.", lower_bound=0, upper_bound=1)
  flags.DEFINE_float("lambda1", 1.0, "Weight of the loss on partial images.", lower_bound=0)
  flags.DEFINE_float("lambda2", 0.1, "Weight of the prior; 0 unless --supervision=panns.", lower_bound=0)
  flags.DEFINE_enum(
    "prior_scope",
    "batch",
    ["batch", "example"],
    "Whose shares the prior holds: the batch's (dual variables), or each image's (directly).",
  )
  flags.DEFINE_enum(
    "prior_mismatch",
    "ignore",
    ["ignore", "exclude", "correct"],
    "Partial sets whose annotated organs speak against the "
    "prior (prior_check): no difference; not counted in the prior; q takes the shares that they have there.",
  )
  flags.DEFINE_enum(
    "partial_loss",
    "pseudo_label",
    ["pseudo_label", "marginal"],
    "J_P: the paper's, or cross-entropy with the probabilities of background and un-annotated organs summed.",
  )
  flags.DEFINE_float(
    "exclusion_weight",
    0.0,
    "Weight of a penalty on un-annotated organs where an annotated one is drawn.",
    lower_bound=0,
  )
  flags.DEFINE_enum(
    "pseudo_labels",
    "argmax",
    ["argmax", "soft", "aligned"],
    "The teacher's choice (the paper's), its probabilities, or its "
    "choice with offsets that hold the sizes to the prior.",
  )
  flags.DEFINE_float(
    "teacher_decay",
    0.0,
    "Share of the teacher that survives a step, the rest being the network; 0: snapshots.",
    lower_bound=0,
    upper_bound=0.99999,
  )
  flags.DEFINE_bool("mix", False, "Paste boxes of labelled images into partial ones.")
  flags.DEFINE_bool(
    "freeze_batch_norm",
    False,
    "Normalize by stage 1's statistics in stage 2: for small batches, or partial scans of another look.",
  )
  flags.DEFINE_integer("stage1_steps", 40_000, "Steps on labelled cases alone.", lower_bound=0)
  flags.DEFINE_integer("stage2_steps", 30_000, "Steps on labelled and partial cases.", lower_bound=0)
  flags.DEFINE_integer(
    "stage2_warmup_steps",
    0,
    "Steps over which stage 2 rises to its learning rate, linearly; for partial images "
    "that look so unlike the labelled ones that the first full steps throw the weights about.",
    lower_bound=0,
  )
  flags.DEFINE_integer(
    "pseudo_label_interval", 10_000, "Steps between snapshots of the teacher.", lower_bound=1
  )
  flags.DEFINE_float("learning_rate_stage1", 2e-5, "Learning rate of stage 1.", lower_bound=0)
  flags.DEFINE_float("learning_rate_stage2", 1e-5, "Learning rate of stage 2.", lower_bound=0)
  flags.DEFINE_enum(
    "learning_rate_policy", "poly", ["poly", "constant"], "poly: falls to 0 over each stage, power 0.9."
  )
  flags.DEFINE_float("learning_rate_dual", 2e-5, "Step of the sgd ascent.", lower_bound=0)
  flags.DEFINE_enum(
    "optimizer",
    "sgd",
    ["sgd", "adam"],
    "sgd has momentum; adam learns small organs in far fewer steps from scratch.",
  )
  flags.DEFINE_float("momentum", 0.9, "Momentum of sgd.", lower_bound=0, upper_bound=1)


def _define_input_flags():
  flags.DEFINE_integer(
    "batch_size", 16, "Labelled and partial examples together; a multiple of 4.", lower_bound=1
  )
  flags.DEFINE_float(
    "partial_batch_fraction", 0.25, "Share of partial examples in stage 2.", lower_bound=0, upper_bound=1
  )
  flags.DEFINE_integer(
    "crop_size",
    513,
    "Side of the training crops in pixels: a multiple of the output stride, plus 1.",
    lower_bound=17,
  )
  flags.DEFINE_list("patch_size", ["64"], "Voxels of the 3-D patches: S, or Sz,Sy,Sx.")
  flags.DEFINE_float(
    "organ_fraction",
    0.5,
    "Share of the 3-D patches drawn around a random organ that the case has.",
    lower_bound=0,
    upper_bound=1,
  )
  flags.DEFINE_enum("view", "axial", ["axial", "coronal", "sagittal"], "Plane of the slices.")
  flags.DEFINE_enum(
    "case_weighting",
    "size",
    ["size", "equal"],
    "Slices: a case counts by its slices, or all cases alike. 3-D patches "
    "are always drawn from all cases alike.",
  )
  flags.DEFINE_integer("slices_per_input", 3, "Neighbouring slices as channels; odd.", lower_bound=1)
  flags.DEFINE_list("scales", ["0.75", "1", "1.25", "1.5", "1.75", "2"], "One is drawn for each crop.")
  flags.DEFINE_float(
    "max_rotation_degrees",
    15,
    "Crops are turned by an angle uniform in [0, this].",
    lower_bound=0,
    upper_bound=45,
  )
  flags.DEFINE_integer(
    "prior_examples", 2000, "Label crops that q is estimated on, and at least an epoch.", lower_bound=1
  )
  flags.DEFINE_list(
    "spacing_mm",
    None,
    "Spacing to train at: S, or Sy,Sx, or Sz,Sy,Sx; default: the store's. Another one is "
    "resampled once, into the run.",
  )
  flags.DEFINE_integer(
    "max_voxels", 1_000_000_000, "Refuse a case that --spacing_mm would make larger.", lower_bound=1
  )
  flags.DEFINE_integer("fold", -1, "Fold to hold out as test; -1 trains on all.", lower_bound=-1)
  flags.DEFINE_float(
    "validation_fraction",
    0.0,
    "Share of the fully labelled training cases held out for validation.",
    lower_bound=0,
    upper_bound=0.9,
  )
  flags.DEFINE_integer(
    "seed", 0, "Seed of weights, batches, dropout and the choice of validation cases.", lower_bound=0
  )


def experiment_from_flags(args, store_spacing_mm):
  """The flags as an Experiment.

  Args:
    args: absl's parsed FLAGS.
    store_spacing_mm: what the store's cases share; the spacing of training unless `--spacing_mm` says
      another.
  Raises:
    InputError: On a spacing that cannot be read.
    flags.Error: On flags that do not go together.
  """
  values = {field.name: getattr(args, field.name) for field in dataclasses.fields(Experiment)}
  for name, kind in (
    ("multi_grid", int),
    ("scales", float),
    ("unet_filters", int),
    ("unet_strides", int),
    ("patch_size", int),
  ):
    values[name] = _numbers(values[name], name, kind)
  if len(values["patch_size"]) == 1:
    values["patch_size"] *= 3
  values["partial_organs"] = tuple(args.partial_organs)
  values["spacing_mm"] = fill_spacing(parse_spacing(args.spacing_mm), store_spacing_mm)
  if args.supervision != "panns":
    values["lambda2"] = 0.0  # the mode decides
  experiment = Experiment(**values)
  _require_consistent(experiment)
  return experiment


def _numbers(values, name, kind):
  try:
    numbers = tuple(kind(value) for value in values)
  except ValueError:
    numbers = ()
  if not numbers or min(numbers) <= 0 or max(numbers) > 4096:
    raise flags.ValidationError(
      f"--{name}={','.join(values)}: must be a comma-separated list of numbers above 0, at most 4096"
    )
  return numbers


def _require_consistent(experiment):
  if experiment.network == "deeplab_v3":
    _require_slices(experiment)
  else:
    _require_patches(experiment)
  if experiment.batch_size % 4:
    raise flags.ValidationError(
      f"--batch_size={experiment.batch_size}: must be a multiple of 4; "
      f"the nearest is {max(4, round(experiment.batch_size / 4) * 4)}"
    )
  partial = experiment.batch_size * experiment.partial_batch_fraction
  if experiment.supervision != "full" and (
    partial != round(partial) or not 0 < partial < experiment.batch_size
  ):
    raise flags.ValidationError(
      f"--partial_batch_fraction={experiment.partial_batch_fraction}: of "
      f"--batch_size={experiment.batch_size} it is "
      f"{partial:g} examples; it must be a whole number that leaves labelled ones"
    )
  _require_method(experiment, partial)


def _require_slices(experiment):
  stride = experiment.output_stride
  if stride not in (8, 16):
    raise flags.ValidationError(f"--output_stride={stride}: must be 8 or 16")
  if (experiment.crop_size - 1) % stride:
    low = (experiment.crop_size - 1) // stride * stride + 1
    raise flags.ValidationError(
      f"--crop_size={experiment.crop_size}: must be a multiple of the output stride {stride} plus 1; "
      f"the nearest are {low} and {low + stride}"
    )
  if experiment.slices_per_input % 2 == 0:
    raise flags.ValidationError(
      f"--slices_per_input={experiment.slices_per_input}: must be odd, so that one slice is the middle"
    )
  if len(experiment.multi_grid) != 3:
    raise flags.ValidationError(
      f"--multi_grid={experiment.multi_grid}: must have three factors, one for each unit of block 4"
    )


def _require_patches(experiment):
  strides = experiment.unet_strides
  if len(strides) != len(experiment.unet_filters) or len(strides) < 2:
    raise flags.ValidationError(
      f"--unet_strides={_show(strides)} and --unet_filters={_show(experiment.unet_filters)}: need the same "
      "number of scales, at least two"
    )
  if strides[0] != 1 or any(stride != 1 and stride % 2 for stride in strides):
    raise flags.ValidationError(
      f"--unet_strides={_show(strides)}: must be 1 for the first scale, and 1 or even for the others"
    )
  step = math.prod(strides)
  if len(experiment.patch_size) != 3 or any(side % step for side in experiment.patch_size):
    sides = ",".join(str(max(step, round(side / step) * step)) for side in experiment.patch_size)
    raise flags.ValidationError(
      f"--patch_size={_show(experiment.patch_size)}: must be one or three (z,y,x) multiples of {step}, the "
      "product of "
      f"--unet_strides; the nearest is {sides}"
    )


def _require_method(experiment, partial):
  if experiment.partial_loss == "marginal" and (
    experiment.pseudo_labels != "argmax" or experiment.mix or experiment.teacher_decay
  ):
    raise flags.ValidationError(
      "--partial_loss=marginal: uses no pseudo-labels; leave out --pseudo_labels, --teacher_decay and --mix"
    )
  if experiment.mix and experiment.pseudo_labels == "soft":
    raise flags.ValidationError("--mix: pastes label maps; choose --pseudo_labels=argmax or aligned")
  if experiment.mix and 2 * partial > experiment.batch_size:
    raise flags.ValidationError(
      f"--mix: needs a labelled example for each of the {partial:g} partial ones; lower "
      "--partial_batch_fraction"
    )


def save_experiment(experiment: Experiment, path):
  write_text(path, json.dumps(dataclasses.asdict(experiment), indent=1))


def load_experiment(path):
  """Reads what `save_experiment` wrote; raises InputError if the file is of another version."""
  content = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
  names = {field.name for field in dataclasses.fields(Experiment)}
  if set(content) != names:
    raise InputError(
      f"{path}: has other settings than this version knows ({sorted(set(content) ^ names)}); "
      "use the version that trained the run."
    )
  values: dict[str, Any] = {
    name: tuple(value) if isinstance(value, list) else value for name, value in content.items()
  }
  return Experiment(**values)


def differences(ours: Experiment, theirs: Experiment, ignoring=frozenset()):
  """The flags in which two experiments differ: "--lambda2=0.1 (was 1.0)", sorted."""
  return [
    f"--{field.name}={_show(getattr(ours, field.name))} (was {_show(getattr(theirs, field.name))})"
    for field in sorted(dataclasses.fields(Experiment), key=lambda field: field.name)
    if field.name not in ignoring and getattr(ours, field.name) != getattr(theirs, field.name)
  ]


def _show(value):
  return ",".join(map(str, value)) if isinstance(value, tuple) else value
