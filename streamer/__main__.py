"""The program `merits`, also as `python -m streamer`; it handles Ctrl-C before the rest is imported."""

import os

from streamer.machine.interrupts import leave_at_once


def main() -> None:
    """Run the command line (see `streamer.cli.app.main`)."""
    leave_at_once()
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:  # reopens closed standard streams
        pass
    os.close(fd)
    from streamer import logs

    logs.configure()
    logs.log_what_nobody_catches()
    from streamer.cli.app import main as run

    run()


if __name__ == "__main__":
    main()
