"""Whisper by CTranslate2 in short windows: each turn is encoded as long as it is, several turns together."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import ctranslate2
import numpy as np
import tokenizers
from faster_whisper.feature_extractor import FeatureExtractor
from faster_whisper.tokenizer import Tokenizer
from numpy.typing import NDArray

from models.sample_rate import SAMPLE_RATE
from models.whisper.languages import LANGUAGES
from models.whisper.word import Word

WINDOW_S = 30.0
"""What Whisper was trained on (Radford et al. 2022, section 2.2), shorter turns filled up with silence."""

MARGIN_S = 4.0
"""Silence behind a turn in a short window: with less, the decoder repeats what it heard."""

LONGEST_TURN_S = WINDOW_S - MARGIN_S
"""Longer turns do not fit into a window."""

MOST_TOKENS_A_SECOND = 12
"""Upper bound of speaking rates, which also bounds the time of a repetition loop."""

MOST_WORDS_A_SECOND = 5.5
LOWEST_LOG_PROBABILITY = -1.0
HIGHEST_COMPRESSION = 2.4
"""Whisper's own thresholds (ibid., section 4.5): on the mean log-probability of the tokens, and on how well
the text compresses."""

BEAM_SIZE = 5
"""Of the search: Whisper's own (ibid., section 4.5)."""

_FRAME = 160
_FRAMES_A_POSITION = 2
_POSITION_S = 0.02
_LATEST_START = 50
_LATE_S = 0.05
_SHORTEST_SEGMENT_S = 1.0
_SHORTEST_REST_S = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """A turn to be decoded.

    Attributes:
        audio: float32 [n], mono, 16 kHz, at most `LONGEST_TURN_S`.
        language: code of what is spoken; None to detect it, with a multilingual model.
        translate: whether its English translation is wanted, with a multilingual model.
        word_times: whether the times of its words are wanted.
        begins_with: its first words, where they are known already: only those behind them are searched for.
    """

    audio: NDArray[np.float32]
    language: str | None = None
    translate: bool = False
    word_times: bool = False
    begins_with: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """What Whisper makes of one turn.

    Attributes:
        text: words with case and punctuation.
        language: code of the language.
        log_probability: mean of the tokens'.
        compression: how well the text compresses: length over compressed length.
        no_speech: probability that nobody speaks.
        is_doubtful: whether the search went astray: a loop, words after the turn's end, or more of them than
            anyone speaks.
        rest_s: where the rest begins that has yet to be decoded, in seconds: Whisper ends with two timestamps
            where it leaves a segment for the next window (ibid., section 4.5). None where nothing is left.
        translation: the words in English, where asked for and spoken in another language.
        words: the words with their times, where asked for.
        states: of the encoder, float32 [positions of 20 ms, width], as long as the turn.
    """

    text: str
    language: str
    log_probability: float
    compression: float
    no_speech: float
    is_doubtful: bool
    states: NDArray[np.float32] = field(repr=False)
    rest_s: float | None = None
    translation: str | None = None
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """Turns that the encoder has heard, to be decoded together.

    Attributes:
        turns: at least one.
        states: of the encoder [turns, positions, width].
    """

    turns: Sequence[Speech]
    states: ctranslate2.StorageView

    def one(self, n: int) -> "Encoded":
        """One of the turns by itself."""
        return self if len(self.turns) == 1 else Encoded([self.turns[n]], _one(self.array(), n))

    def array(self) -> NDArray[np.float32]:
        """The states as float32 [turns, positions, width]."""
        on_cpu = self.states.to_device(ctranslate2.Device.cpu).to(ctranslate2.DataType.float32)
        return np.asarray(on_cpu)


