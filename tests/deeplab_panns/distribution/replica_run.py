"""Trains one tiny network by one replica and by several on the CPU, and says how far they part.

In a process of its own: logical devices must be configured before TensorFlow starts.
"""

import sys
from unittest import mock

import numpy as np
import tensorflow as tf

from data.organs import IGNORE
from deeplab_panns.distribution.team import Team
from deeplab_panns.method.dual import Duals
from deeplab_panns.method.objective import Objective
from deeplab_panns.method.panns import PaNN
from deeplab_panns.networks import resnet
from deeplab_panns.networks.deeplab_v3 import DeepLabConfig, deeplab_v3
from deeplab_panns.rivals.co_training import CoTrained
from deeplab_panns.rivals.outliers import Outliers
from deeplab_panns.rivals.prototypes import Prototypes
from dltk_unet.unet import UNetConfig, unet_3d

PRIOR = np.array([0.7, 0.2, 0.1])
LABELED, PARTIAL = 12, 4
TINY = resnet.Backbone((4, 4, 4), (2, 1, 1, 1), (4, 4, 4, 4), pooled=False)
SHAPES = {"2d": (33, 33, 3), "3d": (8, 8, 8, 1)}
RIVALS = {
  "outliers": {"exclusion_weight": 1.0},
  "prototypes": {"mix": True, "teacher_decay": 0.9},
  "co_training": {"pseudo_labels": "soft", "teacher_decay": 0.9},
}


def network(kind):
  if kind == "3d":
    return unet_3d(UNetConfig(classes=3, filters=(4, 8), strides=((1, 1, 1), (2, 2, 2))))
  if kind in RIVALS:  # their laws are of pixels; a graph that is compiled at once
    image = tf.keras.Input([33, 33, 3])
    features = tf.keras.layers.Conv2D(4, 3, padding="same", activation="relu")(image / 255)
    return tf.keras.Model(image, tf.keras.layers.Conv2D(3, 1, name="logits")(features))
  with mock.patch.dict(resnet.BACKBONES, resnet_small=TINY):
    return deeplab_v3(
      DeepLabConfig(classes=3, backbone="resnet_small", batch_norm_decay=0.9, output_stride=8)
    )


def examples(rng, kind, count):
  """Images that the label can be learned from, and unequally many ignored pixels."""
  *size, channels = SHAPES.get(kind, SHAPES["2d"])
  label = rng.integers(0, 3, (count, *size)).astype(np.uint8)
  image = 60 * label[..., None] + rng.uniform(0, 60, (count, *size, channels))
  for number in range(count):
    label[number, :number] = IGNORE
  return {"image": image.astype(np.float32), "label": label}


def batches(kind, steps, partial):
  """As Batches gives them: of the shares' replicas in turn."""

  def of_share(share):
    def draw():
      for step in range(steps):
        rng = np.random.default_rng(step + 100 * partial)
        whole = {"labeled": examples(rng, kind, LABELED + PARTIAL * (not partial))}
        if partial:
          part = whole["partial"] = examples(rng, kind, PARTIAL)
          part["label"] = np.where(part["label"] == 2, 0, part["label"]).astype(np.uint8)
          part["annotated"] = np.tile(np.array([0, 1, 0], np.float32), [PARTIAL, 1])
          if kind == "3d":  # where the prior is anchored; the last image has no anchor
            part["expected"] = rng.dirichlet(PRIOR, part["label"].shape).astype(np.float32)
            part["in_prior"] = np.array([1, 1, 1, 0], np.float32)
        for replica in range(share.first, share.first + share.count):
          yield {
            group: {
              name: value[replica * share.of(len(value)) :][: share.of(len(value))]
              for name, value in values.items()
            }
            for group, values in whole.items()
          }

    first = next(draw())
    signature = tf.nest.map_structure(lambda value: tf.TensorSpec(value.shape, value.dtype), first)
    return tf.data.Dataset.from_generator(draw, output_signature=signature)

  return of_share


