"""Synthetic patients: a geometric phantom, and deformations of one real scan."""
