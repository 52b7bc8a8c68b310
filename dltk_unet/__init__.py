"""The DLTK residual 3-D U-Net as tf.keras layers. Imports neither `data` nor `deeplab_panns`."""

from dltk_unet.keras_version import require_keras_2

require_keras_2()
