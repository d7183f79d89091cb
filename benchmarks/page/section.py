"""What a section of the page is made of."""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

Result = Mapping[str, Any]
"""What a benchmark wrote."""


@dataclass(frozen=True)
class Bar:
    """Something that must hold.

    Attributes:
        claim: what must.
        measured: what was found.
        met: whether that does.
    """

    claim: str
    measured: str
    met: bool


@dataclass(frozen=True)
class Section:
    """One result, told.

    Attributes:
        module: of `benchmarks`, which measures it.
        title: heading.
        about: what it measures, in a sentence.
        needs: keys that its result has; one without them was written by another version of the module.
        bars: what must hold.
        tables: Markdown, in order.
        draw: its figure, within `offline_train.svg.look`.
        result: the name of its file, without ending; the module's where it is "".
        options: of the command, beside --json.
    """

    module: str
    title: str
    about: str
    needs: Sequence[str]
    bars: Callable[[Result], list[Bar]]
    tables: Callable[[Result], list[str]]
    draw: Callable[[Result], Figure]
    result: str = ""
    options: Sequence[str] = ()

    @property
    def name(self) -> str:
        """Of its result and of its figure."""
        return self.result or self.module

    @property
    def command(self) -> str:
        """Which gives its result."""
        out = f"benchmarks/results/{self.name}.json"
        return shlex.join(["python", "-m", f"benchmarks.{self.module}", *self.options, "--json", out])

    def read(self, results: Path) -> Result | None:
        """Its result from the folder of results; None where there is none of this version.

        Raises:
            ValueError: the file is damaged; says which, and what to do.
        """
        path = results / f"{self.name}.json"
        if not path.is_file():
            return None
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} is no JSON: write it again with {self.command}") from error
        return result if isinstance(result, dict) and all(key in result for key in self.needs) else None
