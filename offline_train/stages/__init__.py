"""The stages of training, one per module."""
