"""A microphone that hears a recording over and over: a PulseAudio server of our own, seen through ALSA."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DEVICE = "test_mic"
_PATIENCE_S = 20.0


@contextmanager
def virtual_microphone(folder: Path, sound: NDArray[np.int16]) -> Iterator[dict[str, str] | None]:
    """Run a sound server with one microphone, named `DEVICE`.

    Args:
        folder: for its files; exists, and nobody else's.
        sound: int16 [n] at 16 kHz: what the microphone hears, again and again.

    Yields:
        The environment in which programs find it; None where PulseAudio is missing or does not start.
    """
    if not (shutil.which("pulseaudio") and shutil.which("pactl") and shutil.which("pacat")):
        yield None
        return
    folder.chmod(0o700)
    config, loop = folder / "asound.conf", folder / "loop.raw"
    config.write_text(
        "pcm.!default { type pulse }\n"
        f'pcm.{DEVICE} {{ type pulse device "room.monitor" hint {{ show on description "test" }} }}\n'
    )
    loop.write_bytes(np.tile(sound, 1 + int(600 * 16_000 / len(sound))).tobytes())
    env = os.environ | {
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
        "PULSE_SERVER": f"unix:{folder}/native",
        "ALSA_CONFIG_PATH": f"/usr/share/alsa/alsa.conf:{config}",
    }
    socket = f"module-native-protocol-unix auth-anonymous=1 socket={folder}/native"
    command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
    command += ["-L", socket, "-L", "module-null-sink sink_name=room rate=44100 channels=2"]
    with _started(command, env) as server:
        try:
            if not _answers(env):
                yield None
                return
            play = ["pacat", "--device=room", "--rate=16000", "--channels=1", "--format=s16le", str(loop)]
            with _started(play, env) as player:
                try:
                    yield env
                finally:
                    player.kill()
        finally:
            server.kill()


def _started(command: list[str], env: dict[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _answers(env: dict[str, str]) -> bool:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        if subprocess.run(["pactl", "info"], env=env, capture_output=True, check=False).returncode == 0:
            return True
        time.sleep(0.1)
    return False
