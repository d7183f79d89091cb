"""Offline training of bundles."""

import models as models  # before any other library: it turns off their telemetry
