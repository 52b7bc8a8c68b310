"""Scans whose slices are no neighbours: a network may look at one axial slice of them at a time."""

from __future__ import annotations

from collections.abc import Iterable

from data.batches.patches import PatchSampling
from data.batches.slices import SliceSampling
from data.input_error import InputError
from data.listed import listed
from data.stored.store import StoredCase


def require_single_slices(cases: Iterable[StoredCase], sampling: SliceSampling | PatchSampling) -> None:
  """Raises InputError if a case has separate slices, and examples are more than one axial slice."""
  separate = [case for case in cases if case.separate_slices]
  if not separate:
    return
  if isinstance(sampling, PatchSampling):
    wrong, way_out = "the network is 3-D", "--network=deeplab_v3 --slices_per_input=1"
  elif sampling.view != "axial":
    wrong, way_out = f"--view={sampling.view} cuts across them", "--view=axial"
  elif sampling.slices_per_input > 1:
    wrong, way_out = (
      f"--slices_per_input={sampling.slices_per_input} takes neighbours",
      "--slices_per_input=1",
    )
  else:
    return
  raise InputError(
    f"{separate[0].folder.parent}: the slices of {listed((case.id for case in separate), 3)} are separate "
    f"(data.prepare --separate_slices), and {wrong}; use {way_out}."
  )
