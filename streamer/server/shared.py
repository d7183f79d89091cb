"""One analyzer for all streams."""

import threading
from collections.abc import Sequence

from streamer.analyzer import Analyzer, Utterance
from streamer.turn_events import Turn


class SharedAnalyzer(Analyzer):
    """Lets the workers of all pipelines in one at a time."""

    def __init__(self, analyzer: Analyzer) -> None:
        super().__init__(analyzer.bundle, analyzer.transcriber)
        self._free = threading.Lock()

    def analyze(self, turn: Turn, preceding: Sequence[str] = ()) -> Utterance:
        """Understand one turn (see `Analyzer.analyze`)."""
        with self._free:
            return super().analyze(turn, preceding)
