"""Trained networks applied to whole volumes."""
