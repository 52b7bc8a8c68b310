"""A first dataset.json for folders of images and labels: paired by name, label values read."""
