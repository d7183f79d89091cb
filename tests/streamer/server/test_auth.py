"""Who is let in, over real sockets; and what keeps the server from starting."""

import asyncio
import json
import ssl
import subprocess
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from streamer.errors import InputError
from streamer.server.listener import Listener
from streamer.settings.server import ServerSettings
from streamer.settings.settings import Settings
from streamer.turn_embedding.analyzer import Analyzer
from tests.streamer.server.serving import serving, start, stream, until

TOKEN = "correct-horse-battery-staple"


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


async def get(url: str, path: str, **headers: str) -> tuple[int, object]:
    """What plain HTTP answers at the server of a websocket URL."""
    address = url.replace("ws", "http", 1).removesuffix("/v1/streams/") + path

    def ask() -> tuple[int, object]:
        try:
            with urlopen(Request(address, headers=headers)) as response:
                return response.status, json.load(response)
        except HTTPError as error:
            with error:
                return error.code, json.load(error)

    return await asyncio.to_thread(ask)


async def refused(url: str, **options: object) -> int:
    with pytest.raises(InvalidStatus) as caught:
        await connect(f"{url}x", **options)  # type: ignore[arg-type]
    assert json.loads(caught.value.response.body or b"")["type"] == "error"
    return caught.value.response.status_code


async def test_a_token_is_asked_for(analyzer: Analyzer, settings: Settings, token_file: Path) -> None:
    async with serving(analyzer, settings, token_file=token_file) as (url, _):
        assert await refused(url) == 401
        assert await refused(url, additional_headers={"Authorization": f"Bearer {TOKEN}x"}) == 401
        assert await refused(url, additional_headers={"Authorization": f"Basic {TOKEN}"}) == 401
        assert await refused(url, subprotocols=["merits.v1", "merits.token.guessed"]) == 401
        assert (await get(url, "/v1/streams"))[0] == 401
        assert (await get(url, "/healthz"))[0] == 200
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        async with connect(f"{url}header", additional_headers=bearer) as websocket:
            await websocket.send(start())
            session = (await until(websocket, "session.started"))["session"]
            status, streams = await get(url, "/v1/streams", **bearer)
            assert status == 200
            assert isinstance(streams, list)
            assert [(each["stream"], each["session"]) for each in streams] == [("header", session)]
        browser = [Subprotocol("merits.v1"), Subprotocol(f"merits.token.{TOKEN}")]
        async with connect(f"{url}browser", subprotocols=browser) as websocket:
            assert websocket.subprotocol == "merits.v1", "the token is not repeated"


async def test_pages_of_other_sites_are_refused(analyzer: Analyzer, settings: Settings) -> None:
    async with serving(analyzer, settings, allow_origins=("https://home.example",)) as (url, _):
        host = url.split("/")[2]
        assert await refused(url, origin="https://evil.example") == 403
        assert await refused(url, origin="null") == 403
        assert await refused(url, origin="http://[") == 403
        assert await refused(url, origin=f"http://{host}1") == 403
        port = int(host.split(":")[1])
        rebound = f"evil.example:{port}"
        by_name = url.replace(host, rebound)
        assert await refused(by_name, origin=f"http://{rebound}", host="127.0.0.1", port=port) == 403
        assert await refused(by_name, host="127.0.0.1", port=port) == 403
        assert (await get(url, "/v1/streams", Host=rebound))[0] == 403
        assert (await get(url, "/v1/streams", Origin="https://evil.example"))[0] == 403
        for origin in (None, f"http://{host}", "https://home.example"):
            async with connect(f"{url}x", origin=origin):  # type: ignore[arg-type]
                pass
        assert await get(url, "/v1/streams", Host="home.example") == (200, [])


async def test_tls(analyzer: Analyzer, settings: Settings, tmp_path: Path) -> None:
    cert, key = make_certificate(tmp_path)
    context = ssl.create_default_context(cafile=cert)
    async with serving(analyzer, settings, tls_cert=cert, tls_key=key) as (url, _):
        assert url.startswith("wss://127.0.0.1:")
        async with connect(f"{url}x", ssl=context) as websocket:
            await websocket.send(start())
            assert await until(websocket, "session.started")


async def test_unknown_paths(analyzer: Analyzer, settings: Settings) -> None:
    async with serving(analyzer, settings) as (url, _):
        with pytest.raises(InvalidStatus):
            await connect(f"{url}a/b")
        assert (await stream(f"{url}x", b"")).close_code == 1000


def make_certificate(folder: Path, passphrase: str | None = None) -> tuple[Path, Path]:
    cert, key = folder / "cert.pem", folder / "key.pem"
    lock = ["-noenc"] if passphrase is None else ["-passout", f"pass:{passphrase}"]
    name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-days", "1", *lock, *name]
    subprocess.run([*command, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return cert, key


def test_others_are_listened_to_with_a_token_only(token_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="token"):
        Listener(ServerSettings(host="0.0.0.0", port=0))
    Listener(ServerSettings(host="localhost", port=0)).socket.close()
    Listener(ServerSettings(host="0.0.0.0", port=0, token_file=token_file)).socket.close()
    monkeypatch.setenv("MERITS_TOKEN", TOKEN)
    Listener(ServerSettings(host="0.0.0.0", port=0)).socket.close()


@pytest.mark.parametrize(
    "text", ["", "tooshort?", "two words that are long", "ümläute-ümläute-ümläute", "x" * 300]
)
def test_what_is_no_token(tmp_path: Path, text: str) -> None:
    path = tmp_path / "token"
    path.write_text(text)
    with pytest.raises(InputError, match=str(path)) as caught:
        Listener(ServerSettings(port=0, token_file=path))
    assert not text or text not in str(caught.value)


def test_entrances_that_are_closed(tmp_path: Path) -> None:
    taken = Listener(ServerSettings(port=0))
    port = taken.socket.getsockname()[1]
    with taken.socket, pytest.raises(InputError, match=f"port {port}: Address already in use"):
        Listener(ServerSettings(port=port))
    with pytest.raises(InputError, match=r"no\.such\.host"):
        Listener(ServerSettings(host="no.such.host.invalid", port=0))
    with pytest.raises(InputError, match="nowhere"):
        Listener(ServerSettings(port=0, token_file=tmp_path / "nowhere"))
    cert, key = make_certificate(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        Listener(ServerSettings(port=0, tls_cert=cert, tls_key=tmp_path / "nowhere"))
    with pytest.raises(InputError, match="no certificate"):
        Listener(ServerSettings(port=0, tls_cert=key, tls_key=cert))
    cert, key = make_certificate(tmp_path, "a passphrase")
    with pytest.raises(InputError, match="passphrase"):
        Listener(ServerSettings(port=0, tls_cert=cert, tls_key=key))
