"""Networks are built as the experiment says, for the organs of the store."""

from data.batches.patches import PatchSampling
from data.batches.slices import SliceSampling
from deeplab_panns.networks.deeplab_v3 import DeepLabConfig
from deeplab_panns.runs.build_network import build_network
from deeplab_panns.runs.experiment import Experiment
from dltk_unet.unet import UNetConfig


def test_slices_in_logits_of_all_classes_out():
  network = build_network(
    Experiment(
      network=DeepLabConfig(backbone="resnet_small", channels=1), sampling=SliceSampling(slices_per_input=1)
    ),
    class_count=4,
  )
  assert network.input_shape == (None, None, None, 1) and network.output_shape[-1] == 4


def test_patches_in_logits_of_all_classes_out():
  unet = UNetConfig(filters=(2, 4), strides=((1, 1, 1), (2, 2, 2)))
  network = build_network(Experiment(network=unet, sampling=PatchSampling()), class_count=10)
  assert network.input_shape == (None, None, None, None, 1) and network.output_shape[-1] == 10
