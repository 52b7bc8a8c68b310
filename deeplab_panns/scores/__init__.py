"""Metrics, and what is scored by them."""
