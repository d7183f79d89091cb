"""Word error rate and speed of recognition: `python -m benchmarks.recognition --json OUT`.

Whisper with the weights that come as packages, on one thread: in windows as short as the turns, as the
program does it, and in faster-whisper's full windows of 30 s. Measured on the recordings of ../shared/audio
whose words are known, as they are and with the noise recording at 10 dB, on the sample conversation
(synthesised voices, known turns), and on ../shared/data/librispeech/test_other, which chose nothing. Sounds
without speech, ten minutes each, go through the turn detector and the recogniser: no words may come out.
A tiny model that does not listen exercises the whole path, from loading over the guards to cancellation; its
words are checked, not scored.
"""

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import jiwer
import numpy as np
from faster_whisper import WhisperModel
from numpy.typing import NDArray
from rich.console import Console
from threadpoolctl import threadpool_limits
from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

from benchmarks.command import parser, report
from benchmarks.conversations import LIBRISPEECH
from benchmarks.progress import progress
from benchmarks.whisper_path import exercise
from models.whisper.packaged_weights import PACKAGED_MODELS, packaged_model
from streamer.audio.frame import FRAME_SAMPLES, SAMPLE_RATE, AudioFrame
from streamer.transcribers.base import RecognitionRequest, Transcriber, Transcript
from streamer.transcribers.whisper import Whisper
from streamer.turn_embedding.analyzer import RECOGNISED_TOGETHER
from streamer.turns.detector import TurnDetector
from streamer.turns.turn import Turn, TurnEnded

ROOT = Path(__file__).parents[1]
AUDIO = ROOT.parent / "shared" / "audio"
SAMPLES = ROOT / "samples"
SNR_DB = 10.0
MINUTES_WITHOUT_SPEECH = 10.0

_NORMALISER = EnglishTextNormalizer({})  # type: ignore[no-untyped-call]

WORDS = {
    "jfk.flac": "and so my fellow americans ask not what your country can do for you "
    "ask what you can do for your country",
    "LDC93S1.wav": "she had your dark suit in greasy wash water all year",
    "speechbrain/ASR/spk1_snt1.wav": "the child almost hurt the small dog",
    "speechbrain/ASR/spk1_snt2.wav": "drop the two when you add the figures",
    "speechbrain/ASR/spk1_snt3.wav": "at that high level the air is pure",
    "speechbrain/ASR/spk1_snt4.wav": "a thin stripe runs down the middle",
    "speechbrain/ASR/spk1_snt5.wav": "sunday is the best part of the week",
    "speechbrain/ASR/spk1_snt6.wav": "the pencils have all been used",
    "speechbrain/ASR/spk2_snt1.wav": "we are sure that one war is enough",
    "speechbrain/ASR/spk2_snt2.wav": "what joy there is in living",
    "speechbrain/ASR/spk2_snt3.wav": "tear thin sheets from the yellow pad",
    "speechbrain/ASR/spk2_snt4.wav": "mend the coat before you go out",
    "speechbrain/ASR/spk2_snt5.wav": "jump the fence and hurry up the bank",
    "speechbrain/ASR/spk2_snt6.wav": "canned pears lack full flavor",
}
"""What is said. The twelve are Harvard sentences (IEEE 1969); the annotation that comes with them leaves out
two, misspells some and gives one the words of another: the error rate against it is reported apart."""


@dataclass(frozen=True)
class Sentence:
    """A recording (int16 [n], mono, 16 kHz) and its words."""

    file: str
    audio: NDArray[np.int16]
    words: str

    @property
    def seconds(self) -> float:
        """Duration."""
        return len(self.audio) / SAMPLE_RATE


