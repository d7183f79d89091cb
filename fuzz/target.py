"""What can be fuzzed: where inputs come from, and what is done with one."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

Run = Callable[[bytes], None]
"""Does with one input what the program does. It may raise the program's own errors of one line."""


@dataclass(frozen=True, slots=True)
class Target:
    """A part of the program that reads what others write.

    Attributes:
        name: of the target.
        corpus: the folder of its seeds in `fuzz/corpus`; targets may share one.
        start: makes it ready; gets an empty folder of its own. What it yields is called for every input.
        seeds: inputs to begin with, by file name; the same names and nearly the same bytes each time.
        share: of all inputs, by weight: those that are done quickly get more.
        words: what inputs are made of, for the mutations to put in.
        longest: bytes of an input, at most.
    """

    name: str
    corpus: str
    start: Callable[[Path], AbstractContextManager[Run]]
    seeds: Callable[[], Mapping[str, bytes]]
    share: float = 1.0
    words: tuple[str, ...] = ()
    longest: int = 8192

    def dictionary(self) -> Iterator[str]:
        """The words as libFuzzer reads them."""
        for word in self.words:
            escaped = "".join(f"\\x{byte:02x}" for byte in word.encode("latin-1"))
            yield f'"{escaped}"'
