"""Answers of a Wyoming server that are none: mended, or taken over from; never told as they are."""

import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from streamer.transcribers.base import Transcript
from streamer.transcribers.clean_words import clean_words
from streamer.transcribers.fallback import Fallback
from streamer.transcribers.off import Off
from streamer.transcribers.wyoming.address import WyomingAddress
from streamer.transcribers.wyoming.transcriber import Wyoming
from tests.streamer.sound import conversation, truth
from tests.streamer.transcribers.wyoming.odd_server import (
    INFO,
    WORDS,
    OddServer,
    event,
    odd_server,
    transcript,
)

FIRST = truth()[0]
TURN = conversation()[int(16_000 * FIRST["start_s"]) - 4_800 : int(16_000 * FIRST["end_s"]) + 3_200]
SPARE = "words of the spare one"


class Spare(Off):
    @property
    def name(self) -> str:
        return "spare"

    def transcribe(self, audio: NDArray[np.int16]) -> Transcript:
        return Transcript(SPARE)


@contextmanager
def recogniser(server: OddServer, *, timeout_s: float = 10, retry_s: float = 60) -> Iterator[Fallback]:
    address = WyomingAddress.parse(f"wyoming://127.0.0.1:{server.port}?timeout={timeout_s}")
    both = Fallback(Wyoming(address), "there", Spare, retry_s=retry_s)
    try:
        yield both
    finally:
        both.close()


MENDED: dict[str, tuple[bytes, str]] = {
    "as it should be": (transcript(WORDS), WORDS),
    "inline": (transcript(WORDS, inline=True), WORDS),
    "half a character": (transcript("hello there \ud83d"), "hello there \ufffd"),
    "two halves": (transcript("hello \ud83d\ude00"), "hello \U0001f600"),
    "NUL and escapes": (transcript("hello \0\x1b[31m there\x1b]0;x\x07"), WORDS),
    "turned around": (transcript(" hello\n\u202e  there\u2028"), WORDS),
    "no UTF-8": (b'{"type":"transcript","data":{"text":"hello \xff"}}\n', "hello \ufffd"),
    "one word without end": (transcript("word " * 10_000), ""),
    "other languages": (event("transcript", {"text": WORDS, "language": ["en"]}), WORDS),
    "fields that we do not know": (event("transcript", {"text": WORDS, "context": 7, "x": None}), WORDS),
    "events that we do not know": (event("pong", {}) + event("x", {"text": 1}) + transcript(WORDS), WORDS),
    "an answer and more": (transcript(WORDS) + b"garbage\n" + transcript("other words"), WORDS),
    "a payload": (
        b'{"type":"transcript","data":{"text":"hello there"},"payload_length":5}\n\x00\x01\x02\x03\x04',
        WORDS,
    ),
    "halves in pieces": (
        event("transcript-chunk", {"text": "hello \ud83d"})
        + event("transcript-chunk", {"text": "\ude00 there"})
        + event("transcript-stop", {}),
        "hello \U0001f600 there",
    ),
}

