"""Each command in an empty home folder, under strace: it asks nobody, and leaves nothing undocumented."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import wave
from dataclasses import dataclass, field
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from benchmarks.virtual_microphone import virtual_microphone
from tests.streamer.audio.test_microphone import needs_pulse
from tests.streamer.sound import CONVERSATION, conversation
from tests.tiny import make_bundle

pytestmark = pytest.mark.system

MERITS = [sys.executable, "-m", "streamer"]
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
EVENTS = CONVERSATION.with_suffix(".jsonl")
_OURS = ("MERITS_", "HF_", "ORT_", "XDG_", "DO_NOT_TRACK")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    path = tmp_path / "talk.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(conversation()[:56_000].tobytes())
    return path


@dataclass
class Watched:
    """A process whose home is empty and whose network calls are written down."""

    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, *command: object) -> "subprocess.Popen[str]":
        self.home.mkdir(exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        strace = ["strace", "-D", "-f", "-qq", "--seccomp-bpf", "-e", "trace=%network"]  # -D: as a bystander
        return subprocess.Popen(
            [*strace, "-o", f"{self.home}.trace", *map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=kept | {"PYTHONPATH": str(Path.cwd())} | self.environment | {"HOME": str(self.home)},
            cwd=self.home.parent,
        )

    def run(self, *command: object) -> str:
        process = self.start(*command)
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, err
        return out

    def asked(self) -> set[str]:
        """Where it connected, or sent something, by Internet protocols; look-ups of names are among that."""
        trace = Path(f"{self.home}.trace").read_text(errors="replace")
        return set(re.findall(r"(?:connect|sendto|sendmsg|sendmmsg)\(.*(sa_family=AF_INET[^}]*)", trace))

    def left(self) -> set[str]:
        """Files in its home."""
        return {str(path.relative_to(self.home)) for path in self.home.rglob("*") if not path.is_dir()}


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path / "home")


@needs_strace
def test_analyze_as_it_comes_asks_nobody(watched: Watched, talk: Path) -> None:
    out = watched.run(*MERITS, "analyze", talk, "--events", talk.with_suffix(".jsonl"))
    assert "faster-whisper:tiny.en, meld-small@" in out
    assert watched.asked() == watched.left() == set()


@needs_strace
def test_a_model_that_is_put_together_is_all_that_is_left(watched: Watched, talk: Path, bundle: Path) -> None:
    watched.run(*MERITS, "analyze", talk, "--bundle", bundle, "--asr", "faster-whisper:base")
    assert watched.asked() == set()
    left = {Path(name) for name in watched.left()}
    assert {path.name for path in left} >= {"model.bin", "config.json", "tokenizer.json"}
    assert all(path.match(".cache/merits/whisper-base-*/*") or path.suffix == ".lock" for path in left)


@needs_strace
def test_analyze_asks_the_broker_that_is_named_and_no_other(
    watched: Watched, talk: Path, bundle: Path
) -> None:
    watched.environment |= {"MERITS_BROKER__DRAIN_S": "0"}
    command = ["analyze", talk, "--bundle", bundle, "--asr", "none", "--mqtt", "mqtt://127.0.0.1:1"]
    watched.run(*MERITS, *command)
    assert all('sin_port=htons(1), sin_addr=inet_addr("127.0.0.1")' in call for call in watched.asked())
    assert {Path(name).parent for name in watched.left()} == {Path(".local/state/merits")}


@needs_strace
@pytest.mark.parametrize(
    "command",
    [
        ["replay", EVENTS, "--pace", "fast"],
        ["export", EVENTS, "--out", "page.html", "--audio", CONVERSATION],
        ["doctor", "--asr", "auto"],
        ["schema"],
    ],
    ids=lambda command: command[0],
)
def test_commands_ask_nobody(watched: Watched, command: list[object], bundle: Path) -> None:
    watched.environment |= {"MERITS_BUNDLE": str(bundle)}
    watched.run(*MERITS, *command)
    assert watched.asked() == watched.left() == set()


@needs_strace
async def test_serve_answers_and_asks_nobody(watched: Watched, bundle: Path) -> None:
    command = ["serve", "--port", "0", "--bundle", bundle, "--asr", "none"]
    process = watched.start(*MERITS, *command)
    assert process.stderr is not None
    line = await asyncio.to_thread(process.stderr.readline)
    port = int(re.findall(r":(\d+)/", line)[0])
    async with connect(f"ws://127.0.0.1:{port}/v1/streams/desk") as websocket:
        await websocket.send(json.dumps({"type": "start", "rate": 16_000, "channels": 1}))
        await websocket.send(conversation()[:56_000].tobytes())
        await websocket.send('{"type": "end"}')
        kinds = [json.loads(message)["type"] async for message in websocket]
    assert "turn.final" in kinds
    _interrupt(process)
    assert watched.asked() == watched.left() == set()


@needs_strace
@needs_pulse
def test_listen_asks_nobody(watched: Watched, tmp_path: Path, bundle: Path) -> None:
    (tmp_path / "pulse").mkdir()
    events = tmp_path / "events.jsonl"
    with virtual_microphone(tmp_path / "pulse", conversation()) as environment:
        if environment is None:
            pytest.skip("pulseaudio does not start here")
        names = ("PULSE_SERVER", "ALSA_CONFIG_PATH", "XDG_RUNTIME_DIR")
        watched.environment |= {name: environment[name] for name in names}
        command = ["listen", "--bundle", bundle, "--asr", "none", "--events", events]
        process = watched.start(*MERITS, *command)
        deadline = time.monotonic() + 120
        while not events.exists() or "turn.final" not in events.read_text():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        _interrupt(process)
    assert watched.asked() == set()
    assert watched.left() <= {".config/pulse/cookie"}, "that is the sound server's own"


@needs_strace
@pytest.mark.parametrize("package", ["streamer", "models", "offline_train", "benchmarks"])
def test_whatever_is_installed_for_it_asks_nobody(watched: Watched, package: str) -> None:
    """All that this project depends on, also what comes to it later, is imported after the package."""
    needed = {
        re.split(r"[^\w.-]", each)[0].lower().replace("_", "-")
        for each in requires("merits-live") or ()
        if "dev" not in each
    }
    modules = sorted(
        module
        for module, owners in packages_distributions().items()
        if module.isidentifier() and needed & {owner.lower().replace("_", "-") for owner in owners}
    )
    assert {"onnxruntime", "torch", "ctranslate2", "faster_whisper", "tokenizers"} <= set(modules)
    script = f"""
import contextlib, importlib, {package}
for name in {modules}:
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
"""
    watched.run(sys.executable, "-W", "ignore", "-c", script)
    assert watched.asked() == set()
    assert {str(Path(name).parent) for name in watched.left()} <= {".cache/matplotlib"}, "of its fonts"


def _interrupt(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
