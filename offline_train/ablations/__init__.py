"""Experiments: runs over several seeds, and the differences between their scores."""
