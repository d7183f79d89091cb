"""A real broker for tests: mosquitto on a free port of the loopback interface."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest


class Mosquitto:
    """Runs a broker that can be stopped and started again on the same port.

    Args:
        folder: where its configuration goes.
        settings: further lines of mosquitto.conf.
        port: of the loopback interface; 0 is any that is free.
    """

    def __init__(self, folder: Path, *settings: str, port: int = 0) -> None:
        program = shutil.which(
            "mosquitto", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"
        )
        if program is None:
            pytest.skip("mosquitto is not installed")
        self._program = program
        with socket.create_server(("127.0.0.1", port)) as free:
            self.port: int = free.getsockname()[1]
        self._config = folder / "mosquitto.conf"
        lines = [f"listener {self.port} 127.0.0.1", "user root", *(settings or ("allow_anonymous true",))]
        self._config.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(
            [self._program, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 10
        while True:
            assert self._process.poll() is None, f"mosquitto refuses {self._config}"
            assert time.monotonic() < deadline, "mosquitto does not answer"
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.02)

    def stop(self, *, kill: bool = True) -> None:
        """End it: killed, so that nobody is told, or in order."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Let it answer no more, and close nothing, until it is stopped."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that lets anyone in."""
    with Mosquitto(tmp_path) as broker:
        yield broker
