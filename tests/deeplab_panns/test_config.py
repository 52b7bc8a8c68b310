"""The flags are those of the dataclasses: names, defaults, choices, checks."""

import pytest
from absl import flags

from deeplab_panns import config
from deeplab_panns.runs import flat_settings, setting_names
from deeplab_panns.runs.experiment import Experiment
from tests.train_flags import experiment, parsed


def test_without_flags_an_experiment_is_the_default_one():
  assert experiment() == Experiment()
  assert experiment("--network=dltk_unet3d") == flat_settings.from_flat({"network": "dltk_unet3d"})


def test_every_setting_is_a_flag_and_stands_in_one_group_of_help():
  grouped = [name for names in config.FLAG_GROUPS.values() for name in names]
  assert len(grouped) == len(set(grouped)) and set(grouped) >= setting_names.SETTINGS
  assert set(parsed()) >= setting_names.SETTINGS


def test_flags_arrive_in_their_part():
  found = experiment(
    "--crop_size=65",
    "--scales=1,1.5",
    "--lambda2=2",
    "--stage1_steps=7",
    "--optimizer=adam",
    "--fold=3",
    "--partial_organs=liver,spleen",
    "--multi_grid=1,1,1",
    "--mix",
    "--batch_norm_decay=0.9",
  )
  assert (found.sampling.crop_size, found.sampling.scales) == (65, (1.0, 1.5))
  assert (found.stage2.objective.lambda2, found.stage2.objective.mix) == (2.0, True)
  assert (found.stage1.steps, found.descent.optimizer, found.held_out.fold) == (7, "adam", 3)
  assert found.stage2.partial_organs == ("liver", "spleen")
  assert (found.network.multi_grid, found.network.batch_norm_decay) == ((1, 1, 1), 0.9)


def test_one_patch_size_is_for_all_axes():
  cube = experiment("--network=dltk_unet3d", "--patch_size=32")
  assert cube.sampling.patch_size == (32, 32, 32)
  assert experiment("--network=dltk_unet3d", "--patch_size=16,32,64").sampling.patch_size == (16, 32, 64)


@pytest.mark.parametrize("mode", ["full", "semi", "partial"])
def test_the_mode_overrides_lambda2(mode):
  assert experiment(f"--supervision={mode}", "--lambda2=3").stage2.objective.lambda2 == 0


@pytest.mark.parametrize(
  "flag",
  ["--momentum=1.5", "--dropout_rate=1", "--learning_rate_stage1=-1", "--fold=-2", "--teacher_decay=1"],
)
def test_a_refused_setting_is_named_as_its_flag(flag):
  with pytest.raises(flags.ValidationError, match=f"^{flag.partition('=')[0]}="):
    experiment(flag)
