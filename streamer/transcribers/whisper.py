"""Whisper as a recogniser: short windows first, longer ones where their words are doubtful."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from models.errors import WhisperModelError
from models.whisper.decoder import (
    BEAM_SIZE,
    HIGHEST_COMPRESSION,
    LONGEST_TURN_S,
    LOWEST_LOG_PROBABILITY,
    MARGIN_S,
    WINDOW_S,
    Decoded,
    Decoder,
    Encoded,
    Speech,
)
from models.whisper.find_model import find_model, first_line
from streamer.audio.frame import SAMPLE_RATE
from streamer.errors import InputError, RunError
from streamer.machine.cores import cores
from streamer.machine.memory import return_freed
from streamer.settings.language import primary
from streamer.transcribers.base import RecognitionRequest, Transcript
from streamer.transcribers.no_speech import can_hold_words
from streamer.transcribers.repetition import text_without_loops

NO_SPEECH = 0.6
"""Whisper's own threshold (Radford et al. 2022, section 4.5) on the probability that nobody speaks."""

DOUBTFUL_LOG_PROBABILITY = -0.5
"""Threshold for turns that the model considers no speech: hallucinated phrases score in between."""

LONGER_MARGIN_S = 10.0
"""Silence behind a turn whose words do not pass the thresholds."""

FREE_EVERY_S = 10.0
"""Time between returns of freed memory to the system, which take milliseconds."""

_SMALL_BYTES = 100_000_000
_SENTENCE_MARKS = " .,;:?!"


class Whisper:
    """Recognise with a Whisper model in CTranslate2 format.

    Args:
        model: a size ("tiny.en"), from a package or the hub's cache or else downloaded; or a folder.
        device: "cpu", "cuda", or "auto" for CUDA if available.
        compute_type: CTranslate2's; by default "int8" on the CPU and "auto" on CUDA.
        cpu_threads: threads on the CPU; by default one for the smallest models, which gain little from more,
            and else the number of cores, at most four.
        language: BCP 47 code, for a multilingual model; None detects it for each turn.

    Attributes:
        name: "faster-whisper:" and the size or the folder's name.
        folder: where the model lies.
        decoded_again: number of turns so far whose words in the short window were doubtful.

    Raises:
        InputError: the model is unknown, invalid, or neither here nor downloadable.
    """

    def __init__(
        self,
        model: str = "tiny.en",
        *,
        device: str = "auto",
        compute_type: str | None = None,
        cpu_threads: int | None = None,
        language: str | None = None,
    ) -> None:
        import ctranslate2

        try:
            folder = find_model(model)
        except WhisperModelError as error:
            raise InputError(str(error)) from error
        if device == "auto":
            device = "cuda" if ctranslate2.get_cuda_device_count() > 0 else "cpu"
        try:
            self._decoder = Decoder(
                folder,
                device=device,
                compute_type=compute_type or ("int8" if device == "cpu" else "auto"),
                threads=cpu_threads or (1 if _is_small(folder) else min(4, cores())),
            )
        # CTranslate2 and tokenizers raise RuntimeError, ValueError and bare Exception on damaged files.
        except Exception as error:
            raise InputError(f"the Whisper model {model} cannot be loaded: {first_line(error)}") from error
        self.name = f"faster-whisper:{folder.resolve().name if Path(model).is_dir() else model}"
        self.folder = folder
        self.decoded_again = 0
        self._freed_at = monotonic()
        self._language = language

    @property
    def languages(self) -> frozenset[str]:
        """Codes of the languages that the model knows."""
        return self._decoder.languages

    def transcribe(self, audio: NDArray[np.int16], language: str | None = None) -> Transcript:
        """Recognise one turn, int16 [n] (see `transcribe_together`)."""
        return self.transcribe_together([RecognitionRequest(audio, language)])[0]

    def transcribe_together(self, turns: Sequence[RecognitionRequest]) -> list[Transcript]:
        """Recognise turns of any streams in one batch.

        Open turns are decoded once: where that fails, they have no words yet.

        Returns:
            The words of each with case and punctuation, and the language; an empty text if the model's own
            confidence is too low, or the model does not know the language: its words would be made up.

        Raises:
            RunError: the model failed.
        """
        if monotonic() - self._freed_at > FREE_EVERY_S:  # else a long batch's would be kept for ever
            return_freed()
            self._freed_at = monotonic()
        pieces = [self._pieces(turn) for turn in turns]
        flat = [speech for each in pieces for speech in each]
        try:
            # a batch is of one urgency
            beam_size = 1 if any(turn.is_open for turn in turns) else BEAM_SIZE
            parts: Iterator[tuple[Encoded, int, Decoded]] = iter(())
            if flat:
                heard = self._decoder.encode(flat)
                decoded = self._decoder.decode(heard, beam_size)
                parts = ((heard, n, said) for n, said in enumerate(decoded))
            return [
                _joined([part for _ in each for part in self._parts(turn, *next(parts))])
                for turn, each in zip(turns, pieces, strict=True)
            ]
        except RuntimeError as error:
            raise RunError(f"{self.name} failed: {first_line(error)}") from error

    def _pieces(self, turn: RecognitionRequest) -> list[Speech]:
        tag = turn.language or self._language
        language = None if tag is None else primary(tag)
        if language is not None and language not in self.languages:
            return []
        return [Speech(sound, language, turn.translate, turn.word_times) for sound in pieces_of(turn.audio)]

    def _parts(
        self, turn: RecognitionRequest, heard: Encoded, n: int, said: Decoded
    ) -> Iterator[tuple[Speech, Transcript]]:
        """A piece and its words, and then those of the rest that the model left for another window."""
        speech = heard.turns[n]
        if turn.is_open:
            yield speech, Transcript("", said.language) if said.is_doubtful else _believed(said)
            return
        while True:
            if said.is_doubtful:
                self.decoded_again += 1
                said = self._decode_again(heard.one(n), said)
            elif said.rest_s is not None:
                said = self._continued(heard.one(n), said)
            if said.rest_s is None:
                yield speech, _believed(said)
                return
            at = round(said.rest_s * SAMPLE_RATE)
            yield replace(speech, audio=speech.audio[:at]), _believed(said)
            speech = replace(speech, audio=speech.audio[at:], language=said.language)
            heard, n = self._decoder.encode([speech], WINDOW_S), 0
            [said] = self._decoder.decode(heard)

    def _continued(self, heard: Encoded, said: Decoded) -> Decoded:
        """More words behind those that a beam search ended with too early, if a greedy search finds any."""
        [speech] = heard.turns
        begun = replace(speech, begins_with=said.text.rstrip(_SENTENCE_MARKS))
        [more] = self._decoder.decode(replace(heard, turns=[begun]), beam_size=1)
        is_longer = len(more.text.split()) > len(said.text.split())
        return more if is_longer and not more.is_doubtful else said

    def _decode_again(self, heard: Encoded, said: Decoded) -> Decoded:
        """The best of what a greedy search, a longer window and at last the full one make of a turn."""
        found = [said]
        for margin_s, beam_size in ((MARGIN_S, 1), (LONGER_MARGIN_S, BEAM_SIZE), (WINDOW_S, BEAM_SIZE)):
            if margin_s != MARGIN_S:
                heard = self._decoder.encode(heard.turns, margin_s)
            [more] = self._decoder.decode(heard, beam_size)
            if not more.is_doubtful or more.no_speech > NO_SPEECH:
                return more
            found.append(more)
        return max(found, key=lambda each: (each.compression <= HIGHEST_COMPRESSION, each.log_probability))


