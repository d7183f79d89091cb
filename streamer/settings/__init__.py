"""What can be set, and where it is looked for."""
