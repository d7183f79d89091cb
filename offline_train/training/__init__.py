"""The training loop, its checkpoints and what it runs on."""
