"""Scans of a user found, segmented and written, case by case."""
