"""What is done with files: hashed, locked, replaced only where that is allowed."""
