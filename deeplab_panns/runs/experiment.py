"""What a run is: the parts that decide its numbers, each with its defaults and its own checks."""

from __future__ import annotations

import dataclasses
import math

from data.allowed import require_choice, require_range
from data.arrays import WantedSpacingMM
from data.batches.patches import PatchSampling
from data.batches.pipeline import BatchPlan
from data.batches.slices import SliceSampling
from data.spacing import NATIVE
from deeplab_panns.method.objective import Objective
from deeplab_panns.method.schedules import POLICIES
from deeplab_panns.networks.deeplab_v3 import DeepLabConfig
from deeplab_panns.networks.precision import PRECISIONS
from deeplab_panns.segmentation.slice_segmenter import InputGrid
from deeplab_panns.segmentation.sliding_window import Windows
from dltk_unet.unet import UNetConfig

OPTIMIZERS = ("sgd", "adam")
SUPERVISIONS = ("full", "semi", "partial", "panns")
PRIOR_MISMATCHES = ("ignore", "exclude", "correct")


@dataclasses.dataclass(frozen=True)
class Descent:
  """How the weights descend in both stages.

  Attributes:
    optimizer: "sgd" with momentum, the paper's, or "adam".
    momentum: of sgd.
    learning_rate_policy: "poly" falls to 0 over each stage with power 0.9; or "constant".
  """

  optimizer: str = "sgd"
  momentum: float = 0.9
  learning_rate_policy: str = "poly"

  def __post_init__(self) -> None:
    require_choice("optimizer", self.optimizer, OPTIMIZERS)
    require_choice("learning_rate_policy", self.learning_rate_policy, POLICIES)
    require_range("momentum", self.momentum, 0, 1)


@dataclasses.dataclass(frozen=True)
class Stage1:
  """Training on the labelled cases alone; the defaults are the paper's for 2-D."""

  steps: int = 40_000
  learning_rate: float = 2e-5

  def __post_init__(self) -> None:
    require_range("steps", self.steps, 0)
    require_range("learning_rate", self.learning_rate, 0)


@dataclasses.dataclass(frozen=True)
class Stage2:
  """Training on labelled and partial cases; the defaults are the paper's for 2-D.

  Attributes:
    supervision: "full" trains on the labelled cases alone, "semi" takes partial ones as unlabelled, "partial"
      has no prior, "panns" is all of it. It decides `objective.lambda2` (0 but for panns) and
      `objective.use_annotations` (False for semi), whatever the objective was given with.
    partial_organs: use only the partial cases that annotate none but these; empty: all partial cases.
    prior_mismatch: what becomes of partial sets whose annotated organs speak against the prior: "ignore"
      makes no difference, "exclude" does not count them in the prior, "correct" takes the shares that organs
      have there.
    prior_examples: label crops that q is estimated on, at least.
    freeze_batch_norm: normalize by the statistics of stage 1.
    warmup_steps: over which the learning rate rises, linearly.
    pseudo_label_interval: steps between snapshots of the teacher.
    partial_fraction: share of partial examples in a batch.
  """

  supervision: str = "panns"
  objective: Objective = Objective()
  partial_organs: tuple[str, ...] = ()
  prior_mismatch: str = "ignore"
  prior_examples: int = 2000
  freeze_batch_norm: bool = False
  steps: int = 30_000
  warmup_steps: int = 0
  learning_rate: float = 1e-5
  pseudo_label_interval: int = 10_000
  partial_fraction: float = 0.25

  def __post_init__(self) -> None:
    require_choice("supervision", self.supervision, SUPERVISIONS)
    require_choice("prior_mismatch", self.prior_mismatch, PRIOR_MISMATCHES)
    for name, least in (("steps", 0), ("warmup_steps", 0), ("learning_rate", 0)):
      require_range(name, getattr(self, name), least)
    for name in ("prior_examples", "pseudo_label_interval"):
      require_range(name, getattr(self, name), 1)
    require_range("partial_fraction", self.partial_fraction, 0, 1)
    lambda2 = self.objective.lambda2 if self.supervision == "panns" else 0.0
    decided = dataclasses.replace(self.objective, lambda2=lambda2, use_annotations=self.supervision != "semi")
    object.__setattr__(self, "objective", decided)
    if self.has_partial:
      self._require_used()

  def _require_used(self) -> None:
    """Settings that would change nothing, since another one is missing."""
    objective = self.objective
    if self.supervision == "semi" and (objective.partial_loss == "marginal" or objective.exclusion_weight):
      name = "partial_loss=marginal" if objective.partial_loss == "marginal" else "exclusion_weight"
      raise ValueError(
        f"supervision=semi: takes nothing as annotated, and by --{name} nothing is learnt then"
      )
    if objective.anchored_prior and self.prior_mismatch != "ignore":
      raise ValueError(f"prior_mismatch={self.prior_mismatch}: mends q, which --anchored_prior does not use")
    aligned = objective.pseudo_labels == "aligned" and objective.aligned_to == "prior"
    if objective.anchored_prior and not (objective.lambda2 or objective.atlas_weight or aligned):
      raise ValueError(
        "anchored_prior=True: nothing here asks for a prior; choose --supervision=panns with a --lambda2, "
        "--atlas_weight or --pseudo_labels=aligned, or leave it out"
      )
    if objective.feature_rule == "outliers" and 0 < self.steps <= self.pseudo_label_interval:
      raise ValueError(
        f"pseudo_label_interval={self.pseudo_label_interval}: --feature_rule=outliers trusts no pseudo-label "
        f"before the second snapshot of the teacher; choose less than --stage2_steps={self.steps}"
      )

  @property
  def has_partial(self) -> bool:
    """Whether partial cases are trained on."""
    return self.supervision != "full"

  @property
  def holds_to_prior(self) -> bool:
    """Whether sizes on partial images are held to q: by the prior in the loss, or by aligned
    pseudo-labels."""
    objective = self.objective
    aligned = objective.pseudo_labels == "aligned" and objective.aligned_to != "teacher"
    return self.has_partial and not objective.anchored_prior and (objective.lambda2 > 0 or aligned)


