"""The folder of bundles; importable without torch."""

from pathlib import Path

BUNDLES = Path(__file__).parent / "bundles"
DEFAULT_BUNDLE = "meld-small"
