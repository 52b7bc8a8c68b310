"""The study: cells of settings on drawn patients, cached and tabulated. `python -m deeplab_panns.study` runs
a part."""
