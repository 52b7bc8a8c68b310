"""Metrics, and the evaluation of runs and label maps by them."""
