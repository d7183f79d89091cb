"""What turns speech into words."""
