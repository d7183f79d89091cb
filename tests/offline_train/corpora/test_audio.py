from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from offline_train.corpora.audio import load_audio
from offline_train.corpora.corpus import Recording
from offline_train.corpora.errors import CorpusError
from tests.offline_train.miniatures import write_wav
from tests.offline_train.recordings import encode


def steps(seconds: int, rate: int = 16_000) -> NDArray[np.int16]:
    """A tone whose level says which second it is."""
    time = np.arange(seconds * rate) / rate
    tone: NDArray[np.float64] = np.sin(2 * np.pi * 440 * time) * 1000 * (1 + np.floor(time))
    return tone.astype(np.int16)


def level(audio: NDArray[np.int16]) -> float:
    return float(np.sqrt(np.mean(audio.astype(np.float64) ** 2)) * np.sqrt(2) / 1000)


def test_the_whole_of_a_wav_comes_out_as_it_is(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", steps(2))
    np.testing.assert_array_equal(load_audio(Recording(tmp_path / "a.wav")), steps(2))


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.opus", "a.m4a"])
@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_a_part_is_cut_where_it_is(name: str, rate: int, tmp_path: Path) -> None:
    codec = {"wav": "pcm_s16le", "flac": "flac", "mp3": "mp3", "opus": "libopus", "m4a": "aac"}
    path = encode(tmp_path / name, steps(20, rate), rate, codec[name.rpartition(".")[2]])
    for second in (0, 1, 12, 19):
        part = load_audio(Recording(path, second + 0.1, second + 0.9))
        assert len(part) == pytest.approx(0.8 * 16_000, abs=2)
        assert level(part) == pytest.approx(1 + second, rel=0.06)  # LAME itself takes 5 %


def test_channels_are_mixed(tmp_path: Path) -> None:
    encode(tmp_path / "a.wav", np.stack([steps(1), np.zeros(16_000, np.int16)]), 16_000, "pcm_s16le")
    assert level(load_audio(Recording(tmp_path / "a.wav"))) == pytest.approx(0.5, rel=0.01)


def test_an_utterance_that_outlasts_its_file_has_what_there_is(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", steps(3))
    assert len(load_audio(Recording(tmp_path / "a.wav", 2.5, 9.0))) == 8_000


@pytest.mark.parametrize(
    ("content", "start_s", "end_s", "complaint"),
    [
        (None, 0, None, "no such file"),
        (b"", 0, None, "empty"),
        (b"RIFF....this is no sound" * 99, 0, None, "can be decoded"),
        ("wav", 5, 6, "no sound from 5 s"),
        ("wav", 2, 1, "no utterance"),
        ("header", 0, None, "no sound"),
    ],
)
def test_what_is_no_sound_is_said_in_one_line(
    content: bytes | str | None, start_s: float, end_s: float | None, complaint: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.wav"
    if isinstance(content, str):
        write_wav(path, steps(2) if content == "wav" else steps(0))
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(CorpusError, match=complaint) as caught:
        load_audio(Recording(path, start_s, end_s))
    assert "a.wav" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="a folder"):
        load_audio(Recording(tmp_path))
