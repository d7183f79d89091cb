"""smart-turn v3.2, a network that says whether a turn is over, for `benchmarks.endpointing`.

It (Daily, BSD-2-Clause) lies in the package pipecat-ai, of which nothing else is used: install that with
`pip install --no-deps pipecat-ai`. It takes Whisper's log-mel spectrogram of the last 8 s of a turn; before a
shorter one comes silence, and the sound is normalised to mean 0 and variance 1.
"""

import hashlib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import onnxruntime
from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray

from streamer.audio.frame import SAMPLE_RATE

_FILE = "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx"
_SHA256 = "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f"
_SAMPLES = 8 * SAMPLE_RATE


class SmartTurn:
    """The network, on one thread.

    Raises:
        ValueError: the file is not the pinned one.
    """

    def __init__(self, path: Path) -> None:
        if hashlib.sha256(path.read_bytes()).hexdigest() != _SHA256:
            raise ValueError(f"{path} is not the file that is pinned: install pipecat-ai again")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._network = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._spectrogram = FeatureExtractor()

    def probability(self, audio: NDArray[np.int16]) -> float:
        """How likely the turn with this sound, int16 [n], is over."""
        given = {"input_features": self.features(audio)[None]}
        return float(self._network.run(None, given)[0].item())

    def features(self, audio: NDArray[np.int16]) -> NDArray[np.float32]:
        """The network's input, float32 [80, 800]."""
        last = audio[-_SAMPLES:].astype(np.float32) / 32768
        sound = np.pad(last, (_SAMPLES - len(last), 0))
        sound = (sound - sound.mean()) / np.sqrt(sound.var() + 1e-7)
        return np.asarray(self._spectrogram(sound, padding=0), np.float32)


def installed_network() -> Path | None:
    """The network's file, found without importing the package; None if that is not installed."""
    try:
        path = Path(str(distribution("pipecat-ai").locate_file(_FILE)))
    except PackageNotFoundError:
        return None
    return path if path.is_file() else None
