"""A program at work: a driver that is given sound at the pace of speech and says what is shown."""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.peers.programs import ROOT
from streamer.audio.frame import SAMPLE_RATE

CHUNK = SAMPLE_RATE // 10
START_S = 180.0
DRAIN_S = 60.0
"""How long a program may take to start, and after the end of the sound to tell the rest."""


class Driven:
    """A driver and the processes of its program.

    Args:
        name: module of the driver.
        python: to run it with.
        arguments: the model, and where it joins the server of another driver, that one's port.
    """

    def __init__(self, name: str, python: str, *arguments: str) -> None:
        self._log = tempfile.NamedTemporaryFile(suffix=".log")  # noqa: SIM115
        self.process = subprocess.Popen(
            [python, "-m", f"benchmarks.peers.{name}", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, cwd=ROOT,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )  # fmt: skip
        self.said: list[tuple[float, dict[str, Any]]] = []
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append((time.monotonic(), json.loads(line)))

    def until(self, key: str) -> tuple[float, dict[str, Any]]:
        """Wait until something was said; when, and what.

        Raises:
            RuntimeError: the program did not start.
        """
        patience = time.monotonic() + START_S
        while not (found := [each for each in list(self.said) if key in each[1]]):
            if self.process.poll() is not None or time.monotonic() > patience:
                lines = Path(self._log.name).read_text(encoding="utf-8", errors="replace").splitlines()
                self.end()
                raise RuntimeError("\n".join(["the driver failed:", *lines[-8:]]))
            time.sleep(0.005)
        return found[0]

    def feed(self, sound: NDArray[np.int16], began: float) -> None:
        """Give it sound as it is spoken: each 100 ms when they are over."""
        assert self.process.stdin is not None
        for end in range(CHUNK, len(sound) + 1, CHUNK):
            time.sleep(max(0.0, began + end / SAMPLE_RATE - time.monotonic()))
            self.process.stdin.write(sound[end - CHUNK : end].tobytes())
            self.process.stdin.flush()

    def processes(self) -> list[psutil.Process]:
        """Of the program, without the driver where that only talks to it."""
        if (pid := self.until("accepts")[1]["pid"]) == 0:
            return []
        program = psutil.Process(pid)
        return [program, *program.children(recursive=True)]

    def end(self) -> None:
        """Say that no more sound comes, wait for what is still to be told, and end all processes."""
        assert self.process.stdin is not None
        driver = psutil.Process(self.process.pid) if self.process.poll() is None else None
        family = [] if driver is None else [*driver.children(recursive=True), driver]
        self.process.stdin.close()
        psutil.wait_procs(family[-1:], timeout=DRAIN_S)
        for process in family:
            if process.is_running():
                process.kill()
        self.process.wait()
        self._reader.join()


def cpu_s(drivers: Sequence[Driven]) -> float:
    """Processor seconds so far of all programs."""
    times = [process.cpu_times() for driver in drivers for process in driver.processes()]
    return sum(each.user + each.system for each in times)


def memory_mb(drivers: Sequence[Driven]) -> float:
    """Memory of all programs in MB; what processes share counts once."""
    held = [process.memory_full_info() for driver in drivers for process in driver.processes()]
    return sum(getattr(each, "pss", each.uss) for each in held) / 1e6


def play(drivers: Sequence[Driven], sounds: Sequence[NDArray[np.int16]]) -> float:
    """Give each driver its sound, all at once; the moment at which it began."""
    began = time.monotonic()
    feeding = [
        Thread(target=driver.feed, args=(sound, began)) for driver, sound in zip(drivers, sounds, strict=True)
    ]
    for thread in feeding:
        thread.start()
    for thread in feeding:
        thread.join()
    return began