def _is_small(folder: Path) -> bool:
    return (folder / "model.bin").stat().st_size < _SMALL_BYTES


def _believed(said: Decoded) -> Transcript:
    text = text_without_loops(said.text)
    if (
        said.log_probability < LOWEST_LOG_PROBABILITY
        or said.compression > HIGHEST_COMPRESSION
        or (said.no_speech > NO_SPEECH and said.log_probability < DOUBTFUL_LOG_PROBABILITY)
        or not text
    ):
        return Transcript("", said.language)
    return Transcript(
        text,
        said.language,
        confidence=math.exp(min(0.0, said.log_probability)),
        translation=text_without_loops(said.translation or "") or None,
        words=said.words if text == said.text else (),
    )


def pieces_of(turn: NDArray[np.int16]) -> list[NDArray[np.float32]]:
    """A turn, int16 [n], as float32 pieces for short windows, cut where it is quietest; none of noise."""
    if not can_hold_words(turn):
        return []
    sound = turn.astype(np.float32) / np.float32(32768)
    pieces = []
    while len(sound) > LONGEST_TURN_S * SAMPLE_RATE:
        at = _quietest(sound[: round(LONGEST_TURN_S * SAMPLE_RATE)])
        pieces.append(sound[:at])
        sound = sound[at:]
    return [*pieces, sound]


def _quietest(sound: NDArray[np.float32]) -> int:
    """Where to cut: the middle of the softest tenth of a second in the latter half, in samples."""
    length = SAMPLE_RATE // 10
    frames = sound[: len(sound) // length * length].reshape(-1, length)
    energy = np.mean(frames**2, axis=1)
    half = len(energy) // 2
    return (half + int(np.argmin(energy[half:]))) * length + length // 2


def _joined(parts: Sequence[tuple[Speech, Transcript]]) -> Transcript:
    """The transcript of a turn that was recognised in parts."""
    said = [transcript for _, transcript in parts if transcript.text]
    if len(parts) == 1 or not said:
        return parts[0][1] if parts else Transcript("")
    starts_s = accumulate((len(speech.audio) / SAMPLE_RATE for speech, _ in parts), initial=0.0)
    return Transcript(
        " ".join(part.text for part in said),
        said[0].language,
        confidence=sum((part.confidence or 0.0) * len(part.text) for part in said)
        / sum(len(part.text) for part in said),
        translation=" ".join(filter(None, (part.translation for part in said))) or None,
        words=tuple(
            replace(word, start_s=start_s + word.start_s, end_s=start_s + word.end_s)
            for (_, part), start_s in zip(parts, starts_s, strict=False)
            for word in part.words
        ),
    )
