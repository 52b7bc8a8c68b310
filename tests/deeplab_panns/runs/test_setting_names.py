"""The flat names, and which of them a network does not look at."""

import subprocess
import sys

from deeplab_panns.runs import setting_names
from tests.conftest import ROOT


def test_parts_do_not_share_a_name_but_the_augmentation():
  parts = [setting_names.DEEPLAB, setting_names.UNET, setting_names.SLICES, setting_names.PATCHES]
  parts += [setting_names.OBJECTIVE, setting_names.STAGE1, setting_names.STAGE2, setting_names.DESCENT]
  parts += [setting_names.HELD_OUT, setting_names.WHOLE]
  names = [name for part in parts for name in part]
  assert {name for name in names if names.count(name) > 1} == {"scales", "max_rotation_degrees"}


def test_a_network_does_not_look_at_the_other_ones_settings():
  assert {"unet_units", "patch_size"} <= setting_names.without_effect("deeplab_v3")
  assert {"backbone", "crop_size", "weight_decay"} <= setting_names.without_effect("dltk_unet3d")
  for network in ("deeplab_v3", "dltk_unet3d"):
    assert not {"scales", "seed", "lambda2"} & setting_names.without_effect(network)


def test_nothing_heavy_is_imported():
  code = "import sys, deeplab_panns.runs.setting_names; sys.exit('tensorflow' in sys.modules)"
  assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
