"""Exports finished runs as a bundle with its model card."""
