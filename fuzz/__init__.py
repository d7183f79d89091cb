"""Made-up inputs for whatever reads what others write: `make fuzz`, `python -m fuzz --help`."""
