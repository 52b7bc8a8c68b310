"""Label maps mended after the network: pieces, holes, and sides. NumPy and SciPy alone."""
