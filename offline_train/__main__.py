"""`python -m offline_train` is `merits-train`; on several devices: `accelerate launch -m offline_train`."""

import contextlib
import os
import sys

from offline_train.app import main

if int(os.environ.get("RANK", "0")) > 0:
    # Every process knows the results; one says them.
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - for as long as the process lives
try:
    main()
finally:
    if "WORLD_SIZE" in os.environ:
        with contextlib.suppress(ImportError):
            from accelerate import PartialState

            if PartialState._shared_state:
                PartialState().destroy_process_group()
