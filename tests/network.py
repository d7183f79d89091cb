"""Two hosts on this machine, and a line between them on which packets are lost or late."""

import fcntl
import os
import random
import select
import shutil
import struct
import subprocess
import threading
from collections import deque
from collections.abc import Sequence
from time import monotonic
from typing import Self

import pytest

NEAR, FAR = "10.218.0.1", "10.218.0.2"
_TUNSETIFF = 0x400454CA
_TUN_WITHOUT_HEADER = 0x1001
_LONGEST = 65_536


class Network:
    """Two namespaces, each with an address, and a line between them that does as it is told.

    The line is of this process: it takes the packets of one side from a tun device and gives them to the
    other's, so nothing leaves the machine, and the kernel needs no netem.

    Args:
        loss: share of the packets that are lost, in each direction.
        delay_s: how long each takes, in each direction.

    Attributes:
        loss: as given; can be changed at any time, as can `delay_s`.
        down: whether nothing comes through at all, and nobody is told.
    """

    def __init__(self, loss: float = 0.0, delay_s: float = 0.0) -> None:
        if shutil.which("ip", path=f"{os.environ.get('PATH', os.defpath)}:/sbin:/usr/sbin") is None:
            pytest.skip("iproute2 is not installed")
        self.loss, self.delay_s, self.down = loss, delay_s, False
        self._random = random.Random(0)
        self._names = [f"merits-{side}-{os.getpid()}" for side in ("near", "far")]
        self._devices: list[int] = []
        self._ended = threading.Event()
        self._line = threading.Thread(target=self._carry, name="line", daemon=True)

    def near(self, command: Sequence[str]) -> list[str]:
        """A command, to be run on the near host."""
        return ["ip", "netns", "exec", self._names[0], *command]

    def far(self, command: Sequence[str]) -> list[str]:
        """A command, to be run on the far host."""
        return ["ip", "netns", "exec", self._names[1], *command]

    def __enter__(self) -> Self:
        try:
            for name, address in zip(self._names, (NEAR, FAR), strict=True):
                _ip("netns", "add", name)
                device = f"mt{len(self._devices)}-{os.getpid()}"
                self._devices.append(_tun(device))
                _ip("link", "set", device, "netns", name)
                _ip("-n", name, "addr", "add", f"{address}/30", "dev", device)
                _ip("-n", name, "link", "set", device, "up")
                _ip("-n", name, "link", "set", "lo", "up")
        except OSError as error:
            self._remove()
            pytest.skip(f"network namespaces are not permitted here: {error}")
        self._line.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._line.join()
        self._remove()

    def _remove(self) -> None:
        for device in self._devices:
            os.close(device)
        for name in self._names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)

    def _carry(self) -> None:
        under_way: deque[tuple[float, int, bytes]] = deque()
        other = dict(zip(self._devices, reversed(self._devices), strict=True))
        while not self._ended.is_set():
            wait_s = min(under_way[0][0] - monotonic(), 0.05) if under_way else 0.05
            for device in select.select(self._devices, [], [], max(wait_s, 0))[0]:
                packet = os.read(device, _LONGEST)
                if not self.down and self._random.random() >= self.loss:
                    under_way.append((monotonic() + self.delay_s, other[device], packet))
            while under_way and under_way[0][0] <= monotonic():
                _, device, packet = under_way.popleft()
                if not self.down:
                    os.write(device, packet)


def _tun(name: str) -> int:
    device = os.open("/dev/net/tun", os.O_RDWR)
    try:
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _TUN_WITHOUT_HEADER))
    except OSError:
        os.close(device)
        raise
    return device


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
