"""EmotionML 1.0: every turn as an `<emotion>`, in vocabularies that the document brings along.

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
    """The session as a document.

    Every label is a `<category>`, its probability the `confidence`, the likeliest first; valence is a
    `<dimension>`, moved from -1..1 to 0..1, as scale values are. The words are the emotion's text. `start`
    and `end` would be milliseconds since 1970, of which a recording knows nothing: times are relative to the
    recording, as `offset-to-start` and `duration` in milliseconds, and as the media fragment of the
    `<reference>` that expresses the emotion. Names that are no NMTOKEN are made one: `<info>` has the other.

    Args:
        record: the session.
        sound: its recording, where it is given; otherwise the session's source is referred to by its name.
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
        "valence": _decimal((turn.valence + 1) / 2),
        "fragment": f"#t={turn.start_s:.3f},{turn.end_s:.3f}",
        "speaker": name_of(turn),
        "text": turn.text or "",
    }


def _decimal(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")
