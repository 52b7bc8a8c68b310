"""DeepLab-v3, the prior-aware trainer, inference, metrics, and the commands."""

import pathlib

import data

# `data` is a common name: another package of that name earlier on the path would fail much later, and oddly.
_SIBLING = pathlib.Path(__file__).resolve().parent.parent / "data"
if _SIBLING not in [pathlib.Path(path).resolve() for path in data.__path__]:
  raise ImportError(
    f"deeplab_panns needs its own package `data` ({_SIBLING}), but Python found {list(data.__path__)}. "
    "Start the command in the checkout, or take the other `data` off PYTHONPATH."
  )
