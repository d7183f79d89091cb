"""The training loop, its checkpoints and devices."""
