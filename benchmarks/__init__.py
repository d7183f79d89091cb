"""Measurements: each module runs with `python -m benchmarks.NAME --json OUT`."""

import models as models  # before any library is: see there