def model(kind):
  """A PaNN with all that goes beyond the paper's method, or a rival."""
  tf.keras.utils.set_random_seed(0)
  if kind in RIVALS:
    return rival(kind)
  settings = {"mix": True} if kind == "2d" else {"anchored_prior": True, "atlas_weight": 0.5}
  objective = Objective(lambda2=1.0, teacher_decay=0.9, pseudo_labels="aligned", **settings)
  panns = PaNN(network(kind), network(kind), Duals(PRIOR, moving=kind == "3d"), objective, 0)
  compiled(panns)
  return panns


def rival(kind):
  objective = Objective(lambda2=0.0, feature_rule="none" if kind == "co_training" else kind, **RIVALS[kind])
  parts = {"objective": objective, "seed": 0}
  one = network(kind)
  if kind == "co_training":
    other = network(kind)
    peer = PaNN(other, network(kind), Duals(PRIOR), followed=one, **parts)
    panns = CoTrained(peer, network=one, teacher=network(kind), duals=Duals(PRIOR), **parts)
    compiled(peer)
  else:
    rule = Outliers(3, 4) if kind == "outliers" else Prototypes(3, 4)
    panns = PaNN(one, network(kind), Duals(PRIOR), feature_rule=rule, **parts)
  compiled(panns)
  return panns


def compiled(panns):
  optimizer = tf.keras.optimizers.SGD(0.005, momentum=0.9)
  optimizer.build(panns.network.trainable_variables)
  panns.compile(optimizer=optimizer)


def trained(team, kind):
  """{name: array} of all that five steps of stage 2 move."""
  with team.scope():
    panns = model(kind)
  if kind == "3d":  # stage 1 is another graph, which the slices' network is too large to compile for this
    panns.fit(team.dealt(batches(kind, 2, partial=False)), steps_per_epoch=2, verbose=0)
  panns.refresh_teacher()
  if kind == "outliers":
    panns.refresh_teacher()  # pseudo-labels count from the second on
  panns.fit(team.dealt(batches(kind, 5, partial=True)), steps_per_epoch=5, verbose=0)
  moved = {
    "network": panns.network.variables,
    "teacher": panns.teacher.variables,
    "momentum": panns.optimizer.momentums,
    "duals": panns.duals.variables,
    "alignment": panns.alignment.variables,
    "rule": panns.feature_rule.variables if panns.feature_rule else [],
    "peer": [*panns.peer.network.variables, *panns.peer.teacher.variables] if panns.peer else [],
    "losses": [metric.result() for metric in (*panns.tracked.values(), panns.tracked_share)],
    "step": [panns.first_bad_step, panns.optimizer.iterations],
  }
  return {name: [np.asarray(tf.convert_to_tensor(one)) for one in values] for name, values in moved.items()}


def distance(name, one, other):
  """Of weights and statistics absolute, of losses, duals and a rule's sums relative."""
  differences = [np.abs(a.astype(np.float64) - b) for a, b in zip(one, other)]
  if name in ("duals", "losses", "rule"):
    differences = [d / np.maximum(np.abs(b), 1e-9) for d, b in zip(differences, other)]
  return max((float(d.max()) for d in differences), default=0.0)


if __name__ == "__main__":
  kinds, counts = sys.argv[1].split(","), [int(count) for count in sys.argv[2].split(",")]
  tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * max(counts)
  )
  tf.config.experimental.enable_op_determinism()
  # graphs that run five times are not worth it
  tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
  for count in counts:
    # one strategy for all kinds: another on the same devices would number its sums from the start again
    several = Team(tf.distribute.MirroredStrategy([f"CPU:{number}" for number in range(count)]))
    for kind in kinds:
      alone = trained(Team(), kind)
      for name, values in trained(several, kind).items():
        print(kind, count, name, distance(name, values, alone[name]))
