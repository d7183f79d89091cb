"""From finished runs to a bundle with its model card."""
