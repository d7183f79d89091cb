"""CSV (RFC 4180): one row for each turn, with all numbers."""

import csv
import io
from collections.abc import Sequence

from streamer.reports.record import Record

_FIELDS = (
    ["session", "stream", "turn", "revision", "speaker", "start_s", "end_s"],
    ["emotion", "confidence", "sentiment", "valence", "arousal"],
    ["text", "recogniser", "bundle", "language", "words_confidence", "translation"],
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def to_csv(records: Sequence[Record]) -> str:
    """Columns: session, speaker and times; emotion; `probability.LABEL`; `text.LABEL` and `speech.LABEL`
    (from the words alone and the voice alone); the words, the models, and the language,
    confidence and translation of the words.

    Unknown values are empty. A text that a spreadsheet would interpret as a formula starts with an apostrophe
    (OWASP, "CSV Injection"): words and names may be hostile.
    """
    labels = dict.fromkeys(label for record in records for label in record.labels)
    modalities = dict.fromkeys(
        modality for record in records for turn in record.turns for modality in turn.modalities
    )
    whose, what, words = _FIELDS
    by_label = [
        ("probability", label) if modality is None else (modality, label)
        for modality in (None, *modalities)
        for label in labels
    ]
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(
        _harmless(name) for name in [*whose, *what, *(".".join(pair) for pair in by_label), *words]
    )
    for record in records:
        for turn in record.turns:
            told = turn.model_dump()
            said = {"probability": told["probabilities"], **told["modalities"]}
            writer.writerow(
                [
                    *(_harmless(told[name]) for name in [*whose, *what]),
                    *(said.get(kind, {}).get(label, "") for kind, label in by_label),
                    *(_harmless(told[name]) for name in words),
                ]
            )
    return file.getvalue()


def _harmless(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
