"""Names of the arrays that pass between rooms; axes are (z, y, x) in canonical orientation unless said."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.uint8]
"""[z, y, x] or [y, x]: 0 background, 1 + the organ's index in the organ list, 255 ignore."""
ImageHU = npt.NDArray[np.float32]
"""[z, y, x], CT numbers in HU."""
StoredImage = npt.NDArray[np.uint8]
"""[z, y, x], the HU window as [0, 255]."""
Mask = npt.NDArray[np.bool_]
"""[z, y, x] or [y, x], what belongs to one organ."""
Affine = npt.NDArray[np.float64]
"""[4, 4], voxel indices (x, y, z) to RAS mm, as in nibabel."""
Floats = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.integer[Any]]
Picture = npt.NDArray[np.uint8]
"""[height, width, 3], RGB."""

SpacingMM = tuple[float, float, float]
"""(z, y, x)."""
WantedSpacingMM = tuple["float | None", "float | None", "float | None"]
"""(z, y, x); None keeps a volume's own along that axis."""
