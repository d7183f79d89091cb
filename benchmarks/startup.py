"""How long the program takes to start: `python -m benchmarks.startup --json OUT`.

`merits --help`; `merits serve` until it listens, and until it has taken a client's first sound; all commands
until the models are loaded and the source is open (`session.started`), and until frames were analyzed and
speech was found in them (`turn.started`); and what each of the large imports costs, alone in a fresh
interpreter. Every figure is the median of several runs;
files are in the disk's cache, since each is started once before. The microphone is a virtual one.
"""

import json
import os
import re
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table
from websockets.sync.client import connect

from benchmarks.command import parser, report
from benchmarks.progress import progress
from benchmarks.recognition import read_audio
from benchmarks.virtual_microphone import DEVICE, virtual_microphone
from streamer.audio.frame import SAMPLE_RATE
from streamer.transcribers.choose import load_transcriber

SAMPLE = Path(__file__).parents[1] / "samples" / "conversation.flac"
MERITS = Path(sys.executable).parent / "merits"
HELP_TARGET_S = 0.5
SERVE_TARGETS_S = {"sound accepted": 1.0, "session.started": 2.5}
IMPORTS = (
    "streamer.cli.app",
    "typer",
    "rich.console",
    "numpy",
    "pydantic",
    "streamer.events",
    "torch",
    "models.bundle",
    "transformers.models.bert.modeling_bert",
    "av",
    "webrtcvad",
    "ctranslate2",
    "onnxruntime",
    "faster_whisper",
    "sounddevice",
    "aiomqtt",
    "streamer.session.wiring",
    "streamer.server.run",
)
"""What commands import, ours and others'; later ones include earlier ones."""

TOLD = ("session.started", "turn.started")

_SPOKEN_S = 3
"""So much of the sample is enough for a turn to start."""


def elapsed(command: Sequence[str]) -> float:
    """Seconds that a command takes to end."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def until_told(command: Sequence[str], env: Mapping[str, str] | None = None) -> dict[str, float]:
    """Seconds from the start of `merits` to the first event of each type in `TOLD`; it is ended then.

    Raises:
        RuntimeError: it ended before; says how.
    """
    began = time.perf_counter()
    told: dict[str, float] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        for line in run.stdout:
            told.setdefault(json.loads(line)["type"], time.perf_counter() - began)
            if all(kind in told for kind in TOLD):
                break
        else:
            raise RuntimeError(f"{shlex.join(command)}: {run.stderr.read().strip() or 'no turn found'}")
        run.kill()
    return {kind: told[kind] for kind in TOLD}


def until_served(command: Sequence[str], sound: bytes) -> dict[str, float]:
    """Seconds from the start of `merits serve` until it listens, has accepted sound (int16 at 16 kHz), and
    sends its client the first event of each type in `TOLD`; it is ended then.

    Raises:
        RuntimeError: it ended before; says how.
    """
    began = time.perf_counter()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        told: dict[str, float] = {}
        said = run.stderr.readline()
        if (listening := re.search(r"listening on (ws://\S+)NAME", said)) is None:
            raise RuntimeError(f"{shlex.join(command)}: {said.strip()}")
        told["listening"] = time.perf_counter() - began
        with connect(f"{listening[1]}benchmark") as client:
            client.send(json.dumps({"type": "start"}))
            client.send(sound)
            client.ping().wait()  # answered after what was sent before
            told["sound accepted"] = time.perf_counter() - began
            while not all(kind in told for kind in TOLD):
                told.setdefault(json.loads(client.recv())["type"], time.perf_counter() - began)
        run.kill()
    return told


def import_cost(module: str) -> dict[str, float]:
    """Milliseconds of importing a module in a fresh interpreter, and how many modules come with it."""
    code = (
        "import sys, time; before = len(sys.modules); began = time.perf_counter(); "
        f"import {module}; print(time.perf_counter() - began, len(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    seconds, modules = done.stdout.split()
    return {"ms": 1e3 * float(seconds), "modules": int(modules)}


def import_tree(module: str, most: int = 12) -> dict[str, float]:
    """What importing a module spends in itself and what it imports directly or not, in ms: the costliest."""
    command = [sys.executable, "-X", "importtime", "-c", f"import {module}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    spent = {
        name: int(cumulative) / 1e3
        for cumulative, name in re.findall(r"\|\s*(\d+) \|\s*([\w.]+)$", done.stderr, re.MULTILINE)
    }
    ours = ("streamer", "models")
    packages = {name: ms for name, ms in spent.items() if "." not in name or name.startswith(ours)}
    return dict(sorted(packages.items(), key=lambda each: -each[1])[:most])


def median(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    """Key by key."""
    return {key: round(statistics.median(run[key] for run in runs), 3) for key in runs[0]}


def measure(repeats: int, asr: str) -> dict[str, Any]:
    """All figures, in seconds where the name does not say otherwise."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # installed programs are compiled
    loud = ["--asr", asr, "--events", "-"]
    analyze = [str(MERITS), "analyze", str(SAMPLE), *loud]
    listen = [str(MERITS), "listen", "--device", DEVICE, "--no-view", *loud]
    serve = [str(MERITS), "serve", "--port", "0", "--asr", asr]
    sound = read_audio(SAMPLE)
    spoken = sound[: _SPOKEN_S * SAMPLE_RATE].tobytes()

    def several(run: Callable[[], dict[str, float]], label: str) -> dict[str, float]:
        return median([run() for _ in progress(range(repeats), label)])

    until_told(analyze)
    result: dict[str, Any] = {
        "help_s": several(lambda: {"s": elapsed([str(MERITS), "--help"])}, "merits --help")["s"],
        "help_target_s": HELP_TARGET_S,
        "serve_targets_s": SERVE_TARGETS_S,
        "recogniser": load_transcriber(asr).name,
        "serve_s": several(lambda: until_served(serve, spoken), "merits serve"),
        "analyze_s": several(lambda: until_told(analyze), "merits analyze"),
        "listen_s": None,
    }
    with TemporaryDirectory() as folder, virtual_microphone(Path(folder), sound) as env:
        if env is not None:
            until_told(listen, env)
            result["listen_s"] = several(lambda: until_told(listen, env), "merits listen")
    result["imports"] = {
        module: several(partial(import_cost, module), f"import {module}") for module in IMPORTS
    }
    result["import_tree_ms"] = {
        name: import_tree(name) for name in ("streamer.cli.app", "streamer.server.run", "models.bundle")
    }
    return result


def show(result: dict[str, Any], console: Console) -> None:
    """Print the figures as tables."""
    table = Table("what", "s", title="Start")
    table.add_row(f"merits --help (target {result['help_target_s']})", f"{result['help_s']:.2f}")
    for command in ("serve", "analyze", "listen"):
        for kind, seconds in (result[f"{command}_s"] or {}).items():
            table.add_row(f"merits {command} to {kind}", f"{seconds:.2f}")
    if result["listen_s"] is None:
        table.add_row("merits listen: needs PulseAudio", "")
    console.print(table)
    table = Table("import", "ms", "modules", title="Imports, each in a fresh interpreter")
    for module, cost in result["imports"].items():
        table.add_row(module, f"{cost['ms']:.0f}", f"{cost['modules']:.0f}")
    console.print(table)


def main() -> None:
    """Command line."""
    options = parser(__doc__)
    options.add_argument("--repeats", type=int, default=5, help="runs of each (default 5)")
    options.add_argument("--asr", default="auto", help="recogniser (default auto)")
    arguments = options.parse_args()
    report("startup", measure(arguments.repeats, arguments.asr), arguments.json, show)


if __name__ == "__main__":
    main()
