"""The sound that all programs are given."""

from collections.abc import Sequence
from itertools import accumulate

import jiwer
import numpy as np
from numpy.typing import NDArray

from benchmarks.conversations import speech_edges
from benchmarks.peers.words import Spoken
from benchmarks.recognition import Sentence, shared_sentences, speechless, test_other, unpunctuated
from streamer.audio.frame import SAMPLE_RATE
from streamer.transcribers.base import RecognitionRequest
from streamer.transcribers.whisper import Whisper

LONGEST_S = 9.5
GAP_S = 2.0
TAIL_S = 8.0
FLOOR_DB = -78.0
SPEECHLESS = ("silence", "noise recording", "tones")


def sentences(model: str) -> list[tuple[Sentence, Spoken]]:
    """34 utterances of test-other and twelve sentences, each with what is spoken in it.

    The ends of words are Whisper's, on each utterance by itself; the end of the speech is its acoustic edge.
    """
    whisper = Whisper(model, device="cpu", cpu_threads=1)
    own = [each for each in shared_sentences() if each.file.startswith("speechbrain")]
    found = [each for each in test_other() if each.seconds <= LONGEST_S] + own
    return [(each, _spoken(each, whisper)) for each in found]


def _spoken(sentence: Sentence, whisper: Whisper) -> Spoken:
    heard = whisper.transcribe_together([RecognitionRequest(sentence.audio, word_times=True)])[0].words
    timed = [(word, each.end_s) for each in heard for word in unpunctuated(each.text).split()]
    words = tuple(sentence.words.split())
    ends_s: dict[int, float] = {}
    aligned = jiwer.process_words(sentence.words, " ".join(word for word, _ in timed) or "-")
    for chunk in aligned.alignments[0]:
        if chunk.type == "equal":
            for n in range(chunk.ref_end_idx - chunk.ref_start_idx):
                ends_s[chunk.ref_start_idx + n] = timed[chunk.hyp_start_idx + n][1]
    _, last = speech_edges(sentence.audio.astype(np.float64))
    return Spoken(words, tuple(ends_s.get(at) for at in range(len(words))), last / SAMPLE_RATE)


def stream(utterances: Sequence[tuple[Sentence, Spoken]]) -> tuple[NDArray[np.int16], list[Spoken]]:
    """One after another, with silences between, over a noise floor; and what is spoken when."""
    gap = np.zeros(round(GAP_S * SAMPLE_RATE), np.int16)
    pieces = [piece for sentence, _ in utterances for piece in (gap, sentence.audio)]
    ends = list(accumulate(len(piece) for piece in pieces))
    spoken = [
        _later(each, (end - len(sentence.audio)) / SAMPLE_RATE)
        for (sentence, each), end in zip(utterances, ends[1::2], strict=True)
    ]
    return over_floor(np.concatenate([*pieces, np.zeros(round(TAIL_S * SAMPLE_RATE), np.int16)])), spoken


def without_speech(seconds: float) -> NDArray[np.int16]:
    """Silence, a noise recording and tones, so long each."""
    sounds = speechless(seconds / 60)
    return over_floor(np.concatenate([sounds[name] for name in SPEECHLESS]))


def over_floor(sound: NDArray[np.int16]) -> NDArray[np.int16]:
    """The sound, whole tenths of a second of it, with the noise of a quiet room."""
    whole = sound[: len(sound) // 1600 * 1600].astype(np.float64)
    noise = np.random.default_rng(0).normal(scale=32768 * 10 ** (FLOOR_DB / 20), size=len(whole))
    return np.clip(np.rint(whole + noise), -32768, 32767).astype(np.int16)


def _later(spoken: Spoken, by_s: float) -> Spoken:
    ends_s = tuple(None if end_s is None else end_s + by_s for end_s in spoken.ends_s)
    return Spoken(spoken.words, ends_s, spoken.end_s + by_s)
