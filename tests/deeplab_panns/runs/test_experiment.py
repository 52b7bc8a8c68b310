"""An Experiment refuses what does not go together, wherever it is constructed, and knows when stage 1 is
shared."""

import dataclasses

import pytest

from data.batches.patches import PatchSampling
from data.batches.slices import SliceSampling
from deeplab_panns.method.objective import Objective
from deeplab_panns.networks.deeplab_v3 import DeepLabConfig
from deeplab_panns.runs.experiment import Descent, Experiment, HeldOut, Stage1, Stage2
from dltk_unet.unet import UNetConfig

PATCHES = Experiment(network=UNetConfig(), sampling=PatchSampling())


def test_the_type_of_the_network_decides():
  assert not Experiment().is_3d and PATCHES.is_3d
  assert Experiment().input_grid.view == "axial" and PATCHES.input_grid.patch_size == (64, 64, 64)


@pytest.mark.parametrize(
  "change, said",
  [
    (lambda: Experiment(sampling=PatchSampling()), r"network=deeplab_v3: is 2-D and takes SliceSampling"),
    (lambda: Experiment(network=UNetConfig()), r"network=dltk_unet3d: is 3-D and takes PatchSampling"),
    (
      lambda: Experiment(sampling=SliceSampling(crop_size=64)),
      r"^crop_size=64: .* the nearest are 49 and 65",
    ),
    (lambda: Experiment(network=DeepLabConfig(output_stride=32)), r"^output_stride=32: must be 8 or 16"),
    (lambda: Experiment(network=DeepLabConfig(channels=1)), r"^slices_per_input=3: .* channels=1"),
    (
      lambda: Experiment(network=UNetConfig(), sampling=PatchSampling(patch_size=(60, 64, 64))),
      r"^patch_size=60,64,64: .* multiples of 8, .* nearest is 64,64,64",
    ),
    (lambda: Experiment(batch_size=6), r"^batch_size=6: .*multiple of 4"),
    (
      lambda: Experiment(stage2=Stage2(partial_fraction=0.3)),
      r"^partial_batch_fraction=0.3: .* 4.8 examples",
    ),
    (lambda: Experiment(stage2=Stage2(partial_fraction=1.0)), r"leaves labelled ones"),
    (
      lambda: Experiment(stage2=Stage2(objective=Objective(mix=True), partial_fraction=0.75)),
      r"^mix=True: needs a labelled example for each of the 12 partial ones",
    ),
    (lambda: Experiment(seed=-1), r"^seed=-1: must be in \[0, 4294967294\]"),
    (lambda: Experiment(seed=2**32 - 1), r"^seed=4294967295: must be in"),
    (
      lambda: Stage2(supervision="semi", objective=Objective(partial_loss="marginal")),
      r"^supervision=semi: takes nothing as annotated, and by --partial_loss=marginal nothing is learnt then",
    ),
    (
      lambda: Stage2(supervision="semi", objective=Objective(exclusion_weight=1.0)),
      r"^supervision=semi: .* by --exclusion_weight nothing",
    ),
    (
      lambda: Experiment(co_training=True, stage2=Stage2(objective=Objective(partial_loss="marginal"))),
      r"^co_training=True: teaches by pseudo-labels; leave out --partial_loss=marginal",
    ),
    (
      lambda: Experiment(co_training=True, stage2=Stage2(objective=Objective(feature_rule="outliers"))),
      r"^feature_rule=outliers: is for one network; leave out --co_training",
    ),
    (lambda: Stage2(supervision="most"), r"^supervision=most: must be one of full, semi, partial, panns"),
    (lambda: Stage2(prior_mismatch="mend"), r"^prior_mismatch=mend: must be one of ignore, exclude, correct"),
    (
      lambda: Stage2(objective=Objective(anchored_prior=True, lambda2=0.0)),
      r"^anchored_prior=True: nothing here asks for a prior; choose --supervision=panns with a --lambda2",
    ),
    (
      lambda: Stage2(supervision="partial", objective=Objective(anchored_prior=True)),
      r"^anchored_prior=True: nothing here asks for a prior",
    ),
    (
      lambda: Stage2(
        supervision="partial",
        objective=Objective(anchored_prior=True, pseudo_labels="aligned", aligned_to="teacher"),
      ),
      r"^anchored_prior=True: nothing here asks for a prior",
    ),
    (
      lambda: Stage2(objective=Objective(feature_rule="outliers"), steps=600, pseudo_label_interval=600),
      r"^pseudo_label_interval=600: .* trusts no pseudo-label .* less than --stage2_steps=600",
    ),
    (lambda: Stage2(pseudo_label_interval=0), r"^pseudo_label_interval=0: must be at least 1"),
    (lambda: Stage1(learning_rate=-1.0), r"^learning_rate=-1.0: must be at least 0"),
    (lambda: Descent(optimizer="lion"), r"^optimizer=lion: must be one of sgd, adam"),
    (lambda: Descent(learning_rate_policy="cosine"), r"^learning_rate_policy=cosine"),
    (lambda: HeldOut(validation_fraction=0.95), r"^validation_fraction=0.95: must be in \[0, 0.9\]"),
    (lambda: HeldOut(fold=-2), r"^fold=-2: must be at least -1"),
  ],
)
def test_what_is_refused(change, said):
  with pytest.raises(ValueError, match=said):
    change()


