"""Connections and what comes over them, bounded before it is known who is there."""
