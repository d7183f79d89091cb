"""The networks of MERITS-L and their incremental form. No I/O beyond loading a bundle.

All packages of this project import this one first: it turns off the telemetry of the libraries below before
they are loaded, also in processes started from here.
"""

import os

os.environ |= {
    "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime would create a device id and contact its vendor
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}
