"""What is compared, and the environment of each: their dependencies conflict."""

import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Program:
    """One that turns live sound into words.

    Attributes:
        title: its name.
        package: exact version; "" for this program, which has the environment that the benchmark runs in.
        needs: what it imports here, in the versions of constraints.txt: so all have the same faster-whisper,
            CTranslate2 and torch. What it lists besides is for microphones, GPUs and other models.
        settings: said in the table.
        makes_turns: whether it tells when a turn is over; else its words are one growing transcript.
        streams: how many it is tried with; several only where one leaves it time.
    """

    title: str
    package: str
    needs: tuple[str, ...]
    settings: str
    makes_turns: bool = True
    streams: tuple[int, ...] = ()


PROGRAMS = {
    "merits": Program(
        "MERITS Live", "", (), "`merits serve`, defaults, over its websocket", streams=(4, 8)
    ),
    "realtimestt": Program(
        "RealtimeSTT", "RealtimeSTT==1.1.2",
        ("faster-whisper", "halo", "scipy", "silero-vad", "soundfile", "torch", "webrtcvad-wheels",
         "websockets"),
        "`feed_audio`, defaults (live text off), `text()` in a loop; silero-vad from its package",
        streams=(4, 8),
    ),
    "whisperlive": Program(
        "WhisperLive", "whisper-live==0.10.0",
        ("fastapi", "faster-whisper", "python-multipart", "torch", "uvicorn", "websockets"),
        "`TranscriptionServer.run`, one model, its client's options, over its websocket", makes_turns=False,
    ),
    "whisperlivekit": Program(
        "WhisperLiveKit", "whisperlivekit==0.2.26",
        ("fastapi", "faster-whisper", "librosa", "python-multipart", "soundfile", "tiktoken", "torch",
         "uvicorn", "websockets"),
        "faster-whisper backend, LocalAgreement, raw sound in, no warm-up sentence (it would be fetched)",
        makes_turns=False,
    ),
}  # fmt: skip
"""By the module of the driver."""


def python_of(program: Program, venvs: Path) -> str:
    """The Python that runs a program; its environment is made on first use.

    Raises:
        subprocess.CalledProcessError: pip failed, and said why.
    """
    if not program.package:
        return sys.executable
    folder = venvs / program.package
    python, complete = str(folder / "bin" / "python"), folder / "complete"
    if not complete.exists():
        Console(stderr=True).print(f"installing {program.package} into {folder}")
        venv.create(folder, clear=True, with_pip=True)
        pip = (python, "-m", "pip", "install", "--quiet", "--no-warn-conflicts")
        subprocess.run((*pip, "--no-deps", program.package), check=True, stdout=sys.stderr)
        constraints = ("--constraint", str(ROOT / "constraints.txt"))
        subprocess.run((*pip, *constraints, *program.needs), check=True, stdout=sys.stderr)
        complete.touch()
    return python
