"""`benchmarks/results/*.json` -> docs/benchmarks.md with its figures, and the figures in the README."""
