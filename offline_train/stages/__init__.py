"""The stages of training, a stage a file."""
