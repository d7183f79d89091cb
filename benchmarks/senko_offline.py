"""senko's offline pipeline, in a process and an environment of its own: it needs other packages."""

import json
import subprocess
import tempfile
import wave
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.programs import ROOT, Program, python_of
from benchmarks.speaker_scores import Said
from streamer.audio.frame import SAMPLE_RATE

SENKO = Program(
    "senko", "senko==0.2.2",
    ("colour-science", "hdbscan", "numba", "pyyaml", "scikit-learn", "silero-vad", "soundfile", "termcolor",
     "torch", "umap-learn"),
    "`Diarizer(device=\"cpu\")`, defaults, the whole recording before it: silero-vad, CAM++, clustering",
)  # fmt: skip


class Senko:
    """The running program; makes its environment on first use.

    Args:
        venvs: folder of the environments of programs that are compared with.

    Raises:
        subprocess.CalledProcessError: pip failed, and said why.
    """

    def __init__(self, venvs: Path) -> None:
        self._process = subprocess.Popen(
            [python_of(SENKO, venvs), "-m", "benchmarks.peers.senko"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True,
        )  # fmt: skip
        self._folder = tempfile.TemporaryDirectory()
        self._answer()

    def __enter__(self) -> "Senko":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._folder.cleanup()

    def diarize(self, audio: NDArray[np.int16]) -> tuple[list[Said], float]:
        """Who speaks in int16 [n] at 16 kHz, and the processor seconds that took.

        Raises:
            RuntimeError: the program ended; it said why on standard error.
        """
        path = Path(self._folder.name) / "recording.wav"
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, SAMPLE_RATE, len(audio), "NONE", ""))
            file.writeframes(audio.astype("<i2").tobytes())
        assert self._process.stdin is not None
        self._process.stdin.write(f"{path}\n")
        self._process.stdin.flush()
        answer = self._answer()
        return [Said(*one) for one in answer["found"]], float(answer["cpu_s"])

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("senko ended before its answer")
        answer: dict[str, Any] = json.loads(line)
        return answer
