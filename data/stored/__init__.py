"""The store: cases as arrays on disk, how they get there, how they are split."""
