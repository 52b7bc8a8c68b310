"""The manifest `dataset.json` as people write it, refused where a field has two readings."""
