"""DeepLab-v3 and its layers."""

from dltk_unet.keras_version import require_keras_2

require_keras_2()
