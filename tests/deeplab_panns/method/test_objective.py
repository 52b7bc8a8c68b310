"""What an objective may be: every misspelt, out-of-range or contradictory setting is refused by name."""

import math

import pytest

from deeplab_panns.method.objective import (
  ALIGNED_TO,
  DUAL_FLOORS,
  DUAL_UPDATES,
  FEATURE_RULES,
  PARTIAL_LOSSES,
  PRIOR_SCOPES,
  PSEUDO_LABELS,
  Objective,
)


@pytest.mark.parametrize(
  "name, choices",
  [
    ("dual_update", DUAL_UPDATES),
    ("partial_loss", PARTIAL_LOSSES),
    ("pseudo_labels", PSEUDO_LABELS),
    ("prior_scope", PRIOR_SCOPES),
    ("dual_floor", DUAL_FLOORS),
    ("feature_rule", FEATURE_RULES),
  ],
)
def test_every_choice_is_taken_and_another_is_refused_with_the_choices(name, choices):
  for choice in choices:
    assert getattr(Objective(**{name: choice}), name) == choice
  with pytest.raises(ValueError) as error:
    Objective(**{name: "newtonian"})
  assert str(error.value) == f"{name}=newtonian: must be one of {', '.join(choices)}"


@pytest.mark.parametrize(
  "name, inside, outside, allowed",
  [
    ("lambda1", (0, 7.5), (-0.1, math.nan), "at least 0"),
    ("lambda2", (0, 7.5), (-0.1, math.nan), "at least 0"),
    ("learning_rate_dual", (0, 7.5), (-1e-9, math.nan), "at least 0"),
    ("exclusion_weight", (0, 7.5), (-0.1, math.nan), "at least 0"),
    ("dual_step", (0, 1), (-0.1, 1.01, math.nan), "in [0, 1]"),
    ("teacher_decay", (0, 0.99999), (-0.1, 1, math.nan), "in [0, 0.99999]"),
  ],
)
def test_numbers_end_at_their_bounds(name, inside, outside, allowed):
  for value in inside:
    Objective(**{name: value})
  for value in outside:
    with pytest.raises(ValueError) as error:
      Objective(**{name: value})
    assert str(error.value) == f"{name}={value}: must be {allowed}"


@pytest.mark.parametrize("option", [{"pseudo_labels": "soft"}, {"mix": True}, {"teacher_decay": 0.9}])
def test_the_marginal_loss_refuses_options_of_pseudo_labels(option):
  Objective(**option)
  with pytest.raises(ValueError, match=r"^partial_loss=marginal: uses no pseudo-labels; leave out"):
    Objective(partial_loss="marginal", **option)


def test_mixing_refuses_soft_targets():
  for kind in ("argmax", "aligned"):
    Objective(mix=True, pseudo_labels=kind)
  with pytest.raises(
    ValueError, match=r"^mix=True: pastes label maps; choose --pseudo_labels=argmax or aligned"
  ):
    Objective(mix=True, pseudo_labels="soft")


def test_what_aligned_labels_follow_is_chosen_for_aligned_labels():
  for choice in ALIGNED_TO:
    Objective(pseudo_labels="aligned", aligned_to=choice)
  with pytest.raises(ValueError, match=r"^aligned_to=teacher: .* add --pseudo_labels=aligned$"):
    Objective(aligned_to="teacher")


@pytest.mark.parametrize(
  "option, said",
  [
    ({"use_annotations": False}, r"^anchored_prior=True: needs annotated organs"),
    ({"mix": True}, r"^anchored_prior=True: leave out"),
    ({"dual_update": "sgd"}, r"^anchored_prior=True: leave out"),
    ({"prior_scope": "example"}, r"^anchored_prior=True: leave out"),
    (
      {"pseudo_labels": "aligned", "aligned_to": "prior_with_annotated"},
      r"^aligned_to=prior_with_annotated: .* choose --aligned_to=prior or teacher$",
    ),
    ({"atlas_weight": 0.5, "partial_loss": "marginal"}, r"^atlas_weight=0.5: changes pseudo-labels"),
  ],
)
def test_an_anchored_prior_says_what_it_does_not_go_with(option, said):
  Objective(anchored_prior=True, atlas_weight=0.5)
  with pytest.raises(ValueError, match=said):
    Objective(anchored_prior=True, **option)


def test_the_atlas_has_no_weight_without_an_anchor():
  with pytest.raises(ValueError, match=r"^atlas_weight=0.5: weighs the atlas; add --anchored_prior$"):
    Objective(atlas_weight=0.5)


@pytest.mark.parametrize(
  "rule, option, said",
  [
    ("outliers", {"partial_loss": "marginal"}, "is about pseudo-labels of one class; leave out"),
    ("prototypes", {"pseudo_labels": "soft"}, "is about pseudo-labels of one class; leave out"),
    ("outliers", {"mix": True}, "tests whole images by snapshots of the teacher; leave out"),
    ("outliers", {"teacher_decay": 0.9}, "tests whole images by snapshots of the teacher; leave out"),
  ],
)
def test_a_rule_of_features_says_what_it_does_not_go_with(rule, option, said):
  Objective(feature_rule="prototypes", mix=True, teacher_decay=0.9)
  with pytest.raises(ValueError, match=f"^feature_rule={rule}: {said}"):
    Objective(feature_rule=rule, **option)
