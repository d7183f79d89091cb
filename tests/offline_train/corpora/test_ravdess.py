"""RAVDESS: what is read, what is cut off, and that no actor is on two sides of a split."""

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from offline_train.corpora.audio import trim
from offline_train.corpora.clips import FOLDS, split_speakers
from offline_train.corpora.emotions import EMOTIONS
from offline_train.corpora.errors import CorpusError
from offline_train.corpora.ravdess import ACTORS, SHIPPED, read_ravdess
from offline_train.corpora.registry import read_corpus
from tests.offline_train.miniatures import hiss, make_ravdess, tone, write_wav

SHARED = Path(__file__).parents[4] / "shared/data/ravdess"


def test_reads_labels_actors_and_trimmed_sound(tmp_path: Path) -> None:
    clips = read_ravdess(make_ravdess(tmp_path / "Actor_01", range(1, 4)).parent)
    assert len(clips) == 24
    assert {clip.label for clip in clips} == set(EMOTIONS)
    assert [clip.label for clip in clips if clip.id[6:8] == "02"] == ["neutral"] * 3
    assert {clip.actor for clip in clips} == {"01", "02", "03"}
    for clip in clips:
        assert clip.audio.dtype == np.int16
        assert 0.3 <= len(clip.audio) / 16000 <= 0.56
    assert {clip.actor for clip in read_ravdess(tmp_path, ["02"])} == {"02"}


def test_any_rate_becomes_16_khz(tmp_path: Path) -> None:
    time = np.arange(48000) / 48000
    sound = (8000 * np.sin(2 * np.pi * 1000 * time)).astype(np.int16)
    write_wav(tmp_path / "03-01-01-01-01-01-01.wav", sound, rate=48000)
    (clip,) = read_ravdess(tmp_path)
    assert abs(len(clip.audio) - 16000) < 100
    spectrum = np.abs(np.fft.rfft(clip.audio.astype(float)))
    assert abs(spectrum.argmax() * 16000 / len(clip.audio) - 1000) < 5


@pytest.mark.parametrize("level", [60.0, 800.0, 20000.0])
def test_trims_alike_whatever_the_level(level: float) -> None:
    quiet = level / 500
    audio = np.concatenate([hiss(1.0, quiet), tone(0.6, level), hiss(0.8, quiet, 1)])
    kept = trim(audio)
    assert abs(len(kept) / 16000 - 0.8) < 0.07
    places = np.lib.stride_tricks.sliding_window_view(audio, len(kept))[::160]
    (start,) = np.flatnonzero((places == kept).all(axis=1)) * 160
    assert start <= 16000 - 1200
    assert start + len(kept) >= 16000 + 9600 + 1200


def test_a_pause_within_is_kept() -> None:
    audio = np.concatenate([hiss(0.5, 5), tone(0.4), hiss(0.5, 5), tone(0.4), hiss(0.5, 5)])
    assert len(trim(audio)) / 16000 >= 1.3


@pytest.mark.parametrize("audio", [np.zeros(0, np.int16), np.zeros(100, np.int16), np.zeros(16000, np.int16)])
def test_silence_is_left_alone(audio: NDArray[np.int16]) -> None:
    assert np.array_equal(trim(audio), audio)


def test_splits_keep_actors_apart_and_sexes_even() -> None:
    tested: list[str] = []
    folds = [split_speakers("RAVDESS", ACTORS, k) for k in range(FOLDS)]
    for split in [SHIPPED, *folds]:
        parts = (split.train, split.validation, split.test)
        everyone = [actor for part in parts for actor in part]
        assert sorted(map(int, everyone)) == list(range(1, 21))
        for part in parts:
            assert 2 * sum(int(actor) % 2 for actor in part) == len(part)
    for split in folds:
        assert (len(split.validation), len(split.test)) == (2, 4)
        tested += split.test
    assert sorted(map(int, tested)) == list(range(1, 21))
    assert SHIPPED.validation == ("17", "18")
    assert SHIPPED.test == ("19", "20")
    with pytest.raises(CorpusError, match="there are 5"):
        split_speakers("RAVDESS", ACTORS, FOLDS)


def one_line(error: pytest.ExceptionInfo[CorpusError]) -> str:
    message = str(error.value)
    assert message.startswith("RAVDESS: ")
    assert "\n" not in message
    return message


def test_says_what_was_expected_where(tmp_path: Path) -> None:
    for folder in (tmp_path / "absent", tmp_path):
        with pytest.raises(CorpusError) as error:
            read_ravdess(folder)
        assert str(folder) in one_line(error)
        assert "modality-channel-emotion" in one_line(error)
    (tmp_path / "a file").write_text("x")
    with pytest.raises(CorpusError):
        read_ravdess(tmp_path / "a file")


@pytest.mark.parametrize("name", ["song.wav", "03-01-09-01-01-01-01.wav", "03-01-01-01-01-01-xx.wav"])
def test_a_strange_name(tmp_path: Path, name: str) -> None:
    write_wav(tmp_path / name, tone(0.2))
    with pytest.raises(CorpusError) as error:
        read_ravdess(tmp_path)
    assert name in one_line(error)


@pytest.mark.parametrize("content", [b"", b"this is text, not sound\n" * 20])
def test_a_broken_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "03-01-01-01-01-01-01.flac").write_bytes(content)
    with pytest.raises(CorpusError) as error:
        read_ravdess(tmp_path)
    assert "03-01-01-01-01-01-01.flac" in one_line(error)


def test_missing_actors_are_named(tmp_path: Path) -> None:
    make_ravdess(tmp_path, range(1, 3))
    with pytest.raises(CorpusError) as error:
        read_ravdess(tmp_path, ["01", "07"])
    assert "no clips of 07 in" in one_line(error)


def test_as_conversations_of_one_clip(tmp_path: Path) -> None:
    corpus = read_corpus("ravdess", make_ravdess(tmp_path))
    actors = {split: {c.utterances[0].speaker for c in part} for split, part in corpus.splits.items()}
    assert actors["validation"] == {"17", "18"}
    assert actors["test"] == {"19", "20"}
    assert [len(part) for part in corpus.splits.values()] == [16 * 8, 2 * 8, 2 * 8]
    (utterance,) = corpus.splits["validation"][2].utterances
    assert (utterance.label, utterance.text) == ("neutral", "Kids are talking by the door.")
    assert utterance.recording is not None
    assert utterance.recording.path.name == "03-01-02-01-01-01-17.wav"
    tested = {c.utterances[0].speaker for c in read_corpus("ravdess", tmp_path, fold=0).splits["test"]}
    assert tested == {"01", "02", "03", "04"}
    with pytest.raises(CorpusError, match="fold 5: there are 5"):
        read_corpus("ravdess", tmp_path, fold=5)


@pytest.mark.skipif(not SHARED.is_dir(), reason="RAVDESS is not beside this repository")
def test_the_corpus_itself() -> None:
    clips = read_ravdess(SHARED, ["01", "02"])
    assert len(clips) == 120
    assert sum(clip.label == "neutral" for clip in clips) == 2 * (4 + 8)
    assert all(1.0 < len(clip.audio) / 16000 < 4.5 for clip in clips)
    first = next(iter(sorted(SHARED.glob("*.flac"))))
    with av.open(str(first)) as container:
        assert container.streams.audio[0].rate == 16000
