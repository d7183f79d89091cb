"""merits.toml, MERITS_* in the environment, and the addresses that stand in them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fuzz.target import Run, Target
from streamer.outputs.mqtt.address import BrokerAddress
from streamer.settings.settings import CONFIG_FILE, Settings, load_settings
from streamer.transcribers.wyoming.address import SCHEME, WyomingAddress

_BETWEEN = b"\n\0\n"
"""Between the file and the variables, one a line."""

_WORDS = (
    *(f"{name} = " for name in Settings.model_fields),
    *(f"MERITS_{name.upper()}=" for name in Settings.model_fields), "[turns]", "[server]", "[broker]",
    "[outbox]", "MERITS_SERVER__PORT=", "MERITS_OUTBOX__PATH=", "__", "mqtt://", "mqtts://", "wyoming://",
    "localhost", "[::1]", ":0", ":65536", "%00", "%ff", "@", "?language=", "&timeout=", "nan", "inf",
    "1e999", "-1", "true", "[]", "{}", '"""', "'''", "\\u0000", "\xff", "null", '{"port":1}',
)  # fmt: skip


def seeds() -> dict[str, bytes]:
    """Files and environments as people write them."""
    return {
        "file.toml": b'asr = "none"\nwindow = 8\ntext = false\n[turns]\nendpoint_ms = 800\n'
        b'[server]\nport = 8765\nallow_origins = ["https://home.example"]\n',
        "environment": _BETWEEN + b"MERITS_ASR=wyoming://[::1]:10300?language=en&timeout=5\n"
        b'MERITS_SERVER={"port": 1}\nMERITS_OUTBOX__MAX_MB=1\nMERITS_MQTT=mqtts://me:pw%2f@localhost:8883/x\n',
        "both": b'mqtt = "mqtt://localhost"\n[broker]\nprefix = "a/b"'
        + _BETWEEN
        + b"MERITS_WINDOW=3\nMERITS_LOG=json",
        "empty": b"",
    }


@contextmanager
def start(folder: Path) -> Iterator[Run]:
    """Read settings, and the addresses in them."""
    os.chdir(folder)

    def run(data: bytes) -> None:
        file, _, environment = data.partition(_BETWEEN)
        Path(CONFIG_FILE).write_bytes(file)
        given = dict(_variables(environment))
        os.environ.update(given)
        try:
            settings = load_settings()
            if settings.mqtt is not None:
                address = BrokerAddress.parse(settings.mqtt)
                if not address.tls:  # certificates take fifty times as long as all the rest
                    BrokerAddress.of(settings.mqtt, settings.broker)
            if settings.asr.startswith(SCHEME):
                WyomingAddress.parse(settings.asr)
        finally:
            for name in given:
                del os.environ[name]

    yield run


def _variables(lines: bytes) -> Iterator[tuple[str, str]]:
    for line in os.fsdecode(lines).split("\n"):
        name, sign, value = line.partition("=")
        if sign and name.startswith("MERITS_") and "\0" not in line:
            yield name, value


SETTINGS = Target("settings", "settings", start, seeds, share=10, words=_WORDS, longest=2048)
