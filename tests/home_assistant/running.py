"""A real Home Assistant for tests: started, stopped, killed and asked over its websocket."""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

VERSION = "2025.4.4"
FOLDER = Path(__file__).parents[2] / ".home-assistant"
"""Where `tests/home_assistant/install` puts it, unless MERITS_HOME_ASSISTANT names another folder."""
STARTS_S = 180.0
_TOLD = ("state_changed", "automation_triggered")


class HomeAssistant:
    """Runs Home Assistant with MQTT and automations, and takes note of all that it tells.

    Args:
        folder: its configuration, made here.
        broker_port: of the loopback interface.
        automations: as its editor keeps them.

    Attributes:
        events: what happened there, over all of its runs: the messages of its websocket.
    """

    def __init__(self, folder: Path, broker_port: int, automations: list[dict[str, Any]]) -> None:
        self._program = program()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port: int = free.getsockname()[1]
        self._folder = folder
        self._token = _configure(folder, self._port, broker_port, automations)
        self._process: subprocess.Popen[bytes] | None = None
        self._said = (folder / "said").open("wb")
        self.events: list[dict[str, Any]] = []

    def start(self) -> None:
        """Start it, and wait until it has begun to run and to tell what happens."""
        self._process = subprocess.Popen(
            [self._program, "--config", str(self._folder), "--skip-pip"],
            stdout=self._said,
            stderr=subprocess.STDOUT,
        )
        self.until(self._listens, STARTS_S)
        following = threading.Event()
        threading.Thread(target=self._follow, args=[following], daemon=True).start()
        self.until(following.is_set)
        self.until(lambda: (self.call("/api/config") or {}).get("state") == "RUNNING", STARTS_S)

    def stop(self, *, kill: bool = False) -> None:
        """End it: in order, or killed."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            self._process.wait(60)
            self._process = None

    def close(self) -> None:
        """End it for good."""
        self.stop(kill=True)
        self._said.close()

    def state(self, entity: str) -> dict[str, Any] | None:
        """An entity's state and attributes, None where there is no such entity."""
        return self.call(f"/api/states/{entity}")

    def turns(self, entity: str) -> list[dict[str, Any]]:
        """The attributes of an event entity each time that it told a turn, and not the last one again."""
        told = []
        for event in list(self.events):
            data = event.get("data", {})
            if event["event_type"] != "state_changed" or data["entity_id"] != entity:
                continue
            before, after = data["old_state"], data["new_state"]
            if after is None or after["state"] in ("unavailable", "unknown"):
                continue
            if before is not None and before["state"] != "unavailable":
                told.append(after["attributes"])
        return told

    def runs(self) -> list[dict[str, Any]]:
        """What set automations off."""
        return [event["data"] for event in list(self.events) if event["event_type"] == "automation_triggered"]

    def rename(self, entity: str, name: str) -> None:
        """Give an entity another name, as its settings there do."""
        with self._connected() as opened:
            wish = {"type": "config/entity_registry/update", "entity_id": entity, "name": name}
            opened.send(json.dumps({"id": 1, **wish}))
            answer = json.loads(opened.recv())
            assert answer["success"], answer

    def log(self) -> str:
        """All it said, over all of its runs."""
        return (self._folder / "said").read_text("utf-8", "replace")

    def until(self, done: Callable[[], bool], seconds: float = 120.0) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, self.log()[-6000:]
            time.sleep(0.1)

    def call(self, path: str) -> dict[str, Any] | None:
        """Ask its REST interface; None where there is nothing (yet)."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}{path}", headers={"Authorization": f"Bearer {self._token}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            with error:
                if error.code != 404:
                    raise
            return None

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=1):
            return True
        return False

    def _follow(self, following: threading.Event) -> None:
        with contextlib.suppress(ConnectionClosed), self._connected() as opened:
            for number, what in enumerate(_TOLD, start=1):
                opened.send(json.dumps({"id": number, "type": "subscribe_events", "event_type": what}))
            for message in opened:
                answer = json.loads(message)
                if answer["type"] == "event":
                    self.events.append(answer["event"])
                elif answer["id"] == len(_TOLD) and answer["success"]:
                    following.set()

    @contextlib.contextmanager
    def _connected(self) -> Iterator[ClientConnection]:
        with connect(f"ws://127.0.0.1:{self._port}/api/websocket", max_size=None) as opened:
            assert json.loads(opened.recv())["type"] == "auth_required"
            opened.send(json.dumps({"type": "auth", "access_token": self._token}))
            assert json.loads(opened.recv())["type"] == "auth_ok"
            yield opened


def program() -> str:
    """Where it is installed; the test skips where it is not."""
    folder = Path(os.environ.get("MERITS_HOME_ASSISTANT", FOLDER))
    if (found := shutil.which("hass", path=str(folder / "bin"))) is not None:
        return found
    if subprocess.run(
        [Path(__file__).with_name("python")], stdout=subprocess.DEVNULL, check=False
    ).returncode:
        pytest.skip("there is no Python 3.13, which Home Assistant needs")
    pytest.skip(f"Home Assistant {VERSION} is not installed (tests/home_assistant/install)")


def _configure(folder: Path, port: int, broker_port: int, automations: list[dict[str, Any]]) -> str:
    """Write its configuration, and return a token for its interfaces."""
    storage = folder / ".storage"
    storage.mkdir(parents=True)
    (folder / "configuration.yaml").write_text(
        f"http:\n  server_host: 127.0.0.1\n  server_port: {port}\n"
        "logger:\n  default: warning\nrecorder:\nhistory:\napi:\nautomation: !include automations.yaml\n"
    )
    (folder / "automations.yaml").write_text(yaml.safe_dump(automations, allow_unicode=True))
    now = datetime.now(UTC).isoformat()
    entry = {
        "entry_id": "mqtt",
        "domain": "mqtt",
        "title": "broker",
        "data": {"broker": "127.0.0.1", "port": broker_port},
        "options": {"discovery": True, "discovery_prefix": "homeassistant"},
        "version": 1,
        "minor_version": 2,
        "source": "user",
        "unique_id": None,
        "disabled_by": None,
        "discovery_keys": {},
        "subentries": [],
        "pref_disable_new_entities": False,
        "pref_disable_polling": False,
        "created_at": now,
        "modified_at": now,
    }
    _store(storage, "core.config_entries", 5, {"entries": [entry]})
    user = {"id": "ann", "group_ids": ["system-admin"], "is_owner": True, "is_active": True, "name": "Ann"}
    key = "k" * 64
    token = {
        "id": "test",
        "user_id": "ann",
        "client_id": None,
        "client_name": "test",
        "client_icon": None,
        "token_type": "long_lived_access_token",
        "created_at": now,
        "access_token_expiration": 86400.0,
        "token": "t" * 64,
        "jwt_key": key,
        "last_used_at": None,
        "last_used_ip": None,
        "expire_at": None,
        "credential_id": None,
        "version": VERSION,
    }
    users = {"users": [{**user, "system_generated": False, "local_only": False}]}
    _store(storage, "auth", 1, users | {"groups": [], "credentials": [], "refresh_tokens": [token]})
    return _signed({"iss": "test", "iat": int(time.time()) - 60, "exp": int(time.time()) + 86400}, key)


def _store(folder: Path, key: str, minor_version: int, data: dict[str, Any]) -> None:
    kept = {"version": 1, "minor_version": minor_version, "key": key, "data": data}
    (folder / key).write_text(json.dumps(kept))


def _signed(claims: dict[str, Any], key: str) -> str:
    """A JSON web token (RFC 7519, HS256)."""

    def encoded(data: bytes) -> bytes:
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    parts = [encoded(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signed = b".".join(parts)
    return (signed + b"." + encoded(hmac.digest(key.encode(), signed, hashlib.sha256))).decode()


@contextlib.contextmanager
def running(folder: Path, broker_port: int, automations: list[dict[str, Any]]) -> Iterator[HomeAssistant]:
    """Home Assistant, started, until left."""
    home = HomeAssistant(folder, broker_port, automations)
    try:
        home.start()
        yield home
    finally:
        home.close()
