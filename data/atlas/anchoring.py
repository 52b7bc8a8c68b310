"""Where an atlas lies in a scan that annotates its anchor organs."""

from __future__ import annotations

import numpy as np
from scipy import signal

from data.arrays import Floats, Labels, SpacingMM
from data.atlas.cells import CELL_MM, count_cells
from data.atlas.organ_atlas import OrganAtlas

_LEAST = 1e-3  # a share below this counts as this: no single cell can rule out a place


def find_anchor_mm(label: Labels, spacing_mm: SpacingMM, atlas: OrganAtlas) -> Floats | None:
  """The most likely place of the atlas's anchor in a scan.

  Maximises Σ_x Σ_o m_o(x) log A(o | x − t) + (1 − Σ_o m_o(x)) log(1 − Σ_o A(o | x − t)) over all shifts t by
  whole cells, m_o the annotation of anchor organ o. Beyond the scan nothing is known, and an organ that the
  scan cuts off is found by the part that is left. The sums are correlations, computed by FFT.

  Args:
    label: uint8 [z, y, x] of the scan; only the atlas's anchors are looked at, IGNORE counts nowhere.
  Returns:
    [3], mm from the corner of voxel (0, 0, 0); may lie outside the scan. None where less than a cell of the
    anchors is annotated: a voxel at the edge of a scan fits far outside it.
  """
  classes, organs = len(atlas.share), sorted(atlas.anchors)
  counted = count_cells(label, spacing_mm, classes, np.zeros(3))
  drawn = counted.volume[organs]
  if drawn.sum() < 1:
    return None
  likely = atlas.share[organs]
  terms = [_correlation(part, _log(share) - np.log(_LEAST)) for part, share in zip(drawn, likely)]
  rest = counted.volume.sum(axis=0) - drawn.sum(axis=0)
  terms.append(_correlation(rest, _log(1 - likely.sum(axis=0))))
  best = np.unravel_index(np.argmax(np.sum(terms, axis=0)), terms[0].shape)
  # index i of the full correlation: scan cell 0 lies on the atlas's cell (size − 1 − i)
  shift = np.array(best) - (np.array(atlas.share.shape[1:]) - 1) - atlas.first + counted.first
  return shift * CELL_MM


def _log(share: Floats) -> Floats:
  return np.log(np.maximum(share, _LEAST))


def _correlation(of_scan: Floats, of_atlas: Floats) -> Floats:
  """Σ_x scan(x) atlas(x − t) for every shift t at which the two meet."""
  return signal.correlate(of_scan, of_atlas, mode="full", method="fft")
