"""The report: the scores of several runs side by side. `python -m deeplab_panns.report` makes it."""