NONE: dict[str, bytes] = {
    "null": transcript(None),
    "a number": transcript(7),
    "a list of words": transcript(["hello"]),
    "an object": transcript({"hello": "there"}),
    "no text": event("transcript", {}),
    "data that are a list": b'{"type":"transcript","data":["a"]}\n',
    "data that are a text": event("transcript", "hello"),
    "no object": b"[1,2]\n",
    "only null": b"null\n",
    "no type": b'{"data":{"text":"x"}}\n',
    "a type that is none": b'{"type":null,"data":{"text":"x"}}\n',
    "a type of half a character": b'{"type":"\\ud83d","data":{"text":"x"}}\n',
    "garbage": b"ERROR cuda out of memory\n",
    "bytes": bytes(range(256)) + b"\n",
    "HTTP": b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n",
    "a length that is text": b'{"type":"transcript","data_length":"12"}\n{"text":"x"}',
    "a length that is true": b'{"type":"transcript","data_length":true}\n{',
    "a negative length": b'{"type":"transcript","data_length":-5}\n{"text":"x"}',
    "a huge length": b'{"type":"transcript","data_length":99999999999}\n{"text":"x"}',
    "a huge payload": b'{"type":"transcript","payload_length":99999999999,"data":{"text":"x"}}\n',
    "10 MB of words": transcript("several words " * 700_000),
    "10 MB of words in its line": transcript("several words " * 700_000, inline=True),
    "100 kB of words": transcript(" ".join(map(str, range(20_000)))),
    "brackets": b"[" * 100_000 + b"\n",
    "deep data": b'{"type":"transcript","data":{"text":' + b"[" * 50_000 + b"]" * 50_000 + b"}}\n",
    "a line without end": b'{"type":"transcript","data":{"text":"' + b"x" * 3_000_000,
    "pieces that are none": event("transcript-chunk", {"text": None}),
    "an error that is none": event("error", {"text": ["out", "of", "memory"]}),
    "an error": event("error", {"text": "out of\n memory\0"}),
}


@pytest.mark.parametrize("case", MENDED)
def test_what_can_be_mended_is(case: str, said: list[str]) -> None:
    answer, words = MENDED[case]
    with odd_server(answer=answer) as server, recogniser(server) as both:
        told = both.transcribe(TURN)
    assert (told.text, told.recogniser, said) == (words, "wyoming:odd:m", [])


@pytest.mark.slow
@pytest.mark.parametrize("case", NONE)
def test_what_is_no_answer_is_taken_over_from_and_said_once(case: str, said: list[str]) -> None:
    with odd_server(answer=NONE[case]) as server, recogniser(server) as both:
        for _ in range(2):
            told = both.transcribe(TURN)
            assert (told.text, told.recogniser) == (SPARE, "spare")
        listening = both.listen(None)
        assert listening is None  # the spare one does not listen
        assert server.turns == 1
    [line] = said
    assert "spare takes over until it is back" in line
    assert "\n" not in line
    assert "\0" not in line


@pytest.mark.parametrize("case", ["null", "garbage", "10 MB of words"])
def test_a_turn_that_was_listened_to_is_not_lost(case: str, said: list[str]) -> None:
    with odd_server(answer=NONE[case]) as server, recogniser(server) as both:
        listening = both.listen(None)
        assert listening is not None
        listening.hear(TURN[:8_000])
        with pytest.raises(Exception, match="it"):
            listening.finish(TURN)
        listening.close()
        assert both.transcribe(TURN).text == SPARE  # as a turn is that cannot be listened to
    assert len(said) == 1


@pytest.mark.parametrize(
    "flood",
    [event("transcript-chunk", {"text": "and so on "}), event("pong", {}), b"x" * 65_536],
    ids=["words", "events", "bytes"],
)
def test_an_answer_that_never_ends_is_none_and_takes_no_memory(flood: bytes, said: list[str]) -> None:
    with odd_server(answer=b"", for_ever=flood) as server, recogniser(server) as both:
        tracemalloc.start()
        began = time.monotonic()
        told = both.transcribe(TURN)
        took_s = time.monotonic() - began
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert told.text == SPARE
    assert took_s < 12
    assert peak < 50_000_000
    assert len(said) == 1


def test_an_answer_before_the_question_is_none(said: list[str]) -> None:
    with odd_server(first=transcript("too soon"), answer=b"") as server, recogniser(server) as both:
        listening = both.listen(None)
        assert listening is not None
        listening.hear(np.zeros(0, np.int16))
        time.sleep(0.2)
        with pytest.raises(Exception, match="before it is asked"):
            listening.hear(TURN)
        listening.close()
        assert both.transcribe(TURN).text == SPARE
    assert len(said) == 1


