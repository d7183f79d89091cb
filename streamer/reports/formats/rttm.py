"""RTTM: speaker segments, for scoring of diarization.

NIST, "The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan", appendix A.
"""

from collections.abc import Sequence

from streamer.reports.record import Record, end_ms, name_of, start_ms
from streamer.reports.wording import fields


def to_rttm(records: Sequence[Record]) -> str:
    """One SPEAKER line for each turn: file, channel, start, length, name; no field contains a space.

    The file is the stream's name, with the session if there are several of one stream.
    """
    streams = [record.stream for record in records]
    files = fields(
        [record.stream if streams.count(record.stream) == 1 else _both(record) for record in records]
    )
    lines = []
    for record, file in zip(records, files.values(), strict=True):
        names = fields(record.speakers)
        for turn in record.turns:
            start_s, length_s = start_ms(turn) / 1000, (end_ms(turn) - start_ms(turn)) / 1000
            lines.append(
                f"SPEAKER {file} 1 {start_s:.3f} {length_s:.3f} <NA> <NA> {names[name_of(turn)]} <NA> <NA>\n"
            )
    return "".join(lines)


def _both(record: Record) -> str:
    return f"{record.stream}-{record.session}"
