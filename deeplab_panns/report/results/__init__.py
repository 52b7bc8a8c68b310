"""The scores of several runs as methods, compared on the same cases, and their tables."""
