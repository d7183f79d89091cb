"""merits.toml, MERITS_* in the environment, and the addresses that stand in them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fuzz.target import Run, Target
from streamer.outputs.mqtt.address import BrokerAddress
from streamer.settings.settings import CONFIG_FILE, load_settings
from streamer.transcribers.wyoming.address import SCHEME, WyomingAddress

_BETWEEN = b"\n\0\n"
"""Between the file and the variables, one a line."""


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


SETTINGS = Target("settings", "settings", start, share=10, words="settings", longest=2048)
