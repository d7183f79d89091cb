"""Export formats, one in each file."""
