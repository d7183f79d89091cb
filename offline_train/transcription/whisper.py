"""Whisper in batches over many clips, with faster-whisper (CTranslate2).

faster-whisper's BatchedInferencePipeline batches the windows of one recording. A corpus has thousands of
clips, most of them shorter than a window: so batches here combine windows of different clips, by the same
calls as the pipeline's (encode, generate). This also detects the language of each clip, in the same pass of
the encoder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.sample_rate import SAMPLE_RATE
from offline_train.errors import UsageError
from offline_train.transcription.spans import WINDOW_S, grid, speech_spans

NO_SPEECH = 0.6
LOWEST_LOG_PROBABILITY = -1.0
HIGHEST_COMPRESSION = 2.4
"""Whisper's own thresholds (Radford et al. 2022, section 4.5): on the probability of no speech, the mean
log-probability of the tokens, and how well the text compresses."""

LOOP_TOKENS = 3
"""Length of token sequences that may not repeat when a repetitive text is decoded again. Whisper's own
remedy, sampling, would make a resumed job differ from an uninterrupted one."""


class WhisperFailed(Exception):
    """The model failed at run time. The message, one line, says why."""


@dataclass(frozen=True, slots=True)
class WhisperTranscript:
    """The result for a clip.

    Attributes:
        text: the words; "" if the model detects no speech.
        language: Whisper's language code.
        avg_logprob: mean log-probability of the tokens.
        no_speech_prob: probability that there is no speech.
    """

    text: str
    language: str
    avg_logprob: float
    no_speech_prob: float


@dataclass(frozen=True, slots=True)
class _Window:
    """The result for up to 30 s of a clip."""

    clip: int
    heard: WhisperTranscript
    tokens: int


class Whisper:
    """A Whisper model.

    Args:
        folder: the model, in CTranslate2 format.
        device: "cpu", "cuda", or "auto" for CUDA if available.
        compute_type: a compute type of CTranslate2; "auto" for the fastest on the device.
        language: language code; None to detect it for each clip.
        beam_size: width of the beam search; 1 is greedy.
        batch_size: number of windows per batch.
        threads: CPU threads; 0 for CTranslate2's default (OMP_NUM_THREADS, or four).

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

        Clips longer than Whisper's window are cut at pauses, and the results joined.

        Args:
            clips: int16 samples [n] at 16 kHz each.

        Returns:
            The result for each clip.

        Raises:
            WhisperFailed: the model failed, for instance out of memory.
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
    """Whether Whisper detects no speech, and has low confidence in the words."""
    return no_speech_prob > NO_SPEECH and avg_logprob < LOWEST_LOG_PROBABILITY


def _windows(clip: NDArray[np.int16]) -> list[tuple[int, int]]:
    if len(clip) <= WINDOW_S * SAMPLE_RATE:
        return [(0, len(clip))]
    return speech_spans(clip) or grid(0, len(clip))


def _window(clip: int, result: Any, tokenizer: Any) -> _Window:
    tokens = result.sequences_ids[0]
    # CTranslate2's score is the mean over the tokens without the end token.
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
    """Join the results of a clip's windows; the language is that of the window with the most tokens."""
    tokens = sum(window.tokens for window in windows)
    return WhisperTranscript(
        text=" ".join(window.heard.text for window in windows if window.heard.text),
        language=max(windows, key=lambda window: window.tokens).heard.language,
        avg_logprob=sum(window.heard.avg_logprob * window.tokens for window in windows) / tokens,
        no_speech_prob=min(window.heard.no_speech_prob for window in windows),
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
