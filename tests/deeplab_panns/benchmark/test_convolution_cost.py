"""Multiply-accumulates, against a count by hand and the U-Net's own."""

import pytest
import tensorflow as tf

from deeplab_panns.benchmark.convolution_cost import multiply_accumulates
from dltk_unet.unet import UNetConfig, unet_3d
from dltk_unet.unet import multiply_accumulates as of_unet


def test_by_hand():
  image = tf.keras.Input([8, 8, 3])
  features = tf.keras.layers.Conv2D(5, 3, strides=2, padding="same")(image)
  network = tf.keras.Model(image, tf.keras.layers.Conv2D(2, 1)(features))
  assert multiply_accumulates(network, (2, 8, 8, 3)) == 2 * 4 * 4 * (27 * 5 + 5 * 2)


@pytest.mark.slow
def test_those_of_the_unet_are_its_own_count():
  config = UNetConfig(3, filters=(4, 8), strides=((1, 1, 1), (2, 2, 2)))
  assert multiply_accumulates(unet_3d(config), (1, 8, 8, 16, 1)) == of_unet(config, (8, 8, 16))
