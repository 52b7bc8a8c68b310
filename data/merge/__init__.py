"""One store made of several. `python -m data.merge` does it."""
