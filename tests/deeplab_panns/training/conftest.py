"""A training of a second: a network of one convolution in the place of DeepLab-v3."""

import dataclasses

import pytest
import tensorflow as tf

from data.batches.slices import SliceSampling
from data.stored.store import read_store
from deeplab_panns.networks.deeplab_v3 import DeepLabConfig
from deeplab_panns.runs.experiment import Descent, Experiment, HeldOut, Stage1, Stage2
from deeplab_panns.training import assembly
from deeplab_panns.training.folds import CrossValidation, store_folds
from tests.conftest import TINY_FLAGS
from tests.train_flags import experiment as experiment_of


def one_convolution(experiment, class_count):
  """A linear classifier of pixels, which learns the tiny store's grey levels within a few steps."""
  channels = experiment.sampling.slices_per_input
  image = tf.keras.Input([None, None, channels])
  scaled = tf.keras.layers.Rescaling(1 / 255)(image)
  return tf.keras.Model(image, tf.keras.layers.Conv2D(class_count, 1, name="logits")(scaled))


@pytest.fixture
def small_network(monkeypatch):
  monkeypatch.setattr(assembly, "build_network", one_convolution)


@pytest.fixture
def tiny_experiment(tiny_store):
  return Experiment(
    network=DeepLabConfig(backbone="resnet_small"),
    sampling=SliceSampling(crop_size=33, scales=(1.0,)),
    batch_size=4,
    spacing_mm=(3.0, 2.0, 2.0),
    descent=Descent(optimizer="adam", learning_rate_policy="constant"),
    stage1=Stage1(steps=3, learning_rate=0.05),
    stage2=Stage2(steps=4, learning_rate=0.05, pseudo_label_interval=2, prior_examples=16),
    held_out=HeldOut(fold=0),
  )


@pytest.fixture
def with_stage2(tiny_experiment):
  """The tiny experiment with other settings of stage 2."""

  def change(**settings):
    return dataclasses.replace(
      tiny_experiment, stage2=dataclasses.replace(tiny_experiment.stage2, **settings)
    )

  return change


@pytest.fixture
def validation(tiny_store, tmp_path):
  """A cross-validation of the tiny store's two folds: one case, and three."""
  store = read_store(tiny_store)
  return CrossValidation(
    tmp_path / "run",
    store,
    store_folds(store, 2),
    experiment_of(*TINY_FLAGS, spacing_mm=store.spacing_mm),
    tuple(TINY_FLAGS),
    None,
  )