def read_audio(path: Path) -> NDArray[np.int16]:
    """Decode any file to int16 [n], mono, 16 kHz."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    with av.open(str(path)) as container:
        pieces: list[NDArray[np.int16]] = [
            resampled.to_ndarray()[0]
            for frame in (*container.decode(audio=0), None)
            for resampled in resampler.resample(frame)
        ]
    return np.concatenate(pieces)


def with_noise(
    speech: NDArray[np.int16], noise: NDArray[np.int16], snr_db: float, start: int
) -> NDArray[np.int16]:
    """Add noise, from sample `start` of it on and round again, at a ratio of mean powers."""
    clean = speech.astype(np.float64)
    added = np.resize(np.roll(noise, -start), len(speech)).astype(np.float64)
    added *= np.sqrt(np.mean(clean**2) / np.mean(added**2)) * 10 ** (-snr_db / 20)
    mixed = clean + added
    unclipped = mixed * min(1.0, 32767 / float(np.abs(mixed).max()))
    return np.round(unclipped).astype(np.int16)


def normalised(text: str) -> str:
    """As Whisper's word error rates are counted (Radford et al. 2022, appendix C).

    Lower case without punctuation and fillers, contractions and titles written out, numbers in digits; but
    British spellings stay what they are.
    """
    return str(_NORMALISER(text)).strip()


def unpunctuated(text: str) -> str:
    """Lower case, no punctuation but the apostrophe, single spaces."""
    return " ".join(re.sub(r"[^a-z0-9' ]+", " ", text.lower().replace("’", "'")).split())


def shared_sentences() -> list[Sentence]:
    """The recordings whose words are known; none where ../shared is absent."""
    return [
        Sentence(file, read_audio(AUDIO / file), words)
        for file, words in WORDS.items()
        if (AUDIO / file).is_file()
    ]


def test_other() -> list[Sentence]:
    """LibriSpeech test-other, the speakers that are here; none where ../shared is absent."""
    table = LIBRISPEECH / "test_other.tsv"
    if not table.is_file():
        return []
    lines = [line.split("\t") for line in table.read_text(encoding="utf-8").splitlines()]
    return [
        Sentence(file, read_audio(LIBRISPEECH / "test_other" / file), unpunctuated(words))
        for file, words in lines
    ]


def speechless(minutes: float) -> dict[str, NDArray[np.int16]]:
    """Sounds without speech, int16 [n] at 16 kHz, by name; the noise recording only where ../shared is."""
    length = round(60 * minutes * SAMPLE_RATE)
    rng = np.random.default_rng(0)
    time_s = np.arange(length) / SAMPLE_RATE
    white = rng.normal(size=length)
    brown = np.cumsum(white - white.mean())
    keys = np.zeros(length)
    for start in rng.integers(0, length - 800, round(minutes * 300)):
        keys[start : start + 800] += rng.normal(size=800) * np.exp(-np.arange(800) / 120)
    melody = 220 * 2 ** (rng.choice([0, 2, 4, 5, 7, 9, 11, 12], len(time_s) // 4000 + 1) / 12)
    phase = 2 * np.pi * np.cumsum(np.repeat(melody, 4000)[:length]) / SAMPLE_RATE
    beat = np.exp(-(np.arange(length) % 4000) / 1500)
    sounds = {
        "silence": np.zeros(length),
        "white noise": white,
        "brown noise": brown - np.convolve(brown, np.ones(801) / 801, "same"),
        "tones": np.sin(2 * np.pi * 440 * time_s) * (time_s % 3 < 1.5),
        "clicks": (np.arange(length) % 8000 == 0).astype(float),
        "keyboard": keys,
        "music": beat * sum(np.sin(n * phase) / n for n in range(1, 7)),
    }
    noise = AUDIO / "speechbrain" / "noise" / "noise1.wav"
    if noise.is_file():
        sounds["noise recording"] = np.resize(read_audio(noise), length).astype(float)
    return {
        name: np.round(6000 * sound / max(1e-9, float(np.abs(sound).max()))).astype(np.int16)
        for name, sound in sounds.items()
    }


def noisy(sentences: Iterable[Sentence]) -> list[Sentence]:
    """The same in noise; each meets another stretch of it."""
    noise = read_audio(AUDIO / "speechbrain" / "noise" / "noise1.wav")
    return [
        Sentence(s.file, with_noise(s.audio, noise, SNR_DB, 7001 * i), s.words)
        for i, s in enumerate(sentences)
    ]


def sample_sentences() -> list[Sentence]:
    """The turns of the sample conversation, with a quarter of a second around them."""
    audio = read_audio(SAMPLES / "conversation.flac")
    turns = json.loads((SAMPLES / "conversation.json").read_text(encoding="utf-8"))["turns"]
    around = SAMPLE_RATE // 4
    return [
        Sentence(
            f"turn {number}",
            audio[round(t["start_s"] * SAMPLE_RATE) - around : round(t["end_s"] * SAMPLE_RATE) + around],
            unpunctuated(t["text"]),
        )
        for number, t in enumerate(turns, start=1)
    ]


class FullWindow:
    """Whisper as faster-whisper runs it: every turn filled up to 30 s."""

    def __init__(self, size: str) -> None:
        folder = packaged_model(size)
        assert folder is not None, "the benchmark's own extra installs it"
        self.name = f"faster-whisper:{size}, full windows"
        self._model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)

    def transcribe(self, audio: NDArray[np.int16]) -> Transcript:
        """Recognise a turn, int16 [n]."""
        sound = audio.astype(np.float32) / 32768
        segments, _ = self._model.transcribe(sound, language="en", condition_on_previous_text=False)
        return Transcript(" ".join(segment.text.strip() for segment in segments))


def measure(recogniser: Transcriber, sentences: Sequence[Sentence]) -> dict[str, Any]:
    """Recognise all sentences.

    Returns:
        `wer`, `wer_unnormalised` (only without case and punctuation), `words` (of the references),
        `real_time_factor` (elapsed time over duration), `cpu_factor` (processor time over duration) over all;
        and `files`, each with its own and what was heard.
    """
    files = []
    for sentence in progress(sentences, recogniser.name):
        wall, cpu = time.perf_counter(), time.process_time()
        heard = recogniser.transcribe(sentence.audio).text
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        files.append(
            {
                "file": sentence.file,
                "seconds": round(sentence.seconds, 2),
                "wer": word_error_rate([sentence.words], [heard]),
                "real_time_factor": round(wall / sentence.seconds, 3),
                "cpu_factor": round(cpu / sentence.seconds, 3),
                "words": sentence.words,
                "heard": heard,
            }
        )
    total_s = sum(sentence.seconds for sentence in sentences)
    references, heard_all = [each.words for each in sentences], [str(file["heard"]) for file in files]
    return {
        "wer": word_error_rate(references, heard_all),
        "wer_unnormalised": word_error_rate(references, heard_all, unpunctuated),
        "words": sum(len(normalised(reference).split()) for reference in references),
        "real_time_factor": _mean(files, "real_time_factor", total_s),
        "cpu_factor": _mean(files, "cpu_factor", total_s),
        "files": files,
    }


def word_error_rate(
    references: Sequence[str], heard: Sequence[str], normal: Callable[[str], str] = normalised
) -> float:
    """Of all texts together."""
    return round(jiwer.wer(list(map(normal, references)), list(map(normal, heard))), 4)


def _mean(files: Sequence[dict[str, Any]], key: str, total_s: float) -> float:
    """Weighted by duration."""
    return round(sum(float(file[key]) * float(file["seconds"]) for file in files) / total_s, 3)


def against_annotation(files: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Word error rate of what was heard against the annotation that comes with the speechbrain files."""
    annotated: dict[str, str] = {}
    for part in ("ASR_train.json", "ASR_dev.json"):
        entries = json.loads((AUDIO / "speechbrain" / "annotation" / part).read_text(encoding="utf-8"))
        annotated |= {f"speechbrain/ASR/{key}.wav": entry["wrd"] for key, entry in entries.items()}
    pairs = [(annotated[file["file"]], file["heard"]) for file in files if file["file"] in annotated]
    references, heard = zip(*pairs, strict=True)
    return {"files": len(pairs), "wer": word_error_rate(references, heard)}


