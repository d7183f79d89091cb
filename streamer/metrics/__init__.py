"""Monitoring: metrics for Prometheus, and health (docs/operations.md)."""
