"""Training batches from a store, each a pure function of (seed, step)."""
