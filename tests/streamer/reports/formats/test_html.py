"""The page's source: complete, closed to the outside, safe whatever was said."""

import re
from base64 import b64decode, b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import av
import pytest

from streamer.events import Event
from streamer.reports.embedding import embedded
from streamer.reports.formats.html import to_html
from streamer.reports.sound import Sound
from tests.streamer.reports.sessions import call, record, strange
from tests.streamer.sound import CONVERSATION

VOID = {"meta", "link", "input", "br"}


class Page(HTMLParser):
    """Elements with their attributes and text; every tag must be closed."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def policy(page: Page) -> dict[str, str]:
    [content] = [
        meta["content"] or ""
        for meta in page.all("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    return dict(part.split(" ", 1) for part in content.split("; "))


def test_the_page_has_every_turn_with_its_words(tmp_path: Path) -> None:
    source = to_html(record(tmp_path, call()), None)
    page = Page(source)
    rows = [attributes for attributes in page.all("li") if "data-start" in attributes]
    assert [(row["data-turn"], row["data-start"], row["data-end"]) for row in rows] == [
        ("1", "0.500", "2.250"),
        ("2", "2.500", "5.125"),
        ("3", "4.750", "6.000"),
        ("4", "3600.001", "3602.999"),
    ]
    words = "\n".join(page.texts["p"])
    assert "Good morning, how can I help?" in words
    assert "no words" in page.texts["i"]
    assert "at first joy" in page.texts["small"]
    assert "neutral</span> 58 %" in source
    assert page.all("audio") == []


def test_the_mood_is_drawn_and_told_in_words(tmp_path: Path) -> None:
    page = Page(to_html(record(tmp_path, call()), None))
    [plot] = [svg for svg in page.all("svg") if svg.get("class") == "circumplex"]
    assert plot["role"] == "img"
    assert "excited at first (valence +0.10, arousal +0.41)" in (plot["aria-label"] or "")
    assert "excited in the end (valence +0.70, arousal +0.41)" in (plot["aria-label"] or "")
    marks = [text for text in page.all("text") if (text.get("class") or "").startswith("stretch")]
    assert [float(text["x"] or 0) for text in marks] == [10, -90, -40, 70]
    assert {text["y"] for text in marks} == {"-41.0"}
    assert [text["opacity"] for text in marks] == sorted(str(text["opacity"]) for text in marks)
    assert marks[-1]["opacity"] == "1.0"
    assert "55 %, excited" in page.texts["small"]
    assert any("0:02.5: valence −0.90, arousal +0.41, tense" in title for title in page.texts["title"])


def test_a_session_of_before_arousal_has_no_mood(tmp_path: Path) -> None:
    events = [
        event.model_copy(update={"arousal": None}) if "turn." in event.type else event for event in call()
    ]
    source = to_html(record(tmp_path, [event for event in events if event.type != "turn.started"]), None)
    Page(source)
    assert "mood-title" not in source
    assert not re.search("tense|excited|None", source)


@pytest.mark.parametrize("sound", [None, "data:audio/webm;base64,AAAA", "../call%20%231.wav"])
def test_nothing_is_fetched_and_only_the_pages_own_script_runs(tmp_path: Path, sound: str | None) -> None:
    source = to_html(record(tmp_path, strange()), sound)
    page = Page(source)
    rules = policy(page)
    assert rules["default-src"] == "'none'"
    [script], [style] = page.texts["script"], page.texts["style"]
    for text, rule in ((script, "script-src"), (style, "style-src")):
        assert rules[rule] == f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
    assert ("media-src" in rules) == (sound is not None)
    for tag, attributes in page.elements:
        assert not any(name.startswith("on") or name == "style" for name in attributes)
        assert attributes.get("src") in (None, sound) if tag == "audio" else "src" not in attributes
        assert attributes.get("href") in (None, "data:,")
    assert "url(" not in style
    assert "http" not in source.replace("http-equiv", "").replace("http://example.org", "") or sound


def test_words_names_and_labels_are_text_and_nothing_else(tmp_path: Path) -> None:
    source = to_html(record(tmp_path, strange()), None)
    page = Page(source)
    assert len(page.all("script")) == 1
    assert page.all("img") == page.all("i")[1:] == []
    assert source.count("</script>") == 1
    assert "&lt;/script&gt;&lt;script&gt;document.title" in source
    assert "{{ 7 * 7 }}" in source
    assert not re.search("[\x00\x07\x1b]", source)
    assert "words withheld" in page.texts["i"]


@pytest.mark.parametrize("events", [call()[:1], call()[:3], call()[3:5]])
def test_sessions_with_next_to_nothing_in_them_make_a_page(tmp_path: Path, events: list[Event]) -> None:
    source = to_html(record(tmp_path, events), None)
    Page(source)
    assert "ends before the session does" in source.replace("events end", "events end, ends").replace(
        "\n", " "
    )


def test_the_recording_travels_small_and_whole(tmp_path: Path) -> None:
    url = embedded(Sound(CONVERSATION, tmp_path))
    head, data = url.split(",", 1)
    assert head == "data:audio/webm;codecs=opus;base64"
    assert len(data) < 6_500 * 52.86
    (tmp_path / "sound.webm").write_bytes(b64decode(data))
    with av.open(str(tmp_path / "sound.webm")) as container:
        length = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
    assert length == pytest.approx(52.86, abs=0.1)


def test_sound_that_is_truncated_is_taken_as_far_as_it_goes_and_said(tmp_path: Path, said: list[str]) -> None:
    cut = tmp_path / "cut.flac"
    cut.write_bytes(CONVERSATION.read_bytes()[:200_000])
    assert len(embedded(Sound(cut, tmp_path))) > 10_000
    assert len(said) == 1
    assert "truncated" in said[0]
