"""Word error rate and speed of the recognisers: `python -m benchmarks.recognition --json OUT`.

Measured on the recordings of ../shared/audio whose words are known, as they are and with the noise recording
at 10 dB, and on the sample conversation (synthesised voices, known turns): the embedded recogniser, given
whole turns and listening as they are spoken, and faster-whisper in every size whose weights are cached. A
tiny model that does not listen exercises faster-whisper's whole path, from loading over the guards to
cancellation; its words are checked, not scored.
"""

import json
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import jiwer
import numpy as np
import psutil
from faster_whisper import available_models
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.command import parser, report
from benchmarks.progress import progress
from benchmarks.whisper_path import exercise
from streamer.audio.frame import FRAME_SAMPLES, SAMPLE_RATE, AudioFrame
from streamer.transcribers.base import Listening, ListeningTranscriber, Transcriber, Transcript
from streamer.transcribers.faster_whisper import FasterWhisper, cached_model
from streamer.transcribers.pocketsphinx.transcriber import PocketSphinx
from streamer.turns.detector import TurnDetector
from streamer.turns.turn import TurnPaused

ROOT = Path(__file__).parents[1]
AUDIO = ROOT.parent / "shared" / "audio"
SAMPLES = ROOT / "samples"
SNR_DB = 10.0

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
    """Lower case, no punctuation but the apostrophe, single spaces."""
    return " ".join(re.sub(r"[^a-z0-9' ]+", " ", text.lower().replace("’", "'")).split())


def shared_sentences() -> list[Sentence]:
    """The recordings whose words are known; none where ../shared is absent."""
    return [
        Sentence(file, read_audio(AUDIO / file), words)
        for file, words in WORDS.items()
        if (AUDIO / file).is_file()
    ]


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
            normalised(t["text"]),
        )
        for number, t in enumerate(turns, start=1)
    ]


class Listener:
    """A recogniser that is given turns as live sound is: in pieces, and asked at every pause.

    Args:
        recogniser: who listens.
    """

    def __init__(self, recogniser: ListeningTranscriber) -> None:
        self.name = f"{recogniser.name}, listening"
        self.left_ms: list[float] = []
        """What was left to do of each turn when all of it had been spoken."""
        self._recogniser = recogniser
        self._before: Listening | None = None

    def transcribe(self, audio: NDArray[np.int16]) -> Transcript:
        """Listen to a turn, int16 [n]; the turns before it are taken to come from the same microphone."""
        detector = TurnDetector()
        listening = self._recogniser.listen(self._before)
        assert listening is not None, "one turn at a time"
        self._before = listening
        for start in range(0, len(audio), FRAME_SAMPLES):
            frame = AudioFrame(audio[start : start + FRAME_SAMPLES], start)
            listening.hear(frame.samples)
            if any(isinstance(event, TurnPaused) for event in detector.feed(frame)):
                listening.finish(audio[: start + len(frame.samples)])
        began = time.perf_counter()
        transcript = listening.finish(audio)
        self.left_ms.append(1e3 * (time.perf_counter() - began))
        listening.close()
        return transcript


def processor_s() -> float:
    """Processor time of this process and of those it started, in seconds."""
    this = psutil.Process()
    return sum(times.user + times.system for times in (each.cpu_times() for each in (this, *this.children())))


def measure(recogniser: Transcriber, sentences: Sequence[Sentence]) -> dict[str, Any]:
    """Recognise all sentences.

    Returns:
        `wer`, `words` (of the references), `real_time_factor` (elapsed time over duration), `cpu_factor`
        (processor time over duration) over all; and `files`, each with its own and what was heard.
    """
    files = []
    for sentence in progress(sentences, recogniser.name):
        wall, cpu = time.perf_counter(), processor_s()
        heard = normalised(recogniser.transcribe(sentence.audio).text)
        wall, cpu = time.perf_counter() - wall, processor_s() - cpu
        files.append(
            {
                "file": sentence.file,
                "seconds": round(sentence.seconds, 2),
                "wer": round(jiwer.wer(sentence.words, heard), 4),
                "real_time_factor": round(wall / sentence.seconds, 3),
                "cpu_factor": round(cpu / sentence.seconds, 3),
                "words": sentence.words,
                "heard": heard,
            }
        )
    total_s = sum(sentence.seconds for sentence in sentences)
    references = [sentence.words for sentence in sentences]
    return {
        "wer": round(jiwer.wer(references, [str(file["heard"]) for file in files]), 4),
        "words": sum(len(reference.split()) for reference in references),
        "real_time_factor": _mean(files, "real_time_factor", total_s),
        "cpu_factor": _mean(files, "cpu_factor", total_s),
        "files": files,
    }


def _mean(files: Sequence[dict[str, Any]], key: str, total_s: float) -> float:
    """Weighted by duration."""
    return round(sum(float(file[key]) * float(file["seconds"]) for file in files) / total_s, 3)


def against_annotation(files: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Word error rate of what was heard against the annotation that comes with the speechbrain files."""
    annotated: dict[str, str] = {}
    for part in ("ASR_train.json", "ASR_dev.json"):
        entries = json.loads((AUDIO / "speechbrain" / "annotation" / part).read_text(encoding="utf-8"))
        annotated |= {
            f"speechbrain/ASR/{key}.wav": normalised(entry["wrd"]) for key, entry in entries.items()
        }
    pairs = [(annotated[file["file"]], file["heard"]) for file in files if file["file"] in annotated]
    references, heard = zip(*pairs, strict=True)
    return {"files": len(pairs), "wer": round(jiwer.wer(list(references), list(heard)), 4)}


def benchmark() -> dict[str, Any]:
    """Measure all there is to measure here."""
    shared, sample = shared_sentences(), sample_sentences()
    sets = {"sample": sample}
    if shared:
        sets |= {"shared": shared, f"shared, noise at {SNR_DB:.0f} dB": noisy(shared)}
    sphinx = PocketSphinx()
    recognisers: list[Transcriber] = [sphinx, Listener(sphinx)]
    recognisers += [FasterWhisper(size) for size in available_models() if cached_model(size)]
    results: dict[str, Any] = {}
    for recogniser in recognisers:
        results[recogniser.name] = {name: measure(recogniser, sentences) for name, sentences in sets.items()}
        if isinstance(recogniser, Listener):
            results[recogniser.name]["left_ms"] = {
                f"p{q}": round(float(np.percentile(recogniser.left_ms, q)), 1) for q in (50, 95)
            }
        elif shared:
            results[recogniser.name]["shared, as annotated"] = against_annotation(
                results[recogniser.name]["shared"]["files"]
            )
    return {"recognisers": results, "tiny_whisper": exercise(sample[7].audio)}


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
