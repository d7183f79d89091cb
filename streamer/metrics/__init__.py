"""What operators look at: figures for Prometheus, and health (docs/operations.md)."""
