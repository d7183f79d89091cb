"""The Wyoming recogniser against real servers in processes of their own."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from streamer.errors import InputError, RunError
from streamer.transcribers.base import ListeningTranscriber
from streamer.transcribers.choose import load_transcriber
from streamer.transcribers.fallback import Fallback
from streamer.transcribers.off import Off
from streamer.transcribers.wyoming.address import WyomingAddress
from streamer.transcribers.wyoming.transcriber import Wyoming
from tests.streamer.sound import conversation, truth
from tests.streamer.transcribers.wyoming.wyoming_server import WORDS, free_port, wyoming_server

FIRST = truth()[0]
TURN = conversation()[int(16_000 * FIRST["start_s"]) - 4_800 : int(16_000 * FIRST["end_s"]) + 3_200]


@pytest.fixture
def closing() -> Iterator[Callable[[Wyoming | Fallback], None]]:
    opened: list[Wyoming | Fallback] = []
    yield opened.append
    for each in opened:
        each.close()


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def address(port: int, query: str = "") -> WyomingAddress:
    return WyomingAddress.parse(f"wyoming://127.0.0.1:{port}{query}")


def test_addresses() -> None:
    assert str(WyomingAddress.parse("wyoming://rhasspy.local")) == "wyoming://rhasspy.local:10300"
    parsed = WyomingAddress.parse("wyoming://[::1]:99?language=en-GB&model=tiny&timeout=2.5")
    assert (str(parsed), parsed.language, parsed.model, parsed.timeout_s) == (
        "wyoming://[::1]:99",
        "en-GB",
        "tiny",
        2.5,
    )


@pytest.mark.parametrize(
    "url",
    [
        "wyoming:",
        "wyoming://",
        "wyoming://:10300",
        "wyoming://host:0",
        "wyoming://a..b",
        "wyoming://host:99999",
        "wyoming://host:port",
        "wyoming://me:secret@host",
        "wyoming://host/path",
        "wyoming://host?colour=red",
        "wyoming://host?language=",
        "wyoming://host?timeout=soon",
        "wyoming://host?timeout=-1",
        "wyoming://host?language",
        "wyoming://[::1",
        "wyoming://host?\udcff=1",
        "wyoming://host?model=\udcff",
    ],
)
def test_what_is_no_address_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(InputError, match="language=en") as caught:
        load_transcriber(url)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.slow
def test_a_turn_is_recognised_whole_and_while_it_is_spoken(closing: Callable[[Wyoming], None]) -> None:
    with wyoming_server("whisper") as (port, _):
        server = Wyoming(address(port, "?timeout=60"))
        closing(server)
        server.look()
        assert server.name == "wyoming:known-words:tiny"
        whole = server.transcribe(TURN)
        assert whole.text == FIRST["text"]
        assert whole.language == "en"
        listening = server.listen(None)
        for at in range(0, 20_000, 2_000):
            assert listening.hear(TURN[at : at + 2_000]) == ""
        listening.finish(TURN[:20_000])  # a pause: it may be over
        listening.hear(TURN[20_000:])  # but it goes on
        assert listening.finish(TURN) == whole
        listening.close()
        assert server.transcribe(np.zeros(16_000, np.int16)).text == ""


def test_words_so_far_where_the_server_streams_them(closing: Callable[[Wyoming], None]) -> None:
    with wyoming_server("streams") as (port, _):
        server = Wyoming(address(port))
        closing(server)
        listening = server.listen(None)
        until(lambda: "happy" in listening.hear(TURN[:1_600]))
        assert "happy" in listening.finish(TURN).text
        listening.close()


@pytest.mark.parametrize(
    ("manner", "query", "message"),
    [
        ("hangs", "?timeout=0.3", "does not answer"),
        ("errs", "", "out of memory"),
        ("garbles", "", "not Wyoming"),
    ],
)
def test_a_server_that_fails_says_how(
    manner: str, query: str, message: str, closing: Callable[[Wyoming], None]
) -> None:
    with wyoming_server(manner) as (port, _):
        server = Wyoming(address(port, query))
        closing(server)
        with pytest.raises(RunError, match=message):
            server.transcribe(TURN)


@pytest.mark.slow
def test_one_that_is_not_there_or_is_something_else(closing: Callable[[Wyoming], None]) -> None:
    server = Wyoming(address(free_port()))
    closing(server)
    with pytest.raises(RunError, match="refused"):
        server.look()
    with pytest.raises(RunError, match="refused"):
        server.listen(None).hear(TURN)
    with wyoming_server("speaks") as (port, _), pytest.raises(InputError, match="no speech-to-text"):
        load_transcriber(f"wyoming://127.0.0.1:{port}")
    with (
        wyoming_server("words") as (port, _),
        pytest.raises(InputError, match=r"nothing for language de.*en"),
    ):
        load_transcriber(f"wyoming://127.0.0.1:{port}?language=de")
    with wyoming_server("mute") as (port, _):
        nameless = Wyoming(address(port))
        closing(nameless)
        nameless.look()
        assert (nameless.name, nameless.transcribe(TURN).text) == ("wyoming", WORDS)
    nameless.close()
    with pytest.raises(RunError, match="closed"):
        nameless.transcribe(TURN)


class Spare(Off):
    @property
    def name(self) -> str:
        return "spare"


def test_it_dies_while_someone_speaks_and_comes_back(
    closing: Callable[[Fallback], None], said: list[str]
) -> None:
    port = free_port()
    with wyoming_server("words", port) as (_, process):
        both = Fallback(Wyoming(address(port)), "there", Spare, retry_s=0.1)
        closing(both)
        assert isinstance(both, ListeningTranscriber)
        assert (both.name, both.trouble, both.transcribe(TURN).recogniser) == (
            "wyoming:known-words:tiny",
            None,
            "wyoming:known-words:tiny",
        )
        one, other = both.listen(None), both.listen(None)
        assert one is not None
        assert other is not None
        one.hear(TURN[:8_000])
        other.hear(TURN[:8_000])
        process.kill()
        process.wait()
        with pytest.raises(RunError):
            one.finish(TURN)
        assert both.transcribe(TURN).recogniser == "spare"
        assert both.listen(one) is None
        assert both.name == "spare"
        assert "spare takes over" in (both.trouble or "")
        assert "127.0.0.1" not in (both.trouble or "")
        assert len(said) == 1
    with wyoming_server("words", port):
        until(lambda: both.trouble is None)
        assert both.transcribe(TURN).recogniser == "wyoming:known-words:tiny"
        with pytest.raises(RunError):
            other.finish(TURN)  # it began before: that is no new outage
        assert both.trouble is None
        assert [line.split(" (")[0] for line in said] == [
            "the recogniser there failed",
            "the recogniser there is back: wyoming:known-words:tiny",
        ]
        one.close()
        other.close()


def test_one_that_hangs_is_taken_over_from_and_not_trusted_at_once(
    closing: Callable[[Fallback], None], said: list[str]
) -> None:
    with wyoming_server("words") as (port, process):
        both = Fallback(Wyoming(address(port, "?timeout=0.5")), "there", Spare, retry_s=0.1)
        closing(both)
        os.kill(process.pid, signal.SIGSTOP)
        began = time.monotonic()
        assert both.transcribe(TURN).recogniser == "spare"
        assert time.monotonic() - began < 10
        time.sleep(0.3)
        assert both.trouble is not None
        os.kill(process.pid, signal.SIGCONT)
        until(lambda: both.trouble is None)
        assert both.transcribe(TURN).recogniser == "wyoming:known-words:tiny"
        assert len(said) == 2


def test_one_that_is_away_at_the_start_is_taken_over_from_and_said_so(
    closing: Callable[[Fallback], None], said: list[str]
) -> None:
    both = Fallback(Wyoming(address(free_port())), "wyoming://there", Spare)
    closing(both)
    assert both.name == "spare"
    [line] = said
    assert line.startswith("the recogniser wyoming://there failed (Connection refused): spare takes over")
    before = threading.active_count()
    both.close()
    until(lambda: threading.active_count() < before)
