"""The DLTK residual 3-D U-Net as tf.keras layers. Imports neither `data` nor `deeplab_panns`."""
