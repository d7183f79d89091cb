"""Audacity's label tracks: start, end and text, tab-separated.

https://manual.audacityteam.org/man/importing_and_exporting_labels.html
"""

from streamer.reports.record import Record
from streamer.reports.wording import caption


def to_audacity(record: Record) -> str:
    """One label for each turn: `[emotion] speaker: words`."""
    return "".join(f"{turn.start_s:.6f}\t{turn.end_s:.6f}\t{caption(turn)}\n" for turn in record.turns)
