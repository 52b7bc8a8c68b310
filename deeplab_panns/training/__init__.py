"""Training runs, and cross-validation."""

from deeplab_panns.training.assembly import Resources
from deeplab_panns.training.progress import Intervals
from deeplab_panns.training.train_run import train

__all__ = ["Intervals", "Resources", "train"]
