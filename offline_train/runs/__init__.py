"""Training runs on disk: what was asked, what came out, where it comes from."""
