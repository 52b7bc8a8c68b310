"""The flags of training, and the frozen dataclass they become in main(). Nothing below main() reads a flag."""
from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any

from absl import flags

from data.input_error import InputError
from data.spacing import describe_spacing, parse_spacing
from data.whole_file import write_text


@dataclasses.dataclass(frozen=True)
class Experiment:
  """Everything that decides a run's numbers. Fields have the flags' names; `python -m deeplab_panns.train --help`
  says what each is."""
  backbone: str
  stem: str
  output_stride: int
  multi_grid: tuple[int, int, int]
  decoder: bool
  separable: bool
  batch_norm_decay: float | None
  dropout_rate: float
  weight_decay: float
  supervision: str
  dual_update: str
  dual_step: float
  lambda1: float
  lambda2: float
  stage1_steps: int
  stage2_steps: int
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
  view: str
  slices_per_input: int
  scales: tuple[float, ...]
  max_rotation_degrees: float
  prior_examples: int
  spacing_mm: tuple[float | None, ...]
  fold: int
  validation_fraction: float
  seed: int


# What stage 1 does not depend on: runs that differ in these alone can share one.
STAGE_2_FIELDS = frozenset({
    "supervision", "dual_update", "dual_step", "lambda1", "lambda2", "stage2_steps", "pseudo_label_interval",
    "learning_rate_stage2", "learning_rate_dual", "partial_batch_fraction", "prior_examples"})


def define_flags():
  """Defines the flags of `train`; call it once, in the command's module."""
  _define_run_flags()
  _define_network_flags()
  _define_method_flags()
  _define_input_flags()


def _define_run_flags():
  flags.DEFINE_string("data_dir", None, "The store to train on (python -m data.prepare).", required=True)
  flags.DEFINE_string("run_dir", None, "Folder of this run; training goes on there if it holds one.", required=True)
  flags.DEFINE_string("stage1_run", None, "Take stage 1 from this run instead of training it again.")
  flags.DEFINE_integer("checkpoint_interval", 1000, "Steps between checkpoints.", lower_bound=1)
  flags.DEFINE_integer("log_interval", 100, "Steps between scalars in TensorBoard.", lower_bound=1)
  flags.DEFINE_integer("validation_interval", 2000, "Steps between validations.", lower_bound=1)
  flags.DEFINE_bool("verify_store", True, "Compare the store's arrays with their sha256 before training.")
  flags.DEFINE_bool("jit_compile", False, "Compile the step with XLA; slower on a CPU, and not deterministic.")
  flags.DEFINE_integer("threads", 0, "Threads of TensorFlow; 0: one per core.", lower_bound=0)


def _define_network_flags():
  flags.DEFINE_enum("network", "deeplab_v3", ["deeplab_v3"], "The network.")
  flags.DEFINE_enum("backbone", "resnet50", ["resnet50", "resnet101", "resnet_small"], "Trunk of DeepLab-v3.")
  flags.DEFINE_enum("stem", "beta", ["beta", "plain"], "First layers of the trunk: three 3x3 convolutions, or one 7x7.")
  flags.DEFINE_integer("output_stride", 16, "Pixels per feature of the trunk: 8 or 16.")
  flags.DEFINE_list("multi_grid", ["1", "2", "4"], "Factors on the dilation of the trunk's last three units.")
  flags.DEFINE_bool("decoder", False, "Add the v3+ decoder at stride 4.")
  flags.DEFINE_bool("separable", False, "Depthwise separable convolutions in ASPP and decoder, as in v3+.")
  flags.DEFINE_float("batch_norm_decay", None, "Decay of all batch norm statistics; default: 0.95 trunk, 0.9997 head. "
                     "Runs below 15,000 steps need less.", lower_bound=0, upper_bound=1)
  flags.DEFINE_float("dropout_rate", 0.1, "Dropout after the ASPP.", lower_bound=0, upper_bound=0.99)
  flags.DEFINE_float("weight_decay", 1e-4, "L2 penalty on convolution kernels, as weight_decay/2 times the sum of squares.",
                     lower_bound=0)


def _define_method_flags():
  flags.DEFINE_enum("supervision", "panns", ["full", "semi", "partial", "panns"],
                    "full: labelled cases alone; semi: partial ones as unlabelled; partial: no prior; panns: all of it.")
  flags.DEFINE_enum("dual_update", "newton", ["newton", "sgd"], "Ascent of the dual variables; sgd is the paper's, as printed.")
  flags.DEFINE_float("dual_step", 0.05, "Step of the newton ascent.", lower_bound=0, upper_bound=1)
  flags.DEFINE_float("lambda1", 1.0, "Weight of the loss on partial images.", lower_bound=0)
  flags.DEFINE_float("lambda2", 0.1, "Weight of the prior; 0 unless --supervision=panns.", lower_bound=0)
  flags.DEFINE_integer("stage1_steps", 40_000, "Steps on labelled cases alone.", lower_bound=0)
  flags.DEFINE_integer("stage2_steps", 30_000, "Steps on labelled and partial cases.", lower_bound=0)
  flags.DEFINE_integer("pseudo_label_interval", 10_000, "Steps between snapshots of the teacher.", lower_bound=1)
  flags.DEFINE_float("learning_rate_stage1", 2e-5, "Learning rate of stage 1.", lower_bound=0)
  flags.DEFINE_float("learning_rate_stage2", 1e-5, "Learning rate of stage 2.", lower_bound=0)
  flags.DEFINE_enum("learning_rate_policy", "poly", ["poly", "constant"], "poly: falls to 0 over each stage, power 0.9.")
  flags.DEFINE_float("learning_rate_dual", 2e-5, "Step of the sgd ascent.", lower_bound=0)
  flags.DEFINE_enum("optimizer", "sgd", ["sgd", "adam"], "sgd has momentum; adam learns small organs in far fewer steps from scratch.")
  flags.DEFINE_float("momentum", 0.9, "Momentum of sgd.", lower_bound=0, upper_bound=1)


