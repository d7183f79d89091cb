"""Decodes the sound of utterances from audio and video files to 16 kHz mono int16 (FFmpeg by PyAV)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from models.sample_rate import SAMPLE_RATE
from offline_train.corpora.corpus import Recording
from offline_train.corpora.errors import CorpusError

_HOP = 160  # samples, 10 ms
_MARGIN_S = 0.1
_LEAST_CONTRAST_DB = 6.0

_RUN_UP_S = 1.0
"""Decoded before an utterance's start and discarded: codecs need it after a seek."""


def load_audio(recording: Recording) -> NDArray[np.int16]:
    """Decode the sound of one utterance.

    Only the part asked for is decoded. If the file ends within the utterance, the result is shorter.

    Args:
        recording: the file and the times.

    Returns:
        int16 samples [n] at 16 kHz, channels mixed down, n > 0.

    Raises:
        CorpusError: there is no such file, or no audio that can be decoded, or none at that time.
    """
    start_s, end_s = recording.start_s, recording.end_s
    if start_s < 0 or (end_s is not None and end_s <= start_s):
        raise CorpusError(f"{recording.path}: no utterance can be from {start_s:g} to {end_s} s")
    av.logging.set_level(av.logging.PANIC)  # FFmpeg's own messages would go to stderr
    try:
        with _open(recording.path) as container:
            first_s, audio = _decode(container, start_s, end_s)
    except (av.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CorpusError(f"{recording.path} is not a recording that can be decoded ({reason})") from error
    start = round((start_s - first_s) * SAMPLE_RATE)
    end = None if end_s is None else round((end_s - first_s) * SAMPLE_RATE)
    part = audio[max(0, start) : end]
    if not len(part):
        length_s = first_s + len(audio) / SAMPLE_RATE
        until = f", it ends at {length_s:.2f} s" if len(audio) else ""
        raise CorpusError(f"{recording.path} holds no sound from {start_s:g} s on{until}")
    return part


def _open(path: Path) -> Any:
    if not path.is_file():
        raise CorpusError(f"{path}: {'a folder, no recording' if path.is_dir() else 'no such file'}")
    if not path.stat().st_size:
        raise CorpusError(f"{path} is empty")
    return av.open(f"file:{path}", options={"protocol_whitelist": "file"}, metadata_errors="replace")


def _decode(container: Any, start_s: float, end_s: float | None) -> tuple[float, NDArray[np.int16]]:
    """Decode at least [start_s, end_s).

    Returns:
        Time of the first sample, in seconds from the start of the file, and the samples.
    """
    stream = container.streams.best("audio")
    if stream is None:
        raise CorpusError(f"{container.name.removeprefix('file:')} has no audio in it")
    origin_s = float(stream.start_time * stream.time_base) if stream.start_time is not None else 0.0
    if start_s > _RUN_UP_S:
        container.seek(round((origin_s + start_s - _RUN_UP_S) / stream.time_base), stream=stream)
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    first_s: float | None = None
    parts: list[NDArray[np.int16]] = []
    count = 0
    for frame in _frames(container, stream):
        if first_s is None:
            timed = frame.pts is not None and frame.time_base is not None
            first_s = float(frame.pts * frame.time_base) - origin_s if timed else 0.0
            if not timed and start_s > _RUN_UP_S:
                raise ValueError(f"its format tells no times, so {start_s:g} s can't be found in it")
        for part in resampler.resample(frame):
            parts.append(part.to_ndarray()[0])
            count += part.samples
        if end_s is not None and first_s + count / SAMPLE_RATE > end_s:
            break
    else:
        parts += [part.to_ndarray()[0] for part in resampler.resample(None)]
    return first_s or 0.0, np.concatenate(parts) if parts else np.empty(0, np.int16)


def _frames(container: Any, stream: Any) -> Iterator[Any]:
    for frame in container.decode(stream):
        if frame.samples and frame.sample_rate:
            yield frame


def stated_duration_s(path: Path) -> float | None:
    """Duration in seconds by a recording's header, without decoding it; None if there is none."""
    av.logging.set_level(av.logging.PANIC)
    try:
        with _open(path) as container:
            return None if container.duration is None else float(container.duration / av.time_base)
    except (av.FFmpegError, ValueError, CorpusError):
        return None


def trim(audio: NDArray[np.int16]) -> NDArray[np.int16]:
    """Cut silence off both ends, as a voice activity detector does for turns.

    The threshold depends on the clip's noise floor and peak, since clips differ in level by more than 40 dB:
    silence is below a third of the way from the floor to the peak, in dB, or 35 dB below the peak.

    Args:
        audio: int16 samples [n] at 16 kHz.

    Returns:
        The speech with up to 100 ms around it; the whole clip if no speech stands out.
    """
    count = len(audio) // _HOP
    if count == 0:
        return audio
    blocks = audio[: count * _HOP].astype(np.float64).reshape(count, _HOP)
    power = 10 * np.log10(np.maximum(blocks.var(axis=1), 1e-3))  # dB, [count]; the variance ignores DC
    power = np.convolve(np.pad(power, 1, mode="edge"), np.ones(3) / 3, mode="valid")
    floor, peak = np.percentile(power, [5, 99])
    if peak - floor < _LEAST_CONTRAST_DB:
        return audio
    speech = np.flatnonzero(power > max(floor + (peak - floor) / 3, peak - 35))
    margin = int(_MARGIN_S * SAMPLE_RATE)
    return audio[max(0, int(speech[0]) * _HOP - margin) : (int(speech[-1]) + 1) * _HOP + margin]
