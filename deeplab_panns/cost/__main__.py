"""python -m deeplab_panns.cost: what an experiment would take on GPUs and TPUs, before one is rented.

  python -m deeplab_panns.cost --experiment=experiments/resnet101_panns.flags

Counts operations and bytes in the network's graph and divides by what the machines promise. It is no
measurement: experiments/gpu_check.sh makes one, in ten minutes.
"""

from __future__ import annotations

from absl import flags

from data import command
from data.batches.patches import PatchSampling
from data.input_error import InputError
from deeplab_panns import config
from deeplab_panns.cost.estimate import OF_BANDWIDTH, OF_OPERATIONS, Estimate, Step, estimate
from deeplab_panns.cost.machines import MACHINES, Machine
from deeplab_panns.cost.network_cost import NetworkCost, count
from deeplab_panns.evidence.text_table import to_markdown
from deeplab_panns.runs.build_network import build_network
from deeplab_panns.runs.experiment import Experiment


def define_flags() -> None:
  """Defines the command's flags."""
  flags.DEFINE_string("experiment", None, "A flagfile of deeplab_panns.train.", required=True)
  flags.DEFINE_integer("organs", 13, "Organs of the store.", lower_bound=1, upper_bound=254)


def main(_: list[str]) -> None:
  args = flags.FLAGS
  experiment = read_experiment(args.experiment)
  if experiment.co_training:
    raise InputError(f"{args.experiment}: --co_training trains two networks; the estimate is of one.")
  sampling = experiment.sampling
  if isinstance(sampling, PatchSampling):
    shape: tuple[int, ...] = (*sampling.patch_size, 1)
  else:
    shape = (sampling.crop_size, sampling.crop_size, sampling.slices_per_input)
  cost = count(build_network(experiment, args.organs + 1), shape)
  size = "x".join(map(str, shape))
  print(
    f"{experiment.steps} steps of {experiment.batch_size} of {size}: "
    f"{cost.multiply_accumulates / 1e9:.1f} GMAC, {cost.activations / 1e6:.0f} M activations an example, "
    f"{cost.parameters / 1e6:.1f} M parameters\n"
  )
  print(to_markdown(rows(experiment, cost)))
  print(
    f"Least: at all that the maker promises. Likely: at {OF_OPERATIONS:.0%} of the operations and "
    f"{OF_BANDWIDTH:.0%} of the bandwidth, one after the other; validation, start and input not counted."
  )


def read_experiment(flagfile: str) -> Experiment:
  """The Experiment of a flagfile of train.

  Raises:
    flags.Error: If it cannot be read as such.
  """
  values = flags.FlagValues()
  config.define_flags(values)
  values(["cost", "--data_dir=-", "--run_dir=-", f"--flagfile={flagfile}"])
  return config.experiment_from_flags(values, (None, None, None))


def rows(experiment: Experiment, cost: NetworkCost) -> list[tuple[str, ...]]:
  """The header and a line for each machine and precision."""
  found: list[tuple[str, ...]] = [
    ("machine", "numbers", "GB a device", "least h", "likely h", "likely s a step", "images/s to feed")
  ]
  for machine in MACHINES:
    if not experiment.batch_plan.is_even(machine.devices, experiment.stage2.has_partial):
      continue  # train refuses it
    for kind, size in (("float32", 4), ("16 bits", 2)):
      found.append(_row(experiment, cost, machine, kind, size))
  return found


def _row(
  experiment: Experiment, cost: NetworkCost, machine: Machine, kind: str, size: int
) -> tuple[str, ...]:
  stage2, batch = experiment.stage2, experiment.batch_size
  taught = experiment.batch_plan.partial_size if stage2.has_partial else 0
  if stage2.objective.partial_loss == "marginal":
    taught = 0
  first = estimate(cost, Step(batch, 0, size), machine)
  second = estimate(cost, Step(batch, taught, size), machine)
  least, likely = (
    (experiment.stage1.steps * getattr(first, what) + stage2.steps * getattr(second, what)) / 3600
    for what in ("least_seconds", "seconds")
  )
  return (
    machine.name,
    kind,
    f"{first.memory_gb:.0f}{_too_much(first, machine)}",
    f"{least:.1f}",
    f"{likely:.1f}",
    f"{first.seconds:.3f}",
    f"{batch / first.seconds:.0f}",
  )


def _too_much(found: Estimate, machine: Machine) -> str:
  return f" of {machine.memory:.0f}: too much" if found.memory_gb > machine.memory else ""


if __name__ == "__main__":
  define_flags()
  command.run(main)
