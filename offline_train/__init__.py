"""Offline training: how a bundle comes to be."""

import models as models  # before any library is: see there
