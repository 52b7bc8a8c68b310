"""A first dataset.json for folders of images and label maps. `python -m data.manifest` writes it."""
