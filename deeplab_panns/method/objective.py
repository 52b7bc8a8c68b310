"""The objective of training: the terms of Eq. 3, their weights, and what goes beyond the paper."""

from __future__ import annotations

import dataclasses

from data.allowed import require_choice, require_range

DUAL_UPDATES = ("newton", "sgd")
DUAL_FLOORS = ("mean", "batch")
PARTIAL_LOSSES = ("pseudo_label", "marginal")
PSEUDO_LABELS = ("argmax", "soft", "aligned")
ALIGNED_TO = ("prior", "teacher", "prior_with_annotated")
PRIOR_SCOPES = ("batch", "example")
FEATURE_RULES = ("none", "outliers", "prototypes")


@dataclasses.dataclass(frozen=True)
class Objective:
  """Which terms of Eq. 3 count, how the dual variables move, and what goes beyond the paper.

  Attributes:
    lambda1: weight of J_P, the loss on the partial images; at least 0. J_L and J_P are means over pixels of
      their own. The paper divides both by one N (Eq. 4, 5): its λ1 = 1 is 1/3 here where a batch holds three
      labelled images for a partial one. At 1 a pixel of a partial image weighs three times as much.
    lambda2: weight of the prior term, at least 0; 0 leaves the prior as a measurement.
    use_annotations: False treats the partial images as unlabelled (`--supervision=semi`).
    dual_update: one of DUAL_UPDATES: "newton", or "sgd" as the paper prints it (deeplab_panns.method.dual).
    dual_step: step η of newton, in [0, 1].
    learning_rate_dual: step of sgd, at least 0.
    partial_loss: one of PARTIAL_LOSSES: "pseudo_label", the paper's, or "marginal"
      (losses.marginal_cross_entropy_sum).
    exclusion_weight: weight of losses.exclusion_sum beside either partial loss; at least 0.
    pseudo_labels: one of PSEUDO_LABELS: "argmax", the paper's, "soft" (pseudo_labels.complete_softly) or
      "aligned" (pseudo_labels.Alignment).
    teacher_decay: share of the teacher that survives a step, in [0, 0.99999]; 0 for snapshots, the paper's.
    mix: whether boxes of labelled images are pasted into partial ones (deeplab_panns.method.mixing).
    aligned_to: one of ALIGNED_TO, what sizes aligned pseudo-labels have among the pixels that nobody
      annotated: "prior", "teacher", the teacher's mean probabilities there, or "prior_with_annotated": q over
      all pixels, the annotated ones included, as before 2026-11-26. By that the known sizes of one set
      distort the guesses in the others.
    anchored_prior: whether the prior is what the labelled cases have around the organs annotated in a scan
      (data.atlas), pixel by pixel, in place of q: in the loss, in the alignment, and by atlas_weight.
    atlas_weight: κ, of log(atlas / q) added to the teacher's logits; at least 0.
    dual_floor: one of DUAL_FLOORS: what of an organ newton keeps above a tenth of q, its running mean or the
      share of every batch, as before 2026-11-26.
    prior_scope: one of PRIOR_SCOPES: "batch", or "example" to hold the shares of each image by itself to q,
      without dual variables.
    feature_rule: one of FEATURE_RULES, what the features in front of the logits do for pseudo-labels:
      "outliers" drops those of an organ in an image where its features lie apart (deeplab_panns.rivals.
      outliers), "prototypes" has class means of features classify alike (deeplab_panns.rivals.prototypes).
  Raises:
    ValueError: Beginning with "<name>=<value>: ", if a setting is not allowed or two do not go together.
  """

  lambda1: float = 1.0
  lambda2: float = 0.1
  use_annotations: bool = True
  dual_update: str = "newton"
  dual_step: float = 0.05
  learning_rate_dual: float = 2e-5
  partial_loss: str = "pseudo_label"
  exclusion_weight: float = 0.0
  pseudo_labels: str = "argmax"
  teacher_decay: float = 0.0
  mix: bool = False
  aligned_to: str = "prior"
  anchored_prior: bool = False
  atlas_weight: float = 0.0
  dual_floor: str = "mean"
  prior_scope: str = "batch"
  feature_rule: str = "none"

  def __post_init__(self) -> None:
    for name, choices in (
      ("dual_update", DUAL_UPDATES),
      ("partial_loss", PARTIAL_LOSSES),
      ("pseudo_labels", PSEUDO_LABELS),
      ("aligned_to", ALIGNED_TO),
      ("dual_floor", DUAL_FLOORS),
      ("prior_scope", PRIOR_SCOPES),
      ("feature_rule", FEATURE_RULES),
    ):
      require_choice(name, getattr(self, name), choices)
    for name in ("lambda1", "lambda2", "learning_rate_dual", "exclusion_weight", "atlas_weight"):
      require_range(name, getattr(self, name), 0)
    require_range("dual_step", self.dual_step, 0, 1)
    require_range("teacher_decay", self.teacher_decay, 0, 0.99999)
    self._require_compatible()

  def _require_compatible(self) -> None:
    if self.partial_loss == "marginal" and (self.pseudo_labels != "argmax" or self.mix or self.teacher_decay):
      raise ValueError(
        "partial_loss=marginal: uses no pseudo-labels; leave out --pseudo_labels, --teacher_decay and --mix"
      )
    if self.mix and self.pseudo_labels == "soft":
      raise ValueError("mix=True: pastes label maps; choose --pseudo_labels=argmax or aligned")
    if self.aligned_to == "teacher" and self.pseudo_labels != "aligned":
      raise ValueError("aligned_to=teacher: says how pseudo-labels are aligned; add --pseudo_labels=aligned")
    if self.feature_rule != "none":
      self._require_feature_rule()
    if self.anchored_prior:
      self._require_anchor()
    elif self.atlas_weight:
      raise ValueError(f"atlas_weight={self.atlas_weight}: weighs the atlas; add --anchored_prior")

  def _require_feature_rule(self) -> None:
    rule = f"feature_rule={self.feature_rule}"
    if self.partial_loss == "marginal" or self.pseudo_labels == "soft":
      raise ValueError(
        f"{rule}: is about pseudo-labels of one class; leave out --partial_loss=marginal and "
        "--pseudo_labels=soft"
      )
    if self.feature_rule == "outliers" and (self.mix or self.teacher_decay):
      raise ValueError(
        f"{rule}: tests whole images by snapshots of the teacher; leave out --mix and --teacher_decay"
      )

  def _require_anchor(self) -> None:
    if not self.use_annotations:
      raise ValueError("anchored_prior=True: needs annotated organs; choose --supervision=partial or panns")
    if self.mix or self.dual_update == "sgd" or self.prior_scope == "example":
      raise ValueError("anchored_prior=True: leave out --mix, --dual_update=sgd and --prior_scope=example")
    if self.pseudo_labels == "aligned" and self.aligned_to == "prior_with_annotated":
      raise ValueError(
        "aligned_to=prior_with_annotated: aligns to q, in whose place --anchored_prior has other sizes; "
        "choose --aligned_to=prior or teacher"
      )
    if self.atlas_weight and self.partial_loss == "marginal":
      raise ValueError(
        f"atlas_weight={self.atlas_weight}: changes pseudo-labels; leave out --partial_loss=marginal"
      )
