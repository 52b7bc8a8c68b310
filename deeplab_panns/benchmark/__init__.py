"""How long a training step, sliding windows and the metrics take on this machine."""