def test_an_anchored_prior_is_taken_wherever_something_uses_it():
  for objective in ({"lambda2": 3.0}, {"lambda2": 0.0, "atlas_weight": 0.5}, {"pseudo_labels": "aligned"}):
    Stage2(objective=Objective(anchored_prior=True, **objective))
  Stage2(supervision="full", objective=Objective(anchored_prior=True))
  Stage2(objective=Objective(feature_rule="outliers"), steps=600, pseudo_label_interval=599)


def test_full_supervision_needs_no_whole_number_of_partial_examples():
  Experiment(stage2=Stage2(supervision="full", partial_fraction=0.3))


@pytest.mark.parametrize("supervision", ["full", "semi", "partial", "panns"])
def test_the_mode_decides_lambda2_and_the_use_of_annotations(supervision):
  objective = Stage2(supervision=supervision, objective=Objective(lambda2=3.0)).objective
  assert objective.lambda2 == (3.0 if supervision == "panns" else 0.0)
  assert objective.use_annotations == (supervision != "semi")


@pytest.mark.parametrize(
  "stage2, expected",
  [
    (Stage2(), True),
    (Stage2(objective=Objective(lambda2=0.0)), False),
    (Stage2(objective=Objective(lambda2=0.0, pseudo_labels="aligned")), True),
    (Stage2(supervision="partial", objective=Objective(pseudo_labels="aligned")), True),
    (Stage2(supervision="full", objective=Objective(pseudo_labels="aligned")), False),
  ],
)
def test_what_holds_sizes_to_the_prior(stage2, expected):
  assert stage2.holds_to_prior == expected


def test_stage_1_is_shared_by_all_that_differ_in_stage_2_alone():
  base = Experiment()
  other = dataclasses.replace(base, stage2=Stage2(supervision="full", steps=0, partial_fraction=0.3))
  assert base.has_stage1_of(other) and other.has_stage1_of(base)
  for change in (
    {"seed": 1},
    {"stage1": Stage1(steps=1)},
    {"descent": Descent(momentum=0.5)},
    {"held_out": HeldOut(fold=0)},
    {"sampling": SliceSampling(view="coronal")},
    {"network": DeepLabConfig(dropout_rate=0.2)},
    {"spacing_mm": (3.0, None, None)},
  ):
    assert not dataclasses.replace(base, **change).has_stage1_of(base), change


def test_steps_are_those_of_both_stages_and_the_plan_has_all_parts():
  found = Experiment(stage1=Stage1(steps=3), stage2=Stage2(steps=4), batch_size=8, seed=5)
  assert found.steps == 7
  plan = found.batch_plan
  assert (plan.batch_size, plan.partial_size, plan.seed, plan.sampling) == (8, 2, 5, found.sampling)
