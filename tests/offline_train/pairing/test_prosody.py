"""Turns and clips side by side: what is usual for a speaker is 0, what is undefined is left out."""

from pathlib import Path

import numpy as np
import pytest
import torch

from offline_train.corpora.corpus import Conversation, Recording, Utterance
from offline_train.pairing.prosody import MEASURES, distances, prosody_of_clips, prosody_of_turns
from tests.offline_train.miniatures import tone, write_wav

PITCH, DEVIATION, RANGE = 3, 4, 5


def turns(rows: np.ndarray, speaker: str = "Joey") -> list[Conversation]:
    said = (Utterance(str(i), "x", None, speaker=speaker, prosody=row) for i, row in enumerate(rows))
    return [Conversation("c", tuple(said))]


def test_turns_are_measured_from_their_speaker() -> None:
    rows = np.random.default_rng(0).standard_normal((20, MEASURES)).astype(np.float32)
    low, high = turns(rows, "low"), turns(rows + 100, "high")
    found = prosody_of_turns([*low, *high])
    torch.testing.assert_close(found[:20], found[20:], atol=1e-3, rtol=1e-3)
    assert found.median(0).values.abs().max() < 0.2
    assert found.abs().max() <= 4


def test_zero_for_a_pitch_that_is_not_there_is_undefined() -> None:
    rows = np.random.default_rng(0).standard_normal((20, MEASURES)).astype(np.float32) + 10
    rows[3, PITCH] = np.nan
    rows[3, [DEVIATION, RANGE]] = 0
    found = prosody_of_turns(turns(rows))
    assert found[3].isnan().nonzero()[:, 0].tolist() == [PITCH, DEVIATION, RANGE]
    assert not found[4].isnan().any()
    silent = [Conversation("c", (Utterance("0", "x", None),))]
    assert prosody_of_turns(silent).isnan().all()


def test_what_is_usual_for_an_actor_is_mostly_neutral(tmp_path: Path) -> None:
    """High and loud in every emotion but neutral: as MELD's speakers, the actor is usually neutral."""
    clips = []
    for number in range(18):
        label = ("anger", "joy", "neutral")[number % 3]
        hertz = 120 + 2 * number if label == "neutral" else 300 + 2 * number
        path = tmp_path / f"{number}.wav"
        write_wav(path, tone(0.5, hertz=hertz))
        clips.append(
            Conversation(
                path.stem, (Utterance(path.stem, None, label, speaker="A", recording=Recording(path)),)
            )
        )
    pitch = prosody_of_clips(clips, tmp_path / "cache")[:, PITCH]
    assert pitch[2::3].abs().median() < 1
    assert pitch[0::3].min() > 2
    again = prosody_of_clips(clips, tmp_path / "cache")[:, PITCH]
    torch.testing.assert_close(again, pitch)


def test_only_what_is_known_of_both_counts() -> None:
    undefined = torch.full((MEASURES,), torch.nan)
    turn = torch.zeros(MEASURES)
    turn[PITCH] = torch.nan
    shriek = torch.zeros(MEASURES)
    shriek[PITCH] = 4
    far = torch.ones(MEASURES)
    apart = distances(torch.stack([turn, torch.zeros(MEASURES), undefined]), torch.stack([shriek, far]))
    assert apart[0].tolist() == pytest.approx([0, 1])
    assert apart[1, 0] > apart[1, 1]
    assert apart[2].isinf().all()
    longer, louder = torch.zeros(MEASURES), torch.zeros(MEASURES)
    longer[0] = louder[1] = 2
    of_length, of_level = distances(torch.zeros(1, MEASURES), torch.stack([longer, louder]))[0]
    assert of_length < of_level
