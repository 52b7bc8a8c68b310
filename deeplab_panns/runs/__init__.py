"""What a run is made of and keeps on disk."""
