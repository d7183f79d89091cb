"""Sources of sound."""
