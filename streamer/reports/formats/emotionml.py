"""EmotionML 1.0: every turn as an `<emotion>`, with vocabularies in the document.

W3C Recommendation, 22 May 2014, https://www.w3.org/TR/emotionml/.
"""

from urllib.parse import quote
from xml.etree import ElementTree as ET

from streamer.reports.record import Record, Turn, name_of, start_ms
from streamer.reports.sound import Sound
from streamer.reports.wording import identifiers, one_line, xml_text

NAMESPACE = "http://www.w3.org/2009/10/emotionml"
OWN_NAMESPACE = "urn:merits-live:session"
"""Namespace of the `<info>` elements beyond EmotionML."""

ET.register_namespace("", NAMESPACE)
ET.register_namespace("m", OWN_NAMESPACE)

_THROUGH = {"text": "text", "speech": "voice"}
_XML_ID = "{http://www.w3.org/XML/1998/namespace}id"


def to_emotionml(record: Record, sound: Sound | None) -> bytes:
    """Convert a session to a document.

    Every label is a `<category>` with its probability as `confidence`, the likeliest first. Valence is a
    `<dimension>`, mapped from -1..1 to 0..1, the range of scale values. The words are the emotion's text.
    `start` and `end` would be milliseconds since 1970, which are unknown: times are relative to the
    recording, as `offset-to-start` and `duration` in milliseconds, and in the media fragment of the
    `<reference>`. Names that are no NMTOKEN are converted; `<info>` contains the original.

    Args:
        record: the session.
        sound: its recording; without one, the reference is the name of the session's source.
    """
    root = ET.Element(
        _tag("emotionml"),
        {"version": "1.0", "category-set": "#emotions", "dimension-set": "#dimensions"},
    )
    speakers = identifiers(f"speaker-{name}" for name in record.speakers)
    _info(root, record, speakers)
    names = identifiers(record.labels)
    if names:
        _vocabulary(root, "category", "emotions", names)
    else:
        del root.attrib["category-set"]
    _vocabulary(root, "dimension", "dimensions", {"valence, 0 unpleasant to 1 pleasant": "valence"})
    uri = quote(one_line(record.source)) if sound is None else sound.relative_url
    for turn in record.turns:
        _emotion(root, turn, names, uri, sound, speakers[f"speaker-{name_of(turn)}"])
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return document + b"\n"


def _info(root: ET.Element, record: Record, speakers: dict[str, str]) -> None:
    about = {"stream": record.stream, "id": record.session, "source": record.source}
    about |= {"bundle": record.bundle, "recogniser": record.recogniser}
    if record.at is not None:
        about["at"] = record.at.isoformat()
    info = ET.SubElement(root, _tag("info"))
    session = ET.SubElement(info, _own("session"), {key: xml_text(value) for key, value in about.items()})
    for name in record.speakers:
        who = {_XML_ID: speakers[f"speaker-{name}"], "name": xml_text(name)}
        ET.SubElement(session, _own("speaker"), who)


def _vocabulary(root: ET.Element, kind: str, id_: str, names: dict[str, str]) -> None:
    vocabulary = ET.SubElement(root, _tag("vocabulary"), {"type": kind, "id": id_})
    for original, name in names.items():
        item = ET.SubElement(vocabulary, _tag("item"), {"name": name})
        if original != name:
            ET.SubElement(item, _tag("info")).text = xml_text(original)


def _emotion(
    root: ET.Element, turn: Turn, names: dict[str, str], uri: str, sound: Sound | None, speaker: str
) -> None:
    attributes = {
        "id": f"turn-{turn.turn}",
        "time-ref-uri": uri,
        "offset-to-start": str(start_ms(turn)),
        "duration": str(round(turn.end_s * 1000) - start_ms(turn)),
    }
    through = [_THROUGH[modality] for modality in turn.modalities if modality in _THROUGH]
    if through:
        attributes["expressed-through"] = " ".join(through)
    emotion = ET.SubElement(root, _tag("emotion"), attributes)
    info = ET.SubElement(emotion, _tag("info"))
    ET.SubElement(info, _own("turn"), {"revision": str(turn.revision), "sentiment": turn.sentiment})
    said = {turn.emotion: turn.confidence} | turn.probabilities
    others = sorted((label for label in said if label != turn.emotion), key=lambda label: -said[label])
    for label in (turn.emotion, *others):
        ET.SubElement(emotion, _tag("category"), {"name": names[label], "confidence": _decimal(said[label])})
    valence = {"name": "valence", "value": _decimal((turn.valence + 1) / 2)}
    ET.SubElement(emotion, _tag("dimension"), valence)
    fragment = f"{uri}#t={turn.start_s:.3f},{turn.end_s:.3f}"
    by = {"uri": fragment, "role": "expressedBy"}
    if sound is not None:
        by["media-type"] = sound.mime_type
    ET.SubElement(emotion, _tag("reference"), by)
    whose = ET.SubElement(emotion, _tag("reference"), {"uri": f"#{speaker}", "role": "experiencedBy"})
    if turn.text:
        whose.tail = xml_text(turn.text)


def _decimal(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _own(name: str) -> str:
    return f"{{{OWN_NAMESPACE}}}{name}"
