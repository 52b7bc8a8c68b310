"""python -m deeplab_panns.train: both stages of the paper's Algorithm 1, resumable."""

from __future__ import annotations

from absl import flags

from data import command
from data.stored.store import read_store, require_organs
from deeplab_panns.config import (
  FLAG_GROUPS,
  define_flags,
  devices_from_flags,
  experiment_from_flags,
  profile_steps,
  without_effect,
)
from deeplab_panns.pretrained.start import Start
from deeplab_panns.training import Intervals, Resources, train


def main(_: list[str]) -> None:
  args = flags.FLAGS
  store = read_store(args.data_dir)
  require_organs(store, args.organs)
  experiment = experiment_from_flags(args, store.spacing_mm)
  unused = without_effect(args)
  if unused:
    print(f"warning: {unused}", flush=True)
  train(
    experiment,
    store,
    args.run_dir,
    Intervals(
      args.log_interval,
      args.checkpoint_interval,
      args.validation_interval,
      args.keep_checkpoints,
      profile_steps(args.profile_steps),
    ),
    Resources(
      args.threads,
      args.inter_op_threads,
      args.jit_compile,
      args.max_voxels,
      args.deterministic,
      devices_from_flags(args),
    ),
    args.stage1_run,
    args.verify_store,
    Start(args.pretrained, args.init_from),
  )


if __name__ == "__main__":
  define_flags()
  command.run(main, FLAG_GROUPS)
