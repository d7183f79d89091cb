"""This program beside others that turn live sound into words: `python -m benchmarks.peers`."""


def main() -> None:
    """Command line."""
    # The drivers are of this package too, and run where there is nothing that the comparison imports.
    from benchmarks.peers.comparison import main as compare

    compare()
