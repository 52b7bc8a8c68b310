"""Synthetic patients: drawn phantoms, and one real scan deformed."""
