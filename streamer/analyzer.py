"""The heavy, shared part: a turn's sound -> its words, and the embeddings of both."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import torch
from torch import Tensor

from models.bundle import Bundle
from streamer.transcribers.base import Transcriber
from streamer.turn_events import Turn


@dataclass(frozen=True, slots=True)
class Utterance:
    """A turn, understood by itself.

    Attributes:
        text: the words, "" where there are none.
        text_embedding: T1 [text features], None without words.
        speech_embedding: S1 [speech features], None with a bundle that judges by the words alone.
        transcribe_ms: time spent on the words.
        embed_ms: time spent on the embeddings.
    """

    text: str
    text_embedding: Tensor | None
    speech_embedding: Tensor | None
    transcribe_ms: float
    embed_ms: float


class Analyzer:
    """Blocking: call it from a worker thread, one call at a time."""

    def __init__(self, bundle: Bundle, transcriber: Transcriber) -> None:
        self.bundle = bundle
        self.transcriber = transcriber

    def analyze(self, turn: Turn, preceding: Sequence[str] = ()) -> Utterance:
        """Understand one turn.

        Args:
            turn: what was heard.
            preceding: the words of the stream's turns before it, oldest first, for text encoders that read
                them (see `Conversation.preceding`).
        """
        began = perf_counter()
        text = self.transcriber.transcribe(turn.audio).text.strip()
        transcribed = perf_counter()
        with torch.inference_mode():
            speech = self._embed_speech(turn)
            words = self.bundle.text.embed([text], [preceding])[0][0] if text else None
        done = perf_counter()
        return Utterance(text, words, speech, 1e3 * (transcribed - began), 1e3 * (done - transcribed))

    def _embed_speech(self, turn: Turn) -> Tensor | None:
        care, speech = self.bundle.care, self.bundle.speech
        if care is None or speech is None:
            return None
        heard = care.prepare(turn.audio)
        s1: Tensor = speech(care(heard[None], torch.tensor([len(heard)])))[0][0]
        return s1
