"""ELAN's annotation format, EAF 3.0: for every speaker a tier of words, with emotion and valence below.

Max Planck Institute for Psycholinguistics, "ELAN Annotation Format", https://www.mpi.nl/tools/elan/EAFv3.0.xsd.
"""

from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from streamer.reports.record import Record, Turn, end_ms, name_of, side_by_side, start_ms
from streamer.reports.sound import Sound
from streamer.reports.wording import one_line, xml_text

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_WORDS, _EMOTION, _VALENCE = "words", "emotion", "valence"
_VOCABULARY = "emotions"
_CONSTRAINTS = {
    "Time_Subdivision": "Time subdivision of parent annotation's time interval, no time gaps allowed "
    "within this interval",
    "Symbolic_Subdivision": "Symbolic subdivision of a parent annotation. Annotations refering to the "
    "same parent are ordered",
    "Symbolic_Association": "1-1 association with a parent annotation",
    "Included_In": "Time alignable annotations within the parent annotation's time interval, "
    "gaps are allowed",
}
"""Descriptions in ELAN's own words."""


class _Document:
    """The growing parts of an annotation document."""

    def __init__(self, record: Record) -> None:
        labels = map(one_line, record.labels)
        self.entries = {label: f"emotion-{number}" for number, label in enumerate(labels, start=1)}
        self.slots: list[ET.Element] = []
        self.annotations = 0

    def slot(self, ms: int) -> str:
        id_ = f"ts{len(self.slots) + 1}"
        self.slots.append(ET.Element("TIME_SLOT", {"TIME_SLOT_ID": id_, "TIME_VALUE": str(ms)}))
        return id_

    def annotate(self, tier: ET.Element, kind: str, where: dict[str, str], value: str) -> str:
        self.annotations += 1
        id_ = f"a{self.annotations}"
        annotation = ET.SubElement(tier, "ANNOTATION")
        said = ET.SubElement(annotation, kind, {"ANNOTATION_ID": id_} | where)
        ET.SubElement(said, "ANNOTATION_VALUE").text = xml_text(value)
        return id_


def to_eaf(record: Record, sound: Sound | None) -> bytes:
    """Convert a session to an annotation document.

    The tiers of speaker A: `A` (words with times), `A emotion` and `A valence` (one value for each annotation
    of `A`). A tier cannot contain overlapping turns of a speaker; the later ones are on `A (2)`.
    """
    at = record.at or datetime.now(UTC)
    root = ET.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "MERITS Live",
            "DATE": at.isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            f"{{{_XSI}}}noNamespaceSchemaLocation": _SCHEMA,
        },
    )
    header = ET.SubElement(root, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    times = ET.SubElement(root, "TIME_ORDER")
    document = _Document(record)
    for name, turns in _tiers(record).items():
        root.extend(_speaker(document, name, turns))
    times.extend(sorted(document.slots, key=lambda slot: int(slot.attrib["TIME_VALUE"])))
    _describe(header, record, document, sound)
    _define(root, document)
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return written + b"\n"


def _tiers(record: Record) -> dict[str, list[Turn]]:
    """Turns by tier name."""
    tiers: dict[str, list[Turn]] = {}
    taken: set[str] = set()
    for speaker in record.speakers:
        turns = [turn for turn in record.turns if name_of(turn) == speaker]
        for number, row in enumerate(side_by_side(turns), start=1):
            name = xml_text(one_line(speaker)) or "unnamed"
            name = name if number == 1 else f"{name} ({number})"
            while taken & (wanted := {name, f"{name} {_EMOTION}", f"{name} {_VALENCE}"}):
                name += "'"
            taken |= wanted
            tiers[name] = row
    return tiers


def _speaker(document: _Document, name: str, turns: list[Turn]) -> list[ET.Element]:
    who = {"PARTICIPANT": xml_text(one_line(name_of(turns[0])))}
    words = ET.Element("TIER", {"TIER_ID": name, "LINGUISTIC_TYPE_REF": _WORDS} | who)
    below = {
        kind: ET.Element(
            "TIER",
            {"TIER_ID": f"{name} {kind}", "LINGUISTIC_TYPE_REF": kind, "PARENT_REF": name} | who,
        )
        for kind in (_EMOTION, _VALENCE)
    }
    for turn in turns:
        between = {
            "TIME_SLOT_REF1": document.slot(start_ms(turn)),
            "TIME_SLOT_REF2": document.slot(end_ms(turn)),
        }
        parent = document.annotate(words, "ALIGNABLE_ANNOTATION", between, one_line(turn.text or ""))
        of = {"ANNOTATION_REF": parent}
        emotion = one_line(turn.emotion)
        entry = {"CVE_REF": document.entries[emotion]}
        document.annotate(below[_EMOTION], "REF_ANNOTATION", of | entry, emotion)
        document.annotate(below[_VALENCE], "REF_ANNOTATION", of, f"{turn.valence:+.3f}")
    return [words, *below.values()]


def _describe(header: ET.Element, record: Record, document: _Document, sound: Sound | None) -> None:
    if sound is not None:
        relative = sound.relative_url
        media = {
            "MEDIA_URL": sound.absolute_url,
            "RELATIVE_MEDIA_URL": relative if relative.startswith(("../", "file:")) else f"./{relative}",
            "MIME_TYPE": sound.mime_type,
        }
        ET.SubElement(header, "MEDIA_DESCRIPTOR", media)
    about = {
        "session": record.session,
        "stream": record.stream,
        "bundle": record.bundle,
        "recogniser": record.recogniser,
        "lastUsedAnnotationId": str(document.annotations),
    }
    for name, value in about.items():
        ET.SubElement(header, "PROPERTY", {"NAME": name}).text = xml_text(value)


def _define(root: ET.Element, document: _Document) -> None:
    """Linguistic types, constraints and the vocabulary, in the schema's order."""
    plain = {"GRAPHIC_REFERENCES": "false"}
    ET.SubElement(root, "LINGUISTIC_TYPE", {"LINGUISTIC_TYPE_ID": _WORDS, "TIME_ALIGNABLE": "true"} | plain)
    of_parent = {"TIME_ALIGNABLE": "false", "CONSTRAINTS": "Symbolic_Association"} | plain
    vocabulary = {"CONTROLLED_VOCABULARY_REF": _VOCABULARY}
    ET.SubElement(root, "LINGUISTIC_TYPE", {"LINGUISTIC_TYPE_ID": _EMOTION} | of_parent | vocabulary)
    ET.SubElement(root, "LINGUISTIC_TYPE", {"LINGUISTIC_TYPE_ID": _VALENCE} | of_parent)
    language = {
        "LANG_ID": "und",
        "LANG_DEF": "http://cdb.iso.org/lg/CDB-00130975-001",
        "LANG_LABEL": "undetermined (und)",
    }
    ET.SubElement(root, "LANGUAGE", language)
    for name, meaning in _CONSTRAINTS.items():
        ET.SubElement(root, "CONSTRAINT", {"STEREOTYPE": name, "DESCRIPTION": meaning})
    controlled = ET.SubElement(root, "CONTROLLED_VOCABULARY", {"CV_ID": _VOCABULARY})
    ET.SubElement(controlled, "DESCRIPTION", {"LANG_REF": "und"}).text = "The emotions that turns can carry"
    for label, id_ in document.entries.items():
        entry = ET.SubElement(controlled, "CV_ENTRY_ML", {"CVE_ID": id_})
        ET.SubElement(entry, "CVE_VALUE", {"LANG_REF": "und"}).text = xml_text(label)
