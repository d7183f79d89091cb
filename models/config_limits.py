"""What a configuration may ask for, whoever wrote it: checked before anything is built."""

from typing import Annotated

from pydantic import Field

Size = Annotated[int, Field(ge=1, le=16_384)]
"""Of a vector."""

Depth = Annotated[int, Field(ge=0, le=256)]
"""How many layers or blocks."""

Share = Annotated[float, Field(ge=0, le=1)]
"""Dropout, say."""
