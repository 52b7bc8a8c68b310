"""A run's network by name."""
import tensorflow as tf

from deeplab_panns.config import Experiment
from deeplab_panns.networks.deeplab_v3 import DeepLabConfig, deeplab_v3
from dltk_unet.unet import UNetConfig, unet_3d


def build_network(experiment: Experiment, class_count: int) -> tf.keras.Model:
  """The network that an experiment names: images in [0, 255] → logits.

  Args:
    class_count: K + 1, background included.
  """
  if experiment.network == "dltk_unet3d":
    return unet_3d(UNetConfig(
        classes=class_count,
        filters=experiment.unet_filters,
        strides=tuple((stride,) * 3 for stride in experiment.unet_strides),
        units=experiment.unet_units,
        variant=experiment.unet_variant,
        decoder_activation=experiment.unet_decoder_activation))
  return deeplab_v3(DeepLabConfig(
      classes=class_count,
      channels=experiment.slices_per_input,
      backbone=experiment.backbone,
      stem=experiment.stem,
      output_stride=experiment.output_stride,
      multi_grid=experiment.multi_grid,
      decoder=experiment.decoder,
      separable=experiment.separable,
      batch_norm_decay=experiment.batch_norm_decay,
      dropout_rate=experiment.dropout_rate,
      weight_decay=experiment.weight_decay))
