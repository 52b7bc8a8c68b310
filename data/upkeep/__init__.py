"""Finished stores: whether one is still what prepare made, and one made of several."""
