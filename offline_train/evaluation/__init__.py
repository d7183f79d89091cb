"""How well a bundle or a run does."""
