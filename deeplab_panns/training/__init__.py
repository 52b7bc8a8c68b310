"""Training runs, and cross-validation."""
