"""EmotionML 1.0: every turn as an `<emotion>`, with vocabularies in the document.

W3C Recommendation, 22 May 2014, https://www.w3.org/TR/emotionml/.
"""

from typing import Any
from urllib.parse import quote

from streamer.reports.formats.xml import render
from streamer.reports.record import Record, Turn, name_of, start_ms
from streamer.reports.sound import Sound
from streamer.reports.wording import identifiers, one_line

_THROUGH = {"text": "text", "speech": "voice"}


def to_emotionml(record: Record, sound: Sound | None) -> bytes:
    """Convert a session to a document.

    Every label is a `<category>` with its probability as `confidence`, the likeliest first. Valence and, if
    known, arousal are `<dimension>`s, mapped from -1..1 to 0..1, the range of scale values. The words are the
    emotion's text. `start` and `end` would be milliseconds since 1970, which are unknown: times are relative
    to the recording, as `offset-to-start` and `duration` in milliseconds, and in the media fragment of the
    `<reference>`. Names that are no NMTOKEN are converted; `<info>` contains the original.

    Args:
        record: the session.
        sound: its recording; without one, the reference is the name of the session's source.
    """
    ids = identifiers(f"speaker-{name}" for name in record.speakers)
    return render(
        "emotionml.xml",
        record=record,
        sound=sound,
        uri=quote(one_line(record.source)) if sound is None else sound.relative_url,
        names=identifiers(record.labels),
        speakers={name: ids[f"speaker-{name}"] for name in record.speakers},
        turns=map(_emotion, record.turns),
    )


def _emotion(turn: Turn) -> dict[str, Any]:
    said = {turn.emotion: turn.confidence} | turn.probabilities
    likeliest_first = sorted(said, key=lambda label: (label != turn.emotion, -said[label]))
    return {
        "number": turn.turn,
        "start_ms": start_ms(turn),
        "length_ms": round(turn.end_s * 1000) - start_ms(turn),
        "through": " ".join(_THROUGH[modality] for modality in turn.modalities if modality in _THROUGH),
        "revision": turn.revision,
        "sentiment": turn.sentiment,
        "probabilities": [(label, _decimal(said[label])) for label in likeliest_first],
        "dimensions": {
            name: _decimal((value + 1) / 2)
            for name, value in (("valence", turn.valence), ("arousal", turn.arousal))
            if value is not None
        },
        "fragment": f"#t={turn.start_s:.3f},{turn.end_s:.3f}",
        "speaker": name_of(turn),
        "text": turn.text or "",
    }


def _decimal(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")
