"""`python -m offline_train` is `merits-train`; on several devices: `accelerate launch -m offline_train`."""

import contextlib
import os
import signal
import sys


def main() -> None:
    """Run the command line (see `offline_train.app.main`)."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # nothing to clean up during the imports
        signal.signal(signal.SIGINT, lambda *_: os._exit(128 + signal.SIGINT))
    from offline_train.app import main as run

    if int(os.environ.get("RANK", "0")) > 0:
        # All processes have the results; only the first prints them.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - open until the process ends
    try:
        run()
    finally:
        if "WORLD_SIZE" in os.environ:
            with contextlib.suppress(ImportError):
                from accelerate import PartialState

                if PartialState._shared_state:
                    PartialState().destroy_process_group()


if __name__ == "__main__":
    main()