class Decoder:
    """A Whisper model in CTranslate2 format. Not for several threads at once.

    Args:
        folder: with model.bin, config.json, tokenizer.json.
        device: "cpu" or "cuda".
        compute_type: CTranslate2's.
        threads: on the CPU.

    Attributes:
        is_multilingual: whether it knows other languages than English.
        languages: codes of those that it knows.

    Raises:
        RuntimeError, ValueError, Exception: as CTranslate2 and tokenizers raise them for damaged files.
    """

    def __init__(self, folder: Path, *, device: str, compute_type: str, threads: int) -> None:
        self._model = ctranslate2.models.Whisper(
            str(folder), device=device, compute_type=compute_type, intra_threads=threads
        )
        self._vocabulary = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._features = FeatureExtractor(feature_size=self._model.n_mels)
        self.is_multilingual = bool(self._model.is_multilingual)
        known = {code for code in LANGUAGES if self._vocabulary.token_to_id(f"<|{code}|>") is not None}
        self.languages = frozenset(known) if self.is_multilingual else frozenset({"en"})

    def encode(self, turns: Sequence[Speech], margin_s: float = MARGIN_S) -> Encoded:
        """Let the encoder hear turns together.

        Args:
            turns: at least one.
            margin_s: silence behind the longest; with `WINDOW_S` the window is full, as in training.

        Raises:
            RuntimeError: CTranslate2 failed.
        """
        longest_s = max(len(turn.audio) for turn in turns) / SAMPLE_RATE
        window_s = min(WINDOW_S, longest_s + margin_s)
        log_mel = ctranslate2.StorageView.from_array(self._log_mel(turns, window_s))
        return Encoded(turns, self._model.encode(log_mel))

    def decode(self, heard: Encoded, beam_size: int = BEAM_SIZE) -> list[Decoded]:
        """Recognise turns together.

        Args:
            heard: the turns.
            beam_size: of the search; with 1, the likeliest token is taken each time.

        Raises:
            RuntimeError: CTranslate2 failed.
        """
        turns, encoded = heard.turns, heard.states
        seconds = [len(turn.audio) / SAMPLE_RATE for turn in turns]
        tokenizers = [self._tokenizer(language) for language in self._languages(encoded, turns)]
        states = heard.array()
        if any(turn.begins_with for turn in turns):  # CTranslate2 wants prompts of one length
            results = [
                self._generate(_one(states, n), [tokenizer], seconds[n], beam_size, turn.begins_with)[0]
                for n, (turn, tokenizer) in enumerate(zip(turns, tokenizers, strict=True))
            ]
        else:
            results = self._generate(encoded, tokenizers, max(seconds), beam_size)
        decoded = [
            _decoded(result, tokenizer, length_s, states[n, : _positions(length_s)])
            for n, (result, tokenizer, length_s) in enumerate(zip(results, tokenizers, seconds, strict=True))
        ]
        for n, turn in enumerate(turns):
            if turn.translate and decoded[n].language != "en" and self.is_multilingual:
                to_english = self._tokenizer(decoded[n].language, "translate")
                [result] = self._generate(_one(states, n), [to_english], seconds[n], beam_size)
                decoded[n] = replace(decoded[n], translation=_text(result, to_english))
            if turn.word_times and decoded[n].text:
                words = self._words(_one(states, n), tokenizers[n], results[n], seconds[n])
                decoded[n] = replace(decoded[n], words=words)
        return decoded

    def _generate(
        self,
        encoded: ctranslate2.StorageView,
        tokenizers: Sequence[Tokenizer],
        longest_s: float,
        beam_size: int,
        begins_with: str = "",
    ) -> "list[ctranslate2.models.WhisperGenerationResult]":
        prompts = [list(each.sot_sequence) for each in tokenizers]
        if begins_with:
            prompts[0] += [tokenizers[0].timestamp_begin, *tokenizers[0].encode(" " + begins_with)]
        results: list[ctranslate2.models.WhisperGenerationResult] = self._model.generate(
            encoded,
            prompts,
            # CTranslate2 generates half as many tokens, to leave room for a prompt.
            max_length=min(448, 2 * (len(prompts[0]) + _most_tokens(longest_s))),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=_never_said(tokenizers[0]),
            max_initial_timestamp_index=_LATEST_START,
            beam_size=beam_size,
        )
        return results

    def _log_mel(self, turns: Sequence[Speech], window_s: float) -> NDArray[np.float32]:
        """[turns, mels, frames]."""
        frames = -(-round(window_s * SAMPLE_RATE) // (_FRAME * _FRAMES_A_POSITION)) * _FRAMES_A_POSITION
        filled = (np.pad(turn.audio, (0, frames * _FRAME - len(turn.audio))) for turn in turns)
        return np.stack([self._features(each, padding=0)[:, :frames] for each in filled]).astype(np.float32)

    def _languages(self, encoded: ctranslate2.StorageView, turns: Sequence[Speech]) -> list[str]:
        if not self.is_multilingual:
            return ["en"] * len(turns)
        if all(turn.language is not None for turn in turns):
            return [turn.language or "" for turn in turns]
        found = self._model.detect_language(encoded)  # likeliest first: "<|en|>" and its probability
        return [
            turn.language or likeliest[0][0].strip("<|>")
            for turn, likeliest in zip(turns, found, strict=True)
        ]

    def _tokenizer(self, language: str, task: str = "transcribe") -> Tokenizer:
        return Tokenizer(self._vocabulary, self.is_multilingual, task=task, language=language)

    def _words(
        self,
        encoded: ctranslate2.StorageView,
        tokenizer: Tokenizer,
        result: "ctranslate2.models.WhisperGenerationResult",
        length_s: float,
    ) -> tuple[Word, ...]:
        """Words and their times, by the cross-attention of the decoder and dynamic time warping."""
        tokens = _without_marks(result, tokenizer)
        frames = max(_FRAMES_A_POSITION, round(length_s * SAMPLE_RATE) // _FRAME)
        [aligned] = self._model.align(encoded, tokenizer.sot_sequence, [tokens], frames)
        starts = {token: position * _POSITION_S for token, position in reversed(aligned.alignments)}
        end_s = max(starts.values())
        texts, pieces = tokenizer.split_to_word_tokens([*tokens, tokenizer.eot])
        words: list[Word] = []
        at = 0
        for text, piece in zip(texts[:-1], pieces[:-1], strict=True):
            begin, at = at, at + len(piece)
            if words and not any(map(str.isalnum, text)):  # punctuation
                words[-1] = replace(words[-1], text=words[-1].text + text)
                continue
            probability = float(np.mean(aligned.text_token_probs[begin:at]))
            words.append(Word(text.strip(), starts.get(begin, end_s), starts.get(at, end_s), probability))
        return tuple(words)


def _positions(length_s: float) -> int:
    return max(1, round(length_s / _POSITION_S))


def _one(states: NDArray[np.float32], n: int) -> ctranslate2.StorageView:
    return ctranslate2.StorageView.from_array(np.ascontiguousarray(states[n : n + 1]))


def _most_tokens(length_s: float) -> int:
    return 16 + round(MOST_TOKENS_A_SECOND * length_s)


def _never_said(tokenizer: Tokenizer) -> list[int]:
    marks = {tokenizer.transcribe, tokenizer.translate, tokenizer.sot, tokenizer.sot_prev, tokenizer.sot_lm}
    return sorted({*tokenizer.non_speech_tokens, *marks, tokenizer.no_speech})


def _without_marks(result: "ctranslate2.models.WhisperGenerationResult", tokenizer: Tokenizer) -> list[int]:
    return [token for token in result.sequences_ids[0] if token < tokenizer.eot]


def _text(result: "ctranslate2.models.WhisperGenerationResult", tokenizer: Tokenizer) -> str:
    return str(tokenizer.decode(_without_marks(result, tokenizer)).strip())


def _decoded(
    result: "ctranslate2.models.WhisperGenerationResult",
    tokenizer: Tokenizer,
    length_s: float,
    states: NDArray[np.float32],
) -> Decoded:
    tokens = result.sequences_ids[0]
    text = _text(result, tokenizer)
    log_probability = result.scores[0] * len(tokens) / (len(tokens) + 1)
    compression = len(text.encode()) / max(1, len(zlib.compress(text.encode())))
    is_doubtful = (
        compression > HIGHEST_COMPRESSION
        or log_probability < LOWEST_LOG_PROBABILITY
        or len(tokens) >= _most_tokens(length_s)
        or len(text.split()) > max(3, MOST_WORDS_A_SECOND * length_s)
        or _goes_on_after(tokens, tokenizer, length_s)
    )
    no_speech = float(result.no_speech_prob)
    rest_s = _rest_s(tokens, tokenizer, length_s)
    language = tokenizer.language_code
    return Decoded(text, language, log_probability, compression, no_speech, is_doubtful, states, rest_s)


def _rest_s(tokens: Sequence[int], tokenizer: Tokenizer, length_s: float) -> float | None:
    times: list[float] = [(token - tokenizer.timestamp_begin) * _POSITION_S for token in tokens[-2:]]
    if len(times) < 2 or min(times) < _SHORTEST_SEGMENT_S or times[-1] > length_s - _SHORTEST_REST_S:
        return None
    return times[-1]


def _goes_on_after(tokens: Sequence[int], tokenizer: Tokenizer, length_s: float) -> bool:
    """Whether there are words behind a timestamp at or after the end of the turn."""
    ended = False
    for token in tokens:
        if token >= tokenizer.timestamp_begin:
            at_s = (token - tokenizer.timestamp_begin) * _POSITION_S
            ended = at_s > 0 and at_s >= length_s - _LATE_S
        elif ended and token < tokenizer.eot:
            return True
    return False
