"""Whisper over many clips at once, by faster-whisper (CTranslate2).

faster-whisper's own BatchedInferencePipeline batches the windows of one recording. A corpus is the other way
round: thousands of clips, most of them shorter than a window. So windows are stacked here whichever clip they
are of, through the calls that the pipeline makes (encode, generate); that also gives each clip a language of
its own from the one pass of the encoder, which the pipeline does not tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline_train.corpora.audio import SAMPLE_RATE
from offline_train.errors import UsageError
from offline_train.transcription.spans import WINDOW_S, grid, speech_spans

NO_SPEECH = 0.6
LOWEST_LOG_PROBABILITY = -1.0
HIGHEST_COMPRESSION = 2.4
"""Whisper's own thresholds (Radford et al. 2022, section 4.5): on the probability of no speech, the mean
log-probability of the tokens, and how well the text compresses."""

LOOP_TOKENS = 3
"""So many tokens in a row may not come twice where a text is decoded again because it loops. Whisper's own
way out, sampling, would make a resumed job differ from an uninterrupted one."""


class WhisperFailed(Exception):
    """The model failed while it ran. The message says, in one line, why."""


@dataclass(frozen=True, slots=True)
class WhisperTranscript:
    """What was heard in a clip.

    Attributes:
        text: the words; empty where the model holds them for no speech.
        language: code, as Whisper names it.
        avg_logprob: mean log-probability of the tokens.
        no_speech_prob: how likely it is that nobody speaks.
    """

    text: str
    language: str
    avg_logprob: float
    no_speech_prob: float


@dataclass(frozen=True, slots=True)
class _Window:
    """What was heard in up to 30 s of a clip."""

    clip: int
    heard: WhisperTranscript
    tokens: int


class Whisper:
    """A Whisper model.

    Args:
        folder: the model, in CTranslate2 format.
        device: "cpu", "cuda", or "auto" for CUDA where there is any.
        compute_type: CTranslate2's; "auto" for the fastest that the device can do.
        language: code of what is spoken; None to find out for each clip.
        beam_size: of the beam search; 1 is greedy.
        batch_size: windows at once.
        threads: on the CPU; 0 for CTranslate2's choice (OMP_NUM_THREADS, or four).

    Raises:
        UsageError: the model, device, compute type or language can't be used.
    """

    def __init__(
        self,
        folder: Path,
        *,
        device: str = "auto",
        compute_type: str = "auto",
        language: str | None = None,
        beam_size: int = 5,
        batch_size: int = 16,
        threads: int = 0,
    ) -> None:
        import ctranslate2
        from faster_whisper import WhisperModel

        gpus = ctranslate2.get_cuda_device_count()
        if device == "auto":
            device = "cuda" if gpus else "cpu"
        if device == "cuda" and not gpus:
            raise UsageError("no CUDA device is to be found here: leave --device out or say --device cpu")
        able = ctranslate2.get_supported_compute_types(device)
        if compute_type not in {"auto", "default", *able}:
            raise UsageError(
                f"{device} cannot compute in {compute_type!r}: choose auto or {', '.join(sorted(able))}"
            )
        try:
            self._model: Any = WhisperModel(
                str(folder), device=device, compute_type=compute_type, cpu_threads=threads
            )
        # CTranslate2 and tokenizers raise RuntimeError, ValueError and bare Exception on damaged files.
        except Exception as error:
            raise UsageError(
                f"the Whisper model in {folder} cannot be loaded: {_first_line(error)}"
            ) from error
        if language is not None and language not in self._model.supported_languages:
            knows = "English only" if not self._multilingual else ", ".join(self._model.supported_languages)
            raise UsageError(f"the Whisper model does not know the language {language!r}, but {knows}")
        self._language = language
        self._beam_size = beam_size
        self._batch_size = batch_size

    def transcribe(self, clips: Sequence[NDArray[np.int16]]) -> list[WhisperTranscript]:
        """Recognise clips.

        Those longer than Whisper's window are cut at their pauses and put together again.

        Args:
            clips: int16 samples [n] at 16 kHz each.

        Returns:
            What was heard, clip by clip.

        Raises:
            WhisperFailed: the model failed, for instance for want of memory.
        """
        cuts = [(i, clip[start:end]) for i, clip in enumerate(clips) for start, end in _windows(clip)]
        try:
            windows = [
                window
                for at in range(0, len(cuts), self._batch_size)
                for window in self._recognise(cuts[at : at + self._batch_size])
            ]
        # CTranslate2's.
        except (RuntimeError, ValueError) as error:
            advice = "; try a smaller --batch-size" if "memory" in str(error) else ""
            raise WhisperFailed(f"the Whisper model failed: {_first_line(error)}{advice}") from error
        return [_join(list(group)) for _, group in groupby(windows, key=lambda window: window.clip)]

    @property
    def _multilingual(self) -> bool:
        return bool(self._model.model.is_multilingual)

    def _recognise(self, cuts: Sequence[tuple[int, NDArray[np.int16]]]) -> list[_Window]:
        from faster_whisper.audio import pad_or_trim
        from faster_whisper.tokenizer import Tokenizer
        from faster_whisper.transcribe import get_compression_ratio, get_suppressed_tokens

        extract = self._model.feature_extractor
        features = np.stack(
            [pad_or_trim(extract(cut.astype(np.float32) / 32768)[..., :-1]) for _, cut in cuts]
        )  # [windows, mel bins, 3000 frames]
        encoded = self._model.encode(features)
        languages = self._languages(encoded, len(cuts))
        speaking = {
            language: Tokenizer(self._model.hf_tokenizer, self._multilingual, "transcribe", language)
            for language in set(languages)
        }
        tokenizers = [speaking[language] for language in languages]
        prompts = [self._model.get_prompt(each, [], without_timestamps=True) for each in tokenizers]
        options = {
            "beam_size": self._beam_size,
            "suppress_tokens": get_suppressed_tokens(tokenizers[0], [-1]),
            "return_scores": True,
            "return_no_speech_prob": True,
        }
        results = self._model.model.generate(encoded, prompts, **options)
        looping = [
            i
            for i, result in enumerate(results)
            if get_compression_ratio(tokenizers[i].decode(result.sequences_ids[0])) > HIGHEST_COMPRESSION
        ]
        if looping:
            again = self._model.model.generate(
                self._model.encode(features[looping]),
                [prompts[i] for i in looping],
                no_repeat_ngram_size=LOOP_TOKENS,
                **options,
            )
            for i, result in zip(looping, again, strict=True):
                results[i] = result
        return [
            _window(clip, result, tokenizer)
            for (clip, _), result, tokenizer in zip(cuts, results, tokenizers, strict=True)
        ]

    def _languages(self, encoded: Any, count: int) -> list[str]:
        if self._language is not None or not self._multilingual:
            return [self._language or "en"] * count
        found = self._model.model.detect_language(encoded)  # best first, "<|en|>" and its probability
        return [candidates[0][0].strip("<|>") for candidates in found]


def nobody_speaks(avg_logprob: float, no_speech_prob: float) -> bool:
    """Whether Whisper holds what it heard for no speech, and doubts its words too."""
    return no_speech_prob > NO_SPEECH and avg_logprob < LOWEST_LOG_PROBABILITY


def _windows(clip: NDArray[np.int16]) -> list[tuple[int, int]]:
    if len(clip) <= WINDOW_S * SAMPLE_RATE:
        return [(0, len(clip))]
    return speech_spans(clip) or grid(0, len(clip))


def _window(clip: int, result: Any, tokenizer: Any) -> _Window:
    tokens = result.sequences_ids[0]
    # The score is the mean over the tokens without the end, as CTranslate2 normalises lengths.
    avg_logprob = result.scores[0] * len(tokens) / (len(tokens) + 1)
    words = [] if nobody_speaks(avg_logprob, result.no_speech_prob) else tokenizer.decode(tokens).split()
    return _Window(
        clip,
        WhisperTranscript(
            " ".join(words), tokenizer.language_code, avg_logprob, float(result.no_speech_prob)
        ),
        len(tokens) + 1,
    )


def _join(windows: Sequence[_Window]) -> WhisperTranscript:
    """One clip's windows together; the language is that of the window with the most tokens."""
    tokens = sum(window.tokens for window in windows)
    return WhisperTranscript(
        text=" ".join(window.heard.text for window in windows if window.heard.text),
        language=max(windows, key=lambda window: window.tokens).heard.language,
        avg_logprob=sum(window.heard.avg_logprob * window.tokens for window in windows) / tokens,
        no_speech_prob=min(window.heard.no_speech_prob for window in windows),
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
