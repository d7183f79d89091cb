"""A real microphone as far as the program can tell: PortAudio -> ALSA -> PulseAudio -> what a sink plays."""

import ctypes.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ALSA_PLUGINS = Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so")
missing = [
    package
    for package, found in {
        "libportaudio2": ctypes.util.find_library("portaudio"),
        "libasound2-plugins": next(ALSA_PLUGINS, None),
        "pulseaudio": shutil.which("pulseaudio"),
        "pulseaudio-utils": shutil.which("pacat"),
    }.items()
    if not found
]
needs_pulse = pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} is not installed")

LISTEN = """
import asyncio, json, sys, time
from streamer.audio.frame import AudioFrame, AudioGap, DeviceBack, DeviceLost
from streamer.audio.microphone import MicrophoneSource
import numpy as np

async def main(device, seconds):
    at, loudest = 0, 0
    async with MicrophoneSource(device) as source:
        began = time.monotonic()
        print("open", source.name, source.channels, flush=True)
        async for item in source:
            if isinstance(item, AudioFrame):
                assert item.start == at, (item.start, at)
                at += len(item.samples)
                loudest = max(loudest, int(np.abs(item.samples.astype(int)).max()))
            elif isinstance(item, AudioGap):
                assert item.start == at
                at += item.length
                print("gap", item.length / 16000, item.reason, flush=True)
            else:
                print(type(item).__name__, getattr(item, "lost_s", ""), flush=True)
            if time.monotonic() - began > seconds:
                break
    print("heard", at / 16000, time.monotonic() - began, loudest, flush=True)

asyncio.run(main(sys.argv[1], float(sys.argv[2])))
"""


class Pulse:
    """A sound server of our own, whose only microphone hears what is played to it."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o700)
        config = folder / "asound.conf"
        config.write_text(
            "pcm.!default { type pulse }\n"
            'pcm.test_mic { type pulse device "room.monitor" hint { show on description "test" } }\n'
        )
        self.env = os.environ | {
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_SERVER": f"unix:{folder}/native",
            "ALSA_CONFIG_PATH": f"/usr/share/alsa/alsa.conf:{config}",
        }
        self.start()

    def start(self) -> None:
        socket = self.env["PULSE_SERVER"].removeprefix("unix:")
        self.server = subprocess.Popen(
            ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
            + ["-L", f"module-native-protocol-unix auth-anonymous=1 socket={socket}"]
            + ["-L", "module-null-sink sink_name=room rate=44100 channels=2"],
            env=self.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(100):
            if subprocess.run(["pactl", "info"], env=self.env, capture_output=True).returncode == 0:
                return
            time.sleep(0.1)
        pytest.skip("pulseaudio does not start here")

    def listen(self, seconds: float, device: str = "test_mic") -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", LISTEN, device, str(seconds)],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def stop(self) -> None:
        self.server.send_signal(signal.SIGCONT)
        self.server.kill()
        self.server.wait()


@pytest.fixture
def pulse(tmp_path: Path) -> Iterator[Pulse]:
    server = Pulse(tmp_path)
    yield server
    server.stop()


def finish(process: subprocess.Popen[str]) -> list[list[str]]:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return [line.split(" ") for line in out.splitlines()]


@pytest.mark.system
@needs_pulse
def test_a_microphone_hears_what_is_played(pulse: Pulse) -> None:
    noise = subprocess.Popen(
        ["pacat", "--device=room", "/dev/urandom"], env=pulse.env, stderr=subprocess.DEVNULL
    )
    try:
        lines = finish(pulse.listen(4))
    finally:
        noise.kill()
        noise.wait()
    assert lines[0] == ["open", "test_mic", "1"]
    assert lines[1][0] == "heard"  # nothing is lost, however slowly it starts
    heard_s, wall_s, loudest = map(float, lines[-1][1:])
    assert heard_s == pytest.approx(wall_s, abs=1.0)
    assert loudest > 10_000


@pytest.mark.system
@needs_pulse
def test_a_microphone_that_goes_and_comes_back(pulse: Pulse) -> None:
    process = pulse.listen(12)
    time.sleep(5)
    stopped = time.monotonic()
    pulse.stop()
    time.sleep(2)
    pulse.start()
    away_s = time.monotonic() - stopped
    lines = finish(process)
    said = [line[0] for line in lines]
    assert said[-4:] == ["DeviceLost", "DeviceBack", "gap", "heard"]
    lost_s = float(lines[-3][1])
    assert 2 < lost_s < away_s + 5  # found again soon after it is back
    assert float(lines[-2][1]) == pytest.approx(lost_s, abs=0.01)
    heard_s, wall_s = map(float, lines[-1][1:3])
    assert heard_s == pytest.approx(wall_s, abs=1.0)  # the recording's clock goes on with the wall's


@needs_pulse
def test_devices_are_listed_and_found_by_part_of_the_name(pulse: Pulse) -> None:
    program = (
        "from streamer.audio.devices import *\n"
        "print(find_microphone('TEST').name, find_microphone(None).is_default)\n"
        "print([m.name for m in list_microphones()])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=pulse.env, capture_output=True, text=True, check=True
    )
    first, names = done.stdout.splitlines()
    assert first == "test_mic True"
    assert "default" in names


@pytest.mark.skipif("libportaudio2" in missing, reason="libportaudio2 is not installed")
@pytest.mark.parametrize("device", ["no-such-microphone", 9999])
def test_an_unknown_device_is_named(device: Any) -> None:
    from streamer.audio.devices import list_microphones
    from streamer.audio.microphone import MicrophoneSource
    from streamer.errors import InputError

    expected = "merits devices" if list_microphones() else "no microphone found"
    with pytest.raises(InputError, match=expected):
        MicrophoneSource(device)


def test_without_portaudio_files_work_and_microphones_say_what_to_install() -> None:
    program = (
        "import ctypes.util, sys\n"
        "ctypes.util.find_library = lambda name: None\n"
        "import streamer.audio.file, streamer.audio.microphone, streamer.audio.devices\n"
        "from streamer.errors import InputError\n"
        "assert 'sounddevice' not in sys.modules\n"
        "try:\n    streamer.audio.microphone.MicrophoneSource()\n"
        "except InputError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "libportaudio2" in done.stdout
    assert done.stdout.count("\n") == 1
