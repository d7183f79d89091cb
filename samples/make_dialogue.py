"""Make the sample dialogue that `make demo-two` plays: `python samples/make_dialogue.py`.

Two people at one microphone, who do not wait for each other: they answer at once, and twice one begins before
the other has ended. The voices are those of the sample conversation, flite's `slt` and `rms`; how they speak,
and what it needs to make them, says make_conversation.py.

Writes, beside itself or into the folder given:

- `dialogue.flac`: 16 kHz, mono, 16 bit, over a very faint noise floor.
- `dialogue.json`: what was said, as in `conversation.json`.
"""

from typing import Any

import numpy as np
from make_conversation import MANNERS, RATE, VOICES, speak, write
from numpy.typing import NDArray

NOISE_FLOOR_DB = -84.0
GAIN_DB = -4.0
"""On the levels of the sample conversation: the file is to stay small, and two at a time are louder."""

LEAD_S = 0.5
TAIL_S = 0.6

# Speaker, emotion, words, and the pause before them in seconds; a negative one is an overlap.
SCRIPT = [
    ("Anna", "neutral", "Did you call your mother?", 0.0),
    ("Ben", "neutral", "Not yet. I will do it tomorrow.", 0.45),
    ("Anna", "anger", "You said that yesterday! I am so angry!", 0.02),
    ("Ben", "anger", "It is none of your business!", -0.4),
    ("Anna", "sadness", "I am so sorry. She is all alone.", 0.6),
    ("Ben", "surprise", "Wait! Who is that at the door?", 0.02),
    ("Anna", "surprise", "Oh my god! It is her!", 0.02),
    ("Ben", "joy", "Mother! I am so happy that you are here!", -0.3),
    ("Anna", "joy", "What a wonderful surprise!", 0.4),
]


def dialogue() -> tuple[NDArray[np.int16], dict[str, Any]]:
    """Put the turns where they belong, over each other where they overlap.

    Returns:
        int16 [n], mono, 16 kHz; and the truth as it is written to `dialogue.json`.
    """
    position = round(LEAD_S * RATE)
    placed = []
    for speaker, emotion, text, pause_s in SCRIPT:
        start = position + round(pause_s * RATE)
        speech = speak(text, VOICES[speaker], MANNERS[emotion]) * 10 ** (GAIN_DB / 20)
        position = start + len(speech)
        turn = {"speaker": speaker, "text": text, "emotion": emotion}
        times = {"start_s": round(start / RATE, 3), "end_s": round(position / RATE, 3)}
        placed.append((start, speech, turn | times))
    sound = np.random.default_rng(1).normal(0, 10 ** (NOISE_FLOOR_DB / 20), position + round(TAIL_S * RATE))
    for start, speech, _ in placed:
        sound[start : start + len(speech)] += speech
    if np.abs(sound).max() >= 1:
        raise SystemExit("the sound clips: lower the level of a manner")
    truth = {
        "audio": "dialogue.flac",
        "sample_rate": RATE,
        "duration_s": round(len(sound) / RATE, 3),
        "made_by": "samples/make_dialogue.py",
        "turns": [turn for _, _, turn in placed],
    }
    return np.round(sound * 32767).astype(np.int16), truth


if __name__ == "__main__":
    write("dialogue", dialogue)
