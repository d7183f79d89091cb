"""The examples of the Python interface, run as they stand; what they print is looked at."""

import asyncio
import json
import runpy
import sys
import wave
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from streamer.errors import InputError, RunError
from tests.streamer.sound import conversation
from tests.tiny import make_bundle

EXAMPLES = Path(__file__).parents[1] / "examples"


def main_of(name: str) -> Any:
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"]


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two turns."""
    path = tmp_path_factory.mktemp("talk") / "talk.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(conversation()[: int(16_000 * 7.7)].tobytes())
    return path


@pytest.fixture(autouse=True)
def _tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = ("anger", "joy")
    monkeypatch.setenv("MERITS_BUNDLE", str(make_bundle(tmp_path / "bundle", labels=labels)))
    monkeypatch.setenv("MERITS_ASR", "none")


def test_analyze_file(talk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(main_of("analyze_file")(str(talk)))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 2
    assert all("anger" in line or "joy" in line for line in lines)


def test_own_source(talk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    play = (
        "import sys, wave; w = wave.open(sys.argv[1]); sys.stdout.buffer.write(w.readframes(w.getnframes()))"
    )
    asyncio.run(main_of("own_source")([sys.executable, "-c", play, str(talk)]))
    assert len(capsys.readouterr().out.splitlines()) == 2
    with pytest.raises(InputError, match="does not start"):
        asyncio.run(main_of("own_source")(["no-such-program"]))


@pytest.mark.slow
def test_own_recogniser(talk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    count = "import sys, wave; print(wave.open(sys.argv[1]).getnframes(), 'samples')"
    asyncio.run(main_of("own_recogniser")(str(talk), [sys.executable, "-c", count]))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all(line.endswith("samples") for line in lines)
    with pytest.raises(RunError, match="failed"):
        asyncio.run(main_of("own_recogniser")(str(talk), ["false"]))


@pytest.fixture
def hook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that takes what is posted to it."""
    posted: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", posted
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.slow
def test_own_output(
    talk: Path,
    hook: tuple[str, list[dict[str, Any]]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    url, posted = hook
    for labels in (("anger", "joy"), ("joy", "anger")):  # the same weights: a turn is angry by one of them
        monkeypatch.setenv("MERITS_BUNDLE", str(make_bundle(tmp_path / labels[0], labels=labels)))
        asyncio.run(main_of("own_output")(str(talk), url))
        assert capsys.readouterr().out == "2 turns\n"
    assert [set(message) for message in posted] == [{"text", "confidence"}] * 2
    with pytest.raises(RunError, match="does not take events"):
        asyncio.run(main_of("own_output")(str(talk), "http://127.0.0.1:1/"))