@pytest.mark.parametrize(
    ("info", "name"),
    [
        (event("info", {"asr": None}), "wyoming"),
        (event("info", []), None),
        (event("info", {"asr": [{"name": None}]}), "wyoming"),
        (event("info", {"asr": [{"name": "x" * 5_000}]}), "wyoming"),
        (event("info", {"asr": [{"name": "\ud83d", "models": []}]}), "wyoming:\ufffd"),
        (event("info", {"asr": [{"name": "a\0b", "models": [{"name": "m\x1b[2J", "languages": []}]}]}),
         "wyoming:ab:m"),
        (event("info", {"asr": [{"name": "a", "models": {"name": 1}}]}), "wyoming"),
        (b'{"type":"info","data":{"asr":[{"name":"\xff"}]}}\n', "wyoming:\ufffd"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", None),
        (b"null\n", None),
    ],
)  # fmt: skip
def test_a_description_that_is_none(info: bytes, name: str | None, said: list[str]) -> None:
    with odd_server(info=info) as server, recogniser(server) as both:
        if name is None:
            assert "not Wyoming" in said[0]
            name = "spare"
        assert both.name == name
        assert "\x1b" not in both.name
        expected = (SPARE, "spare") if said else (WORDS, name)
        told = both.transcribe(TURN)
        assert (told.text, told.recogniser) == expected


def test_a_long_description_is_read(said: list[str]) -> None:
    model: dict[str, Any] = INFO["asr"][0]["models"][0]  # type: ignore[index]
    many = [{**model, "name": f"model-{number}", "description": "x" * 200} for number in range(400)]
    info = event("info", {"asr": [{**INFO["asr"][0], "models": many}]}, inline=True)
    assert len(info) > 2**16
    with odd_server(info=info) as server, recogniser(server) as both:
        assert (both.name, both.transcribe(TURN).text, said) == ("wyoming:odd", WORDS, [])


def test_one_that_keeps_giving_no_answer_is_said_once_and_is_back_when_it_gives_one(said: list[str]) -> None:
    with odd_server(answer=transcript(None)) as server, recogniser(server, retry_s=0.01) as both:
        deadline = time.monotonic() + 60
        while server.turns < 4:  # it is tried again, though rarely
            assert both.transcribe(TURN).text == SPARE
            assert both.trouble is not None
            assert time.monotonic() < deadline
        assert len(said) == 1
        server.answer = transcript(WORDS)
        while both.transcribe(TURN).text == SPARE:
            assert time.monotonic() < deadline
        assert both.trouble is None
        assert said[1:] == ["the recogniser there is back: wyoming:odd:m"]


def test_any_failure_of_the_first_is_taken_over_from(said: list[str]) -> None:
    class Broken(Wyoming):
        def transcribe(self, audio: NDArray[np.int16], language: str | None = None) -> Transcript:
            raise MemoryError

    with odd_server() as server:
        address = WyomingAddress.parse(f"wyoming://127.0.0.1:{server.port}")
        both = Fallback(Broken(address), "there", Spare)
        assert both.transcribe(TURN).text == SPARE
        both.close()
    [line] = said
    assert "(it fails: MemoryError)" in line


def test_mending_leaves_scripts_and_emoji_alone() -> None:
    for text in ("مرحبا", "नमस्ते", "می‌خواهم", "👨‍👩‍👧 né", "悲しい", "don't — «stop»"):
        assert clean_words(text) == text
    assert clean_words("\x1b[1;31mred\x1b[0m \x9b31m\x00 a\tb\r\nc\x7f\x1b") == "red 31m a b c"


def test_no_thread_is_left() -> None:
    before = threading.active_count()
    with odd_server(answer=b"null\n") as server, recogniser(server) as both:
        both.transcribe(TURN)
    deadline = time.monotonic() + 10
    while threading.active_count() > before:
        assert time.monotonic() < deadline
        time.sleep(0.02)
