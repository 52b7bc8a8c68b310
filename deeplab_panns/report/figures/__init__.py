"""The report's figures, one a module."""
