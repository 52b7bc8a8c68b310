"""An Experiment as flat settings of the flags' names, and experiment.json, which holds them.

Flat names outlive changes of the dataclasses: a run of an earlier version opens as long as its settings have
a meaning today.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any, TypeVar

from data.batches.patches import PatchSampling
from data.batches.slices import SliceSampling
from data.input_error import InputError
from data.whole_file import write_text
from deeplab_panns.method.objective import Objective
from deeplab_panns.networks.deeplab_v3 import DeepLabConfig
from deeplab_panns.runs import setting_names
from deeplab_panns.runs.experiment import Descent, Experiment, HeldOut, Stage1, Stage2
from dltk_unet.unet import UNetConfig

FORMAT = 2  # 1 had no number, and the settings of both networks in every file
NETWORKS = ("deeplab_v3", "dltk_unet3d")
# What --network=dltk_unet3d is built from unless flags say otherwise: the paper's asymmetric U-Net, DLTK's
# sizes.
DEFAULT_UNET = UNetConfig(variant="asymmetric")

Part = TypeVar("Part")


def from_flat(values: Mapping[str, Any]) -> Experiment:
  """The Experiment of flat settings.

  Args:
    values: {name: value}; a name that is missing takes its default, one without effect on the network is not
      looked at.
  Raises:
    ValueError: Beginning with "<name>=<value>: ", if a setting is not allowed.
  """
  network: DeepLabConfig | UNetConfig
  sampling: SliceSampling | PatchSampling
  if values.get("network", NETWORKS[0]) not in NETWORKS:
    raise ValueError(f"network={values['network']}: must be one of {', '.join(NETWORKS)}")
  if values.get("network") == "dltk_unet3d":
    network = _part(DEFAULT_UNET, setting_names.UNET, _with_steps(values))
    sampling = _part(PatchSampling(), setting_names.PATCHES, values)
  else:
    sampling = _part(SliceSampling(), setting_names.SLICES, values)
    network = _part(DeepLabConfig(channels=sampling.slices_per_input), setting_names.DEEPLAB, values)
  stage2 = dataclasses.replace(Stage2(), objective=_part(Objective(), setting_names.OBJECTIVE, values))
  whole = Experiment(
    network,
    sampling,
    descent=_part(Descent(), setting_names.DESCENT, values),
    stage1=_part(Stage1(), setting_names.STAGE1, values),
    stage2=Stage2(supervision="full"),  # until the batch size is known, which stage 2 is checked with
    held_out=_part(HeldOut(), setting_names.HELD_OUT, values),
  )
  whole = _part(whole, setting_names.WHOLE, values)
  return dataclasses.replace(whole, stage2=_part(stage2, setting_names.STAGE2, values))


def to_flat(experiment: Experiment) -> dict[str, Any]:
  """{name: value} of all settings that have an effect, in the spelling of the flags."""
  values: dict[str, Any] = {"network": NETWORKS[experiment.is_3d]}
  parts: list[tuple[Any, dict[str, str]]] = [
    (experiment.network, setting_names.UNET if experiment.is_3d else setting_names.DEEPLAB),
    (experiment.sampling, setting_names.PATCHES if experiment.is_3d else setting_names.SLICES),
    (experiment.descent, setting_names.DESCENT),
    (experiment.stage1, setting_names.STAGE1),
    (experiment.stage2, setting_names.STAGE2),
    (experiment.stage2.objective, setting_names.OBJECTIVE),
    (experiment.held_out, setting_names.HELD_OUT),
    (experiment, setting_names.WHOLE),
  ]
  for part, names in parts:
    values.update({name: getattr(part, field) for name, field in names.items()})
  if experiment.is_3d:
    values["unet_strides"] = tuple(step[0] for step in values["unet_strides"])
  return values


def _part(defaults: Part, names: Mapping[str, str], values: Mapping[str, Any]) -> Part:
  """The dataclass with the fields that `values` names; an error begins with the setting's name."""
  given = {field: values[name] for name, field in names.items() if name in values}
  try:
    return dataclasses.replace(defaults, **given)  # type: ignore[type-var]
  except ValueError as error:
    field, equals, rest = str(error).partition("=")
    name = {field: name for name, field in names.items()}.get(field, field)
    raise ValueError(f"{name}{equals}{rest}") from None


def _with_steps(values: Mapping[str, Any]) -> dict[str, Any]:
  """unet_strides has one number for each scale, the network one for each axis (z, y, x)."""
  if "unet_strides" not in values:
    return dict(values)
  return {**values, "unet_strides": tuple((stride,) * 3 for stride in values["unet_strides"])}


def differences(ours: Experiment, theirs: Experiment, ignoring: frozenset[str] = frozenset()) -> list[str]:
  """The settings in which two experiments differ: "--lambda2=0.1 (was 1.0)", sorted."""
  here, there = to_flat(ours), to_flat(theirs)
  names = sorted((set(here) | set(there)) - ignoring)
  return [
    f"--{name}={show(here.get(name, '-'))} (was {show(there.get(name, '-'))})"
    for name in names
    if here.get(name) != there.get(name)
  ]


def show(value: Any) -> str:
  """A setting as the flag spells it."""
  if isinstance(value, tuple):
    return ",".join("own" if part is None else str(part) for part in value)
  return str(value)


def save_experiment(experiment: Experiment, path: pathlib.Path) -> None:
  write_text(path, json.dumps({"format": FORMAT, **to_flat(experiment)}, indent=1))


def load_experiment(path: pathlib.Path) -> Experiment:
  """Reads what `save_experiment` wrote, in this version or an earlier one.

  A setting that the file does not have came later: it takes the value that reproduces what the run did.

  Raises:
    InputError: If the file is no such JSON, is of a later version, or has a setting that is not known or not
      allowed.
  """
  try:
    content = json.loads(path.read_text(encoding="utf-8"))
    given = content.pop("format", 1)
  except (OSError, ValueError, AttributeError, TypeError) as error:
    raise InputError(
      f"{path}: cannot be read as the settings of a run ({error}); restore the file, or train the run again."
    ) from None
  for name, without_effect in setting_names.TAKEN_OUT.items():
    if content.get(name) == without_effect:
      del content[name]
  unknown = sorted(set(content) - setting_names.SETTINGS)
  if unknown or not isinstance(given, int) or given > FORMAT:
    found = f"settings that this version does not know ({', '.join(unknown[:3])})" if unknown else ""
    raise InputError(
      f"{path}: has {found or f'format {given}, and this version knows 1 to {FORMAT}'}; "
      "use the version that trained the run."
    )
  values = {name: tuple(value) if isinstance(value, list) else value for name, value in content.items()}
  try:
    return from_flat({**setting_names.BEFORE_THERE_WAS, **values})
  except (ValueError, TypeError) as error:
    raise InputError(f"{path}: {error}; use the version that trained the run.") from None
