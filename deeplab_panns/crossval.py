"""python -m deeplab_panns.crossval: trains and evaluates every fold of a store, and merges their scores.

  python -m deeplab_panns.crossval --flagfile=experiments/X.flags --data_dir=STORE --folds=5 --run_dir=RUN

RUN/fold0, RUN/fold1, ... are ordinary runs. The same command goes on where it was stopped; with --fold=k it
does fold k alone, for job arrays, and the last of them to end writes RUN/metrics.csv, metrics.json,
volumes.csv and confusion.csv.
"""

from __future__ import annotations

import pathlib

from absl import flags

from data import command
from data.stored.store import read_store, require_organs
from deeplab_panns import config, inference_flags
from deeplab_panns.pretrained.start import Start
from deeplab_panns.scores import how_scored
from deeplab_panns.training.folds import CrossValidation, cross_validate, store_folds

# What crossval itself decides for each fold.
_OWN_FLAGS = frozenset({"data_dir", "run_dir", "fold", "stage1_run"})


def define_flags(values: flags.FlagValues | None = None) -> None:
  """All flags of train; --fold is the one fold to do (-1: all), --stage1_run another cross-validation. Of
  evaluate those that say how the network is applied."""
  config.define_flags(values)
  inference_flags.define_flags(values)
  where = {} if values is None else {"flag_values": values}
  what = "Folds that the store must have (data.prepare deals them)."
  flags.DEFINE_integer("folds", 5, what, lower_bound=2, **where)


def train_arguments(args: flags.FlagValues) -> tuple[str, ...]:
  """The flags of train that were given, on the command line or in a flagfile, but for those that differ by
  fold."""
  given = [
    flag
    for flag in args.flags_by_module_dict()[config.__name__]
    if flag.present and flag.name not in _OWN_FLAGS
  ]
  return tuple(text for text in (flag.serialize() for flag in given) if text)


def main(_: list[str]) -> None:
  args = flags.FLAGS
  if args.strategy == "multi_worker":
    raise flags.ValidationError(
      "--strategy=multi_worker: crossval trains folds on this host alone; start train --fold=k on all hosts"
    )
  scored_how = how_scored.record(inference_flags.application(args), inference_flags.mending(args))
  store = read_store(args.data_dir)
  require_organs(store, args.organs)
  start = Start(args.pretrained, args.init_from)
  experiment = start.named_in(config.experiment_from_flags(args, store.spacing_mm))
  folds = store_folds(store, args.folds)
  cross_validation = CrossValidation(
    pathlib.Path(args.run_dir),
    store,
    folds,
    experiment,
    train_arguments(args),
    args.stage1_run,
    tuple(inference_flags.arguments(args)),
    scored_how,
  )
  cross_validate(cross_validation, args.fold)


if __name__ == "__main__":
  define_flags()
  command.run(main, config.FLAG_GROUPS)
