"""What can be fuzzed: where inputs come from, and what is done with one."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
"""The inputs to begin with, a folder a target."""
WORDS = Path(__file__).parent / "words"
"""Dictionaries, as libFuzzer reads them."""

Run = Callable[[bytes], None]
"""Does with one input what the program does. It may raise the program's own errors of one line."""


@dataclass(frozen=True, slots=True)
class Target:
    """A part of the program that reads what others write.

    Attributes:
        name: of the target.
        corpus: the folder of its seeds in `fuzz/corpus`; targets may share one.
        start: makes it ready; gets an empty folder of its own. What it yields is called for every input.
        share: of all inputs, by weight: those that are done quickly get more.
        words: the file in `fuzz/words` with what inputs are made of, for the mutations to put in.
        longest: bytes of an input, at most.
    """

    name: str
    corpus: str
    start: Callable[[Path], AbstractContextManager[Run]]
    share: float
    words: str
    longest: int
