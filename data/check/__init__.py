"""A finished store compared with its index, and its guards asked again. `python -m data.check` does it."""
