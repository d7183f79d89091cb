"""Limits of what a configuration may contain, checked before a network is built."""

from typing import Annotated

from pydantic import Field

Size = Annotated[int, Field(ge=1, le=16_384)]
"""Size of a vector."""

Depth = Annotated[int, Field(ge=0, le=256)]
"""Number of layers or blocks."""

Share = Annotated[float, Field(ge=0, le=1)]
"""A fraction, such as a dropout rate."""
