"""CSV (RFC 4180): a row a turn, with all there is to calculate with."""

import csv
import io
from collections.abc import Sequence

from streamer.reports.record import Record

_FIELDS = (
    ["session", "stream", "turn", "revision", "speaker", "start_s", "end_s"],
    ["emotion", "confidence", "sentiment", "valence"],
    ["text", "recogniser", "bundle"],
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def to_csv(records: Sequence[Record]) -> str:
    """Columns: whose and when, what, then `probability.LABEL`, and `text.LABEL` and `speech.LABEL` for what
    the words alone and the voice alone say; then the words, and what made all this.

    What is not known is left empty. A text that a spreadsheet would take for a formula is led by an
    apostrophe (OWASP, "CSV Injection"): words and names may come from strangers.
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
