"""The faults that `/healthz` reports."""

from dataclasses import dataclass

from streamer.outputs.base import by_name
from streamer.tasks import dead_parts
from streamer.turn_embedding.analyzer import Analyzer
from streamer.turn_embedding.running_sessions import Snapshot


@dataclass(frozen=True, slots=True)
class Trouble:
    """A fault. The reason names no addresses, since strangers may ask."""

    part: str
    reason: str


def troubles(analyzer: Analyzer, now: Snapshot | None = None) -> list[Trouble]:
    """The present faults; the models are there."""
    found = [] if analyzer.trouble is None else [Trouble("recogniser", analyzer.trouble)]
    now = now or analyzer.running.now()
    if behind := sum(session.held_back for session in now.sessions):
        found.append(Trouble("analysis", f"sessions that are held back because turns wait: {behind}"))
    found += [Trouble(part, reason) for part, reason in analyzer.running.troubles().items()]
    for output in by_name(output for output in now.outputs if output.trouble is not None):
        waiting = 0 if output.queue is None else output.queue.depth
        found.append(Trouble(output.name, f"{output.trouble}; events that wait: {waiting}"))
    found += [Trouble(part, reason) for part, reason in dead_parts()]
    return found
