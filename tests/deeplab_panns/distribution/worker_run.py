"""One process of a tiny training: `worker_run STORE RUN STRATEGY`, with TF_CONFIG if there are several."""

import sys

import tensorflow as tf

from data.batches.slices import SliceSampling
from data.command import run
from data.stored.store import read_store
from deeplab_panns.distribution.devices import Devices
from deeplab_panns.method.objective import Objective
from deeplab_panns.networks.batch_norm import BatchNorm
from deeplab_panns.networks.deeplab_v3 import DeepLabConfig
from deeplab_panns.runs.experiment import Experiment, HeldOut, Stage1, Stage2
from deeplab_panns.training import Intervals, Resources, assembly, train


def two_convolutions(experiment, class_count):
  """A network that has batch norm and compiles in a second."""
  image = tf.keras.Input([None, None, experiment.sampling.slices_per_input])
  features = tf.keras.layers.Conv2D(4, 3, padding="same")(tf.keras.layers.Rescaling(1 / 255)(image))
  return tf.keras.Model(
    image, tf.keras.layers.Conv2D(class_count, 1)(BatchNorm(momentum=0.9, name="bn")(features))
  )


def experiment_of(store):
  return Experiment(
    network=DeepLabConfig(backbone="resnet_small"),
    sampling=SliceSampling(crop_size=33, scales=(1.0,)),
    batch_size=8,
    spacing_mm=store.spacing_mm,
    stage1=Stage1(steps=2, learning_rate=0.05),
    stage2=Stage2(
      steps=4,
      learning_rate=0.05,
      pseudo_label_interval=2,
      prior_examples=16,
      objective=Objective(lambda2=1.0, pseudo_labels="aligned", mix=True),
    ),
    held_out=HeldOut(fold=0, validation_fraction=0.4),
  )


def main(_=None):
  store_dir, run_dir, strategy = sys.argv[1:4]
  assembly.build_network = two_convolutions
  store = read_store(store_dir)
  resources = Resources(threads=1, inter_op_threads=1, devices=Devices(strategy))
  train(experiment_of(store), store, run_dir, Intervals(2, 3, 4), resources)


if __name__ == "__main__":
  arguments, sys.argv[1:] = sys.argv[1:], []  # absl would take them for flags

  def with_arguments(_):
    sys.argv[1:] = arguments
    main()

  run(with_arguments)
