"""The flags of train and crossval as their main() sees them, apart from the flags of other tests."""

from absl import flags

from deeplab_panns import config, crossval


def parsed(*arguments):
  """The flags of `train`, parsed."""
  values = flags.FlagValues()
  config.define_flags(values)
  values(["train", "--data_dir=s", "--run_dir=r", *arguments])
  return values


def parsed_crossval(*arguments):
  """The flags of `crossval`, parsed."""
  values = flags.FlagValues()
  crossval.define_flags(values)
  values(["crossval", "--data_dir=s", "--run_dir=r", *arguments])
  return values


def experiment(*arguments, spacing_mm=(None, None, None)):
  """What train makes of its flags for a store of this spacing."""
  return config.experiment_from_flags(parsed(*arguments), spacing_mm)