@dataclasses.dataclass(frozen=True)
class HeldOut:
  """The labelled cases that are not trained on.

  Attributes:
    fold: the store's fold that is the test set; -1 trains on all.
    validation_fraction: share of the other labelled cases that validates.
  """

  fold: int = -1
  validation_fraction: float = 0.0

  def __post_init__(self) -> None:
    require_range("fold", self.fold, -1)
    require_range("validation_fraction", self.validation_fraction, 0, 0.9)


@dataclasses.dataclass(frozen=True)
class Experiment:
  """Everything that decides a run's numbers, but for the data.

  Attributes:
    network: its type decides between 2-D slices and 3-D patches. `classes` is the store's to say and not
      compared.
    sampling: how examples are drawn: SliceSampling for DeepLab-v3, PatchSampling for the U-Net.
    batch_size: labelled and partial examples together, over all replicas.
    spacing_mm: (z, y, x) to train at; None keeps each case's own.
    seed: of weights, batches, dropout and the choice of validation cases.
    mixed_precision: one of precision.PRECISIONS: in which numbers the network computes while it is trained.
    pretrained, init_from: name and hash of the public weights, or of the run, that the network starts from,
      as `Start.named_in` writes them; "" starts at random.
    co_training: whether a second network is trained beside it, each the other's teacher in stage 2
      (deeplab_panns.rivals.co_training).
  """

  network: DeepLabConfig | UNetConfig = DeepLabConfig()
  sampling: SliceSampling | PatchSampling = SliceSampling()
  batch_size: int = 16
  spacing_mm: WantedSpacingMM = NATIVE
  descent: Descent = Descent()
  stage1: Stage1 = Stage1()
  stage2: Stage2 = Stage2()
  held_out: HeldOut = HeldOut()
  seed: int = 0
  mixed_precision: str = "off"
  pretrained: str = ""
  init_from: str = ""
  co_training: bool = False

  def __post_init__(self) -> None:
    if isinstance(self.network, UNetConfig):
      _require_patches(self.network, self.sampling)
    else:
      _require_slices(self.network, self.sampling)
    require_range("seed", self.seed, 0, 2**32 - 2)  # of NumPy; a second network takes the next one
    require_choice("mixed_precision", self.mixed_precision, PRECISIONS)
    _require_batch(self.batch_plan, self.stage2)
    objective = self.stage2.objective
    if self.co_training and self.stage2.has_partial and objective.partial_loss == "marginal":
      raise ValueError("co_training=True: teaches by pseudo-labels; leave out --partial_loss=marginal")
    if self.co_training and objective.feature_rule != "none":
      raise ValueError(f"feature_rule={objective.feature_rule}: is for one network; leave out --co_training")

  @property
  def is_3d(self) -> bool:
    return isinstance(self.network, UNetConfig)

  @property
  def cases_alike(self) -> bool:
    """Whether a small scan gives as many examples as a large one."""
    return isinstance(self.sampling, PatchSampling) or self.sampling.case_weighting != "size"

  @property
  def steps(self) -> int:
    """Of both stages."""
    return self.stage1.steps + self.stage2.steps

  @property
  def batch_plan(self) -> BatchPlan:
    return BatchPlan(
      batch_size=self.batch_size,
      partial_fraction=self.stage2.partial_fraction,
      seed=self.seed,
      sampling=self.sampling,
    )

  @property
  def input_grid(self) -> InputGrid | Windows:
    """How the network wants a volume."""
    if isinstance(self.sampling, PatchSampling):
      return Windows(self.sampling.patch_size, self.spacing_mm)
    return InputGrid(self.sampling.view, self.sampling.slices_per_input, self.spacing_mm)

  def has_stage1_of(self, other: Experiment) -> bool:
    """Whether the first stage is the same, so that one can go on from the other's."""
    parts = [part.name for part in dataclasses.fields(self) if part.name != "stage2"]
    return all(getattr(self, part) == getattr(other, part) for part in parts)