def _define_input_flags():
  flags.DEFINE_integer("batch_size", 16, "Labelled and partial examples together; a multiple of 4.", lower_bound=1)
  flags.DEFINE_float("partial_batch_fraction", 0.25, "Share of partial examples in stage 2.", lower_bound=0, upper_bound=1)
  flags.DEFINE_integer("crop_size", 513, "Side of the training crops in pixels: a multiple of the output stride, plus 1.",
                       lower_bound=17)
  flags.DEFINE_enum("view", "axial", ["axial", "coronal", "sagittal"], "Plane of the slices.")
  flags.DEFINE_integer("slices_per_input", 3, "Neighbouring slices as channels; odd.", lower_bound=1)
  flags.DEFINE_list("scales", ["0.75", "1", "1.25", "1.5", "1.75", "2"], "One is drawn for each crop.")
  flags.DEFINE_float("max_rotation_degrees", 15, "Crops are turned by an angle uniform in [0, this].", lower_bound=0,
                     upper_bound=45)
  flags.DEFINE_integer("prior_examples", 2000, "Label crops that q is estimated on, and at least an epoch.", lower_bound=1)
  flags.DEFINE_list("spacing_mm", None, "Pixel size to train at; default and only choice: the store's.")
  flags.DEFINE_integer("fold", -1, "Fold to hold out as test; -1 trains on all.", lower_bound=-1)
  flags.DEFINE_float("validation_fraction", 0.0, "Share of the fully labelled training cases held out for validation.",
                     lower_bound=0, upper_bound=0.9)
  flags.DEFINE_integer("seed", 0, "Seed of weights, batches, dropout and the choice of validation cases.", lower_bound=0)


def experiment_from_flags(args, store_spacing_mm):
  """The flags as an Experiment.

  Args:
    args: absl's parsed FLAGS.
    store_spacing_mm: what the store's cases share; `--spacing_mm` may only confirm it.
  Raises:
    InputError: On a spacing that the store does not have.
    flags.Error: On flags that do not go together.
  """
  values = {field.name: getattr(args, field.name) for field in dataclasses.fields(Experiment)}
  values["multi_grid"] = _numbers(args.multi_grid, "multi_grid", int)
  values["scales"] = _numbers(args.scales, "scales", float)
  values["spacing_mm"] = store_spacing_mm
  if args.spacing_mm and parse_spacing(args.spacing_mm) != tuple(store_spacing_mm):
    raise InputError(f"--spacing_mm={','.join(args.spacing_mm)}: the store {args.data_dir} has {describe_spacing(store_spacing_mm)} "
                     "(z, y, x); prepare it anew with that --spacing_mm, or leave the flag out.")
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
  if not numbers or min(numbers) <= 0 or max(numbers) > 64:
    raise flags.ValidationError(f"--{name}={','.join(values)}: must be a comma-separated list of numbers above 0, at most 64")
  return numbers


def _require_consistent(experiment):
  stride = experiment.output_stride
  if stride not in (8, 16):
    raise flags.ValidationError(f"--output_stride={stride}: must be 8 or 16")
  if (experiment.crop_size - 1) % stride:
    low = (experiment.crop_size - 1) // stride * stride + 1
    raise flags.ValidationError(f"--crop_size={experiment.crop_size}: must be a multiple of the output stride {stride} plus 1; "
                                f"the nearest are {low} and {low + stride}")
  if experiment.slices_per_input % 2 == 0:
    raise flags.ValidationError(f"--slices_per_input={experiment.slices_per_input}: must be odd, so that one slice is the middle")
  if len(experiment.multi_grid) != 3:
    raise flags.ValidationError(f"--multi_grid={experiment.multi_grid}: must have three factors, one for each unit of block 4")
  if experiment.batch_size % 4:
    raise flags.ValidationError(f"--batch_size={experiment.batch_size}: must be a multiple of 4; "
                                f"the nearest is {max(4, round(experiment.batch_size / 4) * 4)}")
  partial = experiment.batch_size * experiment.partial_batch_fraction
  if experiment.supervision != "full" and (partial != round(partial) or not 0 < partial < experiment.batch_size):
    raise flags.ValidationError(f"--partial_batch_fraction={experiment.partial_batch_fraction}: of --batch_size={experiment.batch_size} it is "
                                f"{partial:g} examples; it must be a whole number that leaves labelled ones")


def save_experiment(experiment: Experiment, path):
  write_text(path, json.dumps(dataclasses.asdict(experiment), indent=1))


def load_experiment(path):
  """Reads what `save_experiment` wrote; raises InputError if the file is of another version."""
  content = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
  names = {field.name for field in dataclasses.fields(Experiment)}
  if set(content) != names:
    raise InputError(f"{path}: has other settings than this version knows ({sorted(set(content) ^ names)}); "
                     "use the version that trained the run.")
  values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in content.items()}
  return Experiment(**values)


def differences(ours: Experiment, theirs: Experiment, ignoring=frozenset()):
  """The flags in which two experiments differ: "--lambda2=0.1 (was 1.0)", sorted."""
  return [f"--{field.name}={_show(getattr(ours, field.name))} (was {_show(getattr(theirs, field.name))})"
          for field in sorted(dataclasses.fields(Experiment), key=lambda field: field.name)
          if field.name not in ignoring and getattr(ours, field.name) != getattr(theirs, field.name)]


def _show(value):
  return ",".join(map(str, value)) if isinstance(value, tuple) else value
