"""EmotionML: held to its rules, and read back."""

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from streamer.events import Event
from streamer.reports.formats.emotionml import to_emotionml
from streamer.reports.record import Record, name_of
from streamer.reports.sound import Sound
from tests.streamer.outputs.samples import Sample
from tests.streamer.reports.formats import emotionml_rules
from tests.streamer.reports.sessions import call, record, strange

CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
NS = {"": "http://www.w3.org/2009/10/emotionml", "m": "urn:merits-live:session"}


def plain_names(root: ET.Element) -> dict[str, str]:
    """Names of the categories, and the labels they stand for."""
    items = root.findall("vocabulary[@type='category']/item", NS)
    return {item.attrib["name"]: item.findtext("info", item.attrib["name"], NS) for item in items}


@pytest.mark.parametrize("events", [call, strange, lambda: call()[:1], lambda: call()[3:]])
def test_documents_keep_to_the_rules_and_say_what_was_told(
    tmp_path: Path, events: Callable[[], list[Event]]
) -> None:
    one = record(tmp_path, events())
    root = emotionml_rules.check(to_emotionml(one, None))
    labels = plain_names(root)
    assert tuple(labels.values()) == one.labels
    emotions = root.findall("emotion", NS)
    for emotion, turn in zip(emotions, one.turns, strict=True):
        start_ms = int(emotion.attrib["offset-to-start"])
        assert (start_ms, int(emotion.attrib["duration"])) == (
            round(turn.start_s * 1000),
            round((turn.end_s - turn.start_s) * 1000),
        )
        told = {
            labels[c.attrib["name"]]: float(c.attrib["confidence"]) for c in emotion.findall("category", NS)
        }
        assert next(iter(told)) == turn.emotion
        assert told == turn.probabilities
        places = {
            dimension.attrib["name"]: float(dimension.attrib["value"]) * 2 - 1
            for dimension in emotion.findall("dimension", NS)
        }
        assert places == pytest.approx({"valence": turn.valence, "arousal": turn.arousal}, abs=2e-6)
        words = "".join([emotion.text or "", *(child.tail or "" for child in emotion)])
        assert words.split() == CONTROL.sub("\ufffd", turn.text or "").split()
        by, whose = emotion.findall("reference", NS)
        assert by.attrib["uri"].endswith(f"#t={turn.start_s:.3f},{turn.end_s:.3f}")
        [speaker] = [
            one
            for one in root.findall("info/m:session/m:speaker", NS)
            if f"#{one.attrib['{http://www.w3.org/XML/1998/namespace}id']}" == whose.attrib["uri"]
        ]
        assert speaker.attrib["name"].split() == name_of(turn).split()


def test_an_arousal_that_is_unknown_is_left_out(tmp_path: Path) -> None:
    one = record(tmp_path, [Sample().final(1, arousal=None)])
    root = emotionml_rules.check(to_emotionml(one, None))
    assert [each.attrib["name"] for each in root.findall("emotion/dimension", NS)] == ["valence"]


def test_the_recording_is_named_by_the_way_to_it(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    sound = Sound(tmp_path / "my call #1.flac", tmp_path / "reports")
    root = emotionml_rules.check(to_emotionml(record(tmp_path, call()), sound))
    by = root.find("emotion/reference", NS)
    assert by is not None
    assert by.attrib == {
        "uri": "../my%20call%20%231.flac#t=0.500,2.250",
        "role": "expressedBy",
        "media-type": "audio/flac",
    }


@pytest.mark.parametrize(
    ("change", "to"),
    [
        ('version="1.0"', 'version="2.0"'),
        ('category-set="#emotions" ', ""),
        ('category-set="#emotions"', 'category-set="#dimensions"'),
        ('<category name="anger"', '<category name="rage"'),
        ('<category name="fear"', '<category name="anger"'),
        ('confidence="0.9"', 'confidence="1.9"'),
        ('<dimension name="valence" value="0.05"', '<dimension name="valence"'),
        ('id="turn-2"', 'id="turn-1"'),
        ('<item name="joy"', '<item name="joy and glee"'),
        ('offset-to-start="500"', 'offset-to-start="0.5"'),
        ('role="expressedBy"', 'role="shownBy"'),
        ('uri="#speaker-agent"', 'uri="#nobody"'),
    ],
)
def test_the_rules_find_what_breaks_them(tmp_path: Path, change: str, to: str) -> None:
    document = to_emotionml(record(tmp_path, call()), None).decode()
    assert change in document
    with pytest.raises((AssertionError, KeyError)):
        emotionml_rules.check(document.replace(change, to).encode())


def test_probabilities_that_leave_the_emotion_out_do_not_lose_it(tmp_path: Path) -> None:
    one = record(tmp_path, call()[2:3])
    turn = one.turns[0].model_copy(update={"emotion": "awe", "confidence": 0.4})
    odd = Record(one.session, one.stream, None, None, (turn,), {}, ())
    root = emotionml_rules.check(to_emotionml(odd, None))
    assert root.find("emotion/category", NS).attrib == {"name": "awe", "confidence": "0.4"}  # type: ignore[union-attr]
