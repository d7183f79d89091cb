"""The networks of MERITS-L and their incremental form. No I/O beyond loading a bundle.

Whoever imports any of this project's packages imports this one first: so here the libraries below are told,
before they are loaded, and so are all processes started from here, that they have nothing to tell anyone.
"""

import os

os.environ |= {
    "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime else makes a device id, and looks up its maker's collector
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}
