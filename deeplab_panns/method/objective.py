"""The objective of training: the terms of Eq. 3, their weights, and what goes beyond the paper."""

from __future__ import annotations

import dataclasses

from data.allowed import require_choice, require_range

DUAL_UPDATES = ("newton", "sgd")
PARTIAL_LOSSES = ("pseudo_label", "marginal")
PSEUDO_LABELS = ("argmax", "soft", "aligned")
PRIOR_SCOPES = ("batch", "example")


@dataclasses.dataclass(frozen=True)
class Objective:
  """Which terms of Eq. 3 count, how the dual variables move, and what goes beyond the paper.

  Attributes:
    lambda1: weight of J_P, the loss on the partial images; at least 0.
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
    prior_scope: one of PRIOR_SCOPES: "batch", or "example" to hold the shares of each image by itself to q,
      without dual variables.
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
  prior_scope: str = "batch"

  def __post_init__(self) -> None:
    for name, choices in (
      ("dual_update", DUAL_UPDATES),
      ("partial_loss", PARTIAL_LOSSES),
      ("pseudo_labels", PSEUDO_LABELS),
      ("prior_scope", PRIOR_SCOPES),
    ):
      require_choice(name, getattr(self, name), choices)
    for name in ("lambda1", "lambda2", "learning_rate_dual", "exclusion_weight"):
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