def _require_slices(network: DeepLabConfig, sampling: SliceSampling | PatchSampling) -> None:
  if not isinstance(sampling, SliceSampling):
    raise ValueError(f"network=deeplab_v3: is 2-D and takes SliceSampling; received {sampling}")
  stride = network.output_stride
  if stride not in (8, 16):
    raise ValueError(f"output_stride={stride}: must be 8 or 16")
  if (sampling.crop_size - 1) % stride:
    low = (sampling.crop_size - 1) // stride * stride + 1
    raise ValueError(
      f"crop_size={sampling.crop_size}: must be a multiple of the output stride {stride} plus 1; "
      f"the nearest are {low} and {low + stride}"
    )
  if network.channels != sampling.slices_per_input:
    raise ValueError(
      f"slices_per_input={sampling.slices_per_input}: the network has channels={network.channels}; "
      "the two must be equal"
    )


def _require_patches(network: UNetConfig, sampling: SliceSampling | PatchSampling) -> None:
  if not isinstance(sampling, PatchSampling):
    raise ValueError(f"network=dltk_unet3d: is 3-D and takes PatchSampling; received {sampling}")
  steps = [math.prod(axis) for axis in zip(*network.strides)]
  if any(side % step for side, step in zip(sampling.patch_size, steps)):
    sides = ",".join(
      str(max(step, round(side / step) * step)) for side, step in zip(sampling.patch_size, steps)
    )
    step = max(steps)
    raise ValueError(
      f"patch_size={','.join(map(str, sampling.patch_size))}: must be one or three (z,y,x) multiples of "
      f"{step}, "
      f"the product of --unet_strides; the nearest is {sides}"
    )


def _require_batch(plan: BatchPlan, stage2: Stage2) -> None:
  partial = plan.batch_size * plan.partial_fraction
  if not stage2.has_partial:
    return
  if partial != round(partial) or not 0 < partial < plan.batch_size:
    raise ValueError(
      f"partial_batch_fraction={plan.partial_fraction}: of --batch_size={plan.batch_size} it is {partial:g} "
      "examples; it must be a whole number that leaves labelled ones"
    )
  if stage2.objective.mix and 2 * partial > plan.batch_size:
    raise ValueError(
      f"mix=True: needs a labelled example for each of the {partial:g} partial ones; lower "
      "--partial_batch_fraction"
    )
