"""Settings go flat and come back; runs of every earlier version open, and what is unknown is named."""

import json
import pathlib

import pytest

from data.input_error import InputError
from deeplab_panns.runs import setting_names
from deeplab_panns.runs.experiment import Experiment, Stage2
from deeplab_panns.runs.flat_settings import differences, from_flat, load_experiment, save_experiment, to_flat

BEFORE_FORMATS = pathlib.Path(__file__).parent / "before_formats"
SLICES = {
  "network": "deeplab_v3",
  "crop_size": 65,
  "slices_per_input": 1,
  "lambda2": 2.0,
  "spacing_mm": (3.0, None, 1.5),
}
PATCHES = {
  "network": "dltk_unet3d",
  "unet_strides": (1, 2),
  "unet_filters": (4, 8),
  "patch_size": (16, 32, 32),
}


@pytest.mark.parametrize("values", [{}, SLICES, PATCHES], ids=["default", "slices", "patches"])
def test_there_and_back(values, tmp_path):
  experiment = from_flat(values)
  assert from_flat(to_flat(experiment)) == experiment
  assert {name: to_flat(experiment)[name] for name in values} == values
  save_experiment(experiment, tmp_path / "experiment.json")
  assert load_experiment(tmp_path / "experiment.json") == experiment


def test_every_setting_belongs_to_a_network():
  slices, patches = to_flat(from_flat({})), to_flat(from_flat({"network": "dltk_unet3d"}))
  assert set(slices) | set(patches) == setting_names.SETTINGS
  assert set(slices) == setting_names.SETTINGS - setting_names.without_effect("deeplab_v3")
  assert set(patches) == setting_names.SETTINGS - setting_names.without_effect("dltk_unet3d")


def test_settings_of_stage_2_are_those_that_move_stage_2_alone():
  """Each name is changed by itself: the part that changes says where it belongs."""
  base = to_flat(Experiment())
  others = {
    "supervision": "full",
    "dual_update": "sgd",
    "prior_scope": "example",
    "prior_mismatch": "exclude",
    "partial_loss": "marginal",
    "pseudo_labels": "aligned",
    "partial_organs": ("liver",),
    "partial_batch_fraction": 0.5,
    "dual_step": 0.1,
    "teacher_decay": 0.5,
    "aligned_to": "prior_with_annotated",
    "dual_floor": "batch",
    "feature_rule": "outliers",
  }
  with_it = {"atlas_weight": {"anchored_prior": True}}
  for name in setting_names.STAGE_2_SETTINGS:
    value = base[name]
    if name not in others:
      others[name] = not value if isinstance(value, bool) else value * 2 + 1
    changed = from_flat({**base, **with_it.get(name, {}), name: others[name]})
    assert changed != Experiment() and changed.has_stage1_of(Experiment()), name


@pytest.mark.parametrize("name", ["slices", "patches"])
def test_a_run_from_before_formats_opens(name):
  """Written by version 0.1.0, which had no format number and the settings of both networks in every file."""
  content = json.loads((BEFORE_FORMATS / f"{name}.json").read_text())
  later = {**setting_names.BEFORE_THERE_WAS, **setting_names.CAME_LATER}
  assert "format" not in content and set(content) == setting_names.SETTINGS - set(later)
  found = to_flat(load_experiment(BEFORE_FORMATS / f"{name}.json"))
  assert found == later | {
    key: tuple(value) if isinstance(value, list) else value
    for key, value in content.items()
    if key not in setting_names.without_effect(content["network"])
  }


def test_a_setting_that_came_later_takes_the_value_that_reproduces_the_run(tmp_path, monkeypatch):
  content = to_flat(Experiment())
  del content["optimizer"], content["momentum"]
  path = tmp_path / "experiment.json"
  path.write_text(json.dumps(content))
  assert load_experiment(path) == Experiment()
  monkeypatch.setattr(setting_names, "BEFORE_THERE_WAS", {"optimizer": "adam"})
  assert load_experiment(path).descent.optimizer == "adam"


def test_a_setting_that_was_taken_out_is_read_where_it_did_nothing(tmp_path):
  path = tmp_path / "experiment.json"
  path.write_text(json.dumps({**to_flat(Experiment()), "accepted_share": 1.0}))
  assert load_experiment(path) == Experiment()
  path.write_text(json.dumps({**to_flat(Experiment()), "accepted_share": 0.5}))
  with pytest.raises(InputError, match=r"does not know \(accepted_share\); use the version that trained"):
    load_experiment(path)


@pytest.mark.parametrize(
  "content, said",
  [
    ({"lamda2": 1}, r"settings that this version does not know \(lamda2\); use the version"),
    ({"format": 3}, "has format 3, and this version knows 1 to 2"),
    ({"format": "new"}, "has format new"),
    ({"supervision": "most"}, "supervision=most: must be one of"),
    ({"crop_size": "wide"}, "use the version that trained the run"),
    ([1], "cannot be read as the settings of a run"),
    ("", "cannot be read as the settings of a run"),
  ],
)
def test_what_cannot_be_read_is_one_line(content, said, tmp_path):
  path = tmp_path / "experiment.json"
  path.write_text(json.dumps(content) if content != "" else "")
  with pytest.raises(InputError, match=said) as error:
    load_experiment(path)
  assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_an_error_names_the_flag_and_not_the_field():
  for values, said in (
    ({"learning_rate_stage2": -1.0}, "^learning_rate_stage2=-1.0: "),
    ({"network": "dltk_unet3d", "unet_units": 0}, "^unet_units=0: "),
    ({"stage1_steps": -5}, "^stage1_steps=-5: "),
    ({"network": "unet"}, "^network=unet: must be one of deeplab_v3, dltk_unet3d"),
  ):
    with pytest.raises(ValueError, match=said):
      from_flat(values)


def test_differences_are_flags_and_leave_out_what_is_ignored():
  ours, theirs = from_flat({"lambda2": 0.5, "spacing_mm": (3.0, None, None)}), Experiment()
  assert differences(ours, theirs) == [
    "--lambda2=0.5 (was 0.1)",
    "--spacing_mm=3.0,own,own (was own,own,own)",
  ]
  assert differences(ours, theirs, setting_names.STAGE_2_SETTINGS) == [
    "--spacing_mm=3.0,own,own (was own,own,own)"
  ]
  assert differences(Experiment(), Experiment(stage2=Stage2())) == []