def together(recogniser: Whisper, sentences: Sequence[Sentence]) -> dict[str, Any]:
    """Recognise all sentences in batches, as those of many streams are."""
    began, heard = time.perf_counter(), []
    for at in range(0, len(sentences), RECOGNISED_TOGETHER):
        requests = [RecognitionRequest(each.audio) for each in sentences[at : at + RECOGNISED_TOGETHER]]
        heard += [said.text for said in recogniser.transcribe_together(requests)]
    took_s = time.perf_counter() - began
    return {
        "wer": word_error_rate([sentence.words for sentence in sentences], heard),
        "real_time_factor": round(took_s / sum(sentence.seconds for sentence in sentences), 3),
    }


def turns_of(sound: NDArray[np.int16]) -> list[Turn]:
    """The turns that are found in a recording, int16 [n]."""
    detector = TurnDetector()
    events = [
        event
        for start in range(0, len(sound), FRAME_SAMPLES)
        for event in detector.feed(AudioFrame(sound[start : start + FRAME_SAMPLES], start))
    ]
    return [event.turn for event in (*events, *detector.flush()) if isinstance(event, TurnEnded)]


def first_and_last_words(recogniser: Transcriber, sentences: Sequence[Sentence]) -> dict[str, int]:
    """How many sentences keep their first and their last word, right or misheard, where turns are found.

    They are said one after the other, a second and a half apart, in noise of -78 dB.
    """
    gap = np.zeros(3 * SAMPLE_RATE // 2, np.int16)
    pieces = [gap, *(piece for each in sentences for piece in (each.audio, gap))]
    floor = np.random.default_rng(0).normal(0, 32768 * 10 ** (-78 / 20), sum(map(len, pieces)))
    turns = turns_of(np.concatenate(pieces) + np.round(floor).astype(np.int16))
    kept = Counter[str]()
    start = len(gap)
    for sentence in progress(sentences, f"{recogniser.name}, turns"):
        stop = start + len(sentence.audio)
        own = [turn for turn in turns if start < (turn.start + turn.end) / 2 < stop]
        heard = " ".join(recogniser.transcribe(turn.audio).text for turn in own)
        [chunks] = jiwer.process_words(normalised(sentence.words), normalised(heard) or "-").alignments
        spoken = [chunk.type for chunk in chunks if chunk.ref_end_idx > chunk.ref_start_idx]
        kept.update(first=spoken[0] != "delete", last=spoken[-1] != "delete", sentences=1)
        start = stop + len(gap)
    return dict(kept)


def without_speech(recogniser: Transcriber) -> dict[str, Any]:
    """Turns that are found in ten minutes of each sound without speech, and the words recognised in them."""
    results = {}
    for name, sound in progress(list(speechless(MINUTES_WITHOUT_SPEECH).items()), "without speech"):
        turns = turns_of(sound)
        heard = [text for turn in turns if (text := recogniser.transcribe(turn.audio).text)]
        results[name] = {
            "turns": len(turns),
            "words": sum(len(text.split()) for text in heard),
            "heard": heard,
        }
    return results


def benchmark() -> dict[str, Any]:
    """Measure all there is to measure here."""
    shared, sample, other = shared_sentences(), sample_sentences(), test_other()
    sets = {"sample": sample}
    if shared:
        sets |= {"shared": shared, f"shared, noise at {SNR_DB:.0f} dB": noisy(shared)}
    if other:
        sets["test-other"] = other
    results: dict[str, Any] = {}
    threadpool_limits(1)  # or numpy's threads would count as the recogniser's
    embedded = [size for size in PACKAGED_MODELS if packaged_model(size)]
    for size in embedded:
        whisper = Whisper(size, device="cpu", cpu_threads=1)
        for recogniser in (whisper, FullWindow(size)):
            by_set = {name: measure(recogniser, sentences) for name, sentences in sets.items()}
            results[recogniser.name] = by_set
            if shared:
                by_set["shared, as annotated"] = against_annotation(by_set["shared"]["files"])
        ours = results[whisper.name]
        ours["decoded_again"] = {"turns": sum(map(len, sets.values())), "again": whisper.decoded_again}
        ours["together"] = together(whisper, other or sample)
        ours["first_and_last"] = first_and_last_words(whisper, [*shared, *sample, *other])
        ours["without_speech"] = without_speech(whisper)
    return {
        "recognisers": results,
        "minutes_without_speech": MINUTES_WITHOUT_SPEECH,
        "tiny_whisper": exercise(sample[7].audio),
    }


def show(result: dict[str, Any], console: Console) -> None:
    """Print word error rates and speeds, a line a recogniser and set."""
    for name, sets in result["recognisers"].items():
        for kind, figures in sets.items():
            if "wer" in figures:
                speed = f"{figures['real_time_factor']:.2f} x real time" if "words" in figures else ""
                line = f"{name:28} {kind:26} WER {100 * figures['wer']:5.1f} %  {speed}"
                console.print(line, highlight=False, soft_wrap=True)


def main() -> None:
    """Command line."""
    out = parser(__doc__).parse_args().json
    report("recognition", benchmark(), out, show)


if __name__ == "__main__":
    main()
