"""Decoders end with the process they work for, however that ends."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

pytestmark = pytest.mark.kill

PROGRAM = """
import numpy as np
from streamer.transcribers.pocketsphinx.transcriber import PocketSphinx
recogniser = PocketSphinx()
listening = [recogniser.listen(None) for _ in range(2)]
for one in listening:
    one.hear(np.ones(32_000, np.int16))
print(*(one.pid for one in listening), flush=True)
input()
"""


def runs(pid: int) -> bool:
    """Whether it has not ended; where nobody takes note of its end it stays as a zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_killed_it_leaves_no_decoders_behind() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        decoders = [int(pid) for pid in program.stdout.readline().split()]
        assert len(decoders) == 2
        assert all(map(runs, decoders))
        os.kill(program.pid, signal.SIGKILL)
        program.wait()
    give_up = time.monotonic() + 60
    while any(map(runs, decoders)) and time.monotonic() < give_up:
        time.sleep(0.1)
    assert not any(map(runs, decoders))
