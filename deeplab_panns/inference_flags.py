"""Flags of how a network is applied and its labels are mended: predict, evaluate and crossval share them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from absl import flags

from deeplab_panns.postprocessing.mending import Mending
from deeplab_panns.segmentation.application import Application

LABELS = (
  "test_scales",
  "crop_to_body",
  "mend_sides",
  "min_piece_share",
  "fill_holes",
)  # labels depend on them


def define_flags(values: flags.FlagValues | None = None) -> None:
  where = {} if values is None else {"flag_values": values}
  flags.DEFINE_list(
    "test_scales",
    ["1"],
    "Sizes of the image whose probabilities are averaged; the paper tests at 0.75,1,1.25,1.5,1.75,2. "
    "Of 3-D networks, sizes of the volume.",
    **where,
  )
  flags.DEFINE_bool("crop_to_body", False, "Compute nothing where the body is not.", **where)
  flags.DEFINE_bool(
    "mend_sides",
    False,
    "Pieces of a left or right organ that lie wholly on the other side become the other organ.",
    **where,
  )
  flags.DEFINE_float(
    "min_piece_share",
    0.0,
    "Pieces of an organ below this share of its largest piece become background; 1 keeps the largest alone.",
    **where,
  )
  flags.DEFINE_bool("fill_holes", False, "Background that an organ encloses becomes the organ.", **where)
  flags.DEFINE_float(
    "memory_gb",
    None,
    "What a 2-D network's activations may take, in 10^9 bytes: slices are computed fewer at a time, or one. "
    "Default: half of what is free.",
    **where,
  )


def application(args: Any) -> Application:
  """What the flags say of applying the network. Raises flags.Error on what cannot be."""
  try:
    return Application(_numbers(args.test_scales), args.crop_to_body, args.memory_gb)
  except ValueError as error:
    raise flags.ValidationError(f"--{error}") from None


def mending(args: Any) -> Mending:
  """What the flags say of mending the labels. Raises flags.Error on what cannot be."""
  try:
    return Mending(args.mend_sides, args.min_piece_share, args.fill_holes)
  except ValueError as error:
    raise flags.ValidationError(f"--{error}") from None


def arguments(args: flags.FlagValues) -> list[str]:
  """The flags that were given, as text, for another command."""
  given = [args[name] for name in (*LABELS, "memory_gb") if args[name].present]
  return [text for text in (flag.serialize() for flag in given) if text]


def _numbers(words: Sequence[str]) -> tuple[float, ...]:
  try:
    return tuple(map(float, words))
  except ValueError:
    raise ValueError(
      f"test_scales={','.join(words)}: must be a comma-separated list of factors, as 0.75,1,1.25"
    ) from None
