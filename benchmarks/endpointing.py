"""When turns are declared over, adaptive against fixed: `python -m benchmarks.endpointing --json OUT`.

Every rule hears the same recordings, in which the end of every turn is known: conversations put together
from real sentences with pauses within the turns (`benchmarks.hesitant`), one channel for both speakers and a
channel each, and excerpts of real meetings. For each: the mean delay from the end of the speech to the
declaration, and the share of turns that are cut in two. A rule that waits longer cuts fewer; the adaptive one
should cut fewer at the same delay than the fixed one at any silence. It opens turns again that go on soon,
which are then not cut. It waits for as long as a judge of "is
this finished" says: the words, or smart-turn (`benchmarks.smart_turn`, where installed), or both.

The adaptive rule was tuned on the sentences of spk1 and of the actors with odd numbers. Reported are the
others': spk2 and the actors with even numbers. None of the meetings was used for tuning.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.command import need, parser, report
from benchmarks.conversations import SHARED_AUDIO
from benchmarks.endpointing_recordings import Recording, assembled, meetings
from benchmarks.hesitant import SpokenTurn
from benchmarks.progress import progress
from benchmarks.smart_turn import SmartTurn, installed_network
from streamer.audio.frame import SAMPLE_RATE, AudioFrame
from streamer.settings.turns import TurnSettings
from streamer.transcribers.choose import EMBEDDED_SIZE
from streamer.transcribers.whisper import Whisper
from streamer.turns.detector import TurnDetector
from streamer.turns.sentence_end import sentence_finished
from streamer.turns.turn import Turn, TurnEnded, TurnPaused, TurnReopened, TurnResumed
from streamer.turns.vad import CHUNK_SAMPLES

FIXED_MS = (250, 320, 400, 500, 600, 700, 800, 1000)
HINT_DELAY_MS = 100
"""Words are known so long after the turn began to pause: the embedded recogniser needs about this."""

END_TOLERANCE = SAMPLE_RATE // 2
"""A turn found to end up to here after the end of the speech ends with it."""

SMART_TURN_SURE = 0.5
"""smart-turn finds a turn over from this probability on: the threshold of its authors."""

Judge = Callable[[Turn], bool | None]
"""Whether the last sentence of a pausing turn is finished; None if it is not known."""


class Recorded:
    """Voice activity that was judged before, so that all rules go by the same."""

    def __init__(self, probabilities: Sequence[float]) -> None:
        self._probabilities = iter(probabilities)

    def judge(self, chunks: NDArray[np.int16], keep_open: bool) -> list[float]:
        """As in `streamer.turns.vad.VoiceActivity`."""
        del keep_open
        return [next(self._probabilities, 0.0) for _ in chunks]

    def reset(self) -> None:
        """As in `streamer.turns.vad.VoiceActivity`."""


def declared_turns(heard: Recording, settings: TurnSettings, finished: Judge | None) -> list[Turn]:
    """The turns that a rule declares over because of silence; hints come `HINT_DELAY_MS` after a pause."""
    detector = TurnDetector(settings, activity=Recorded(heard.probabilities))
    turns: list[Turn] = []
    pause: Turn | None = None
    for start in range(0, len(heard.sound) - CHUNK_SAMPLES + 1, CHUNK_SAMPLES):
        for event in detector.feed(AudioFrame(heard.sound[start : start + CHUNK_SAMPLES], start)):
            match event:
                case TurnPaused(turn):
                    pause = turn
                case TurnResumed():
                    pause = None
                case TurnReopened():
                    turns.pop()
                case TurnEnded(turn):
                    pause = None
                    if turn.reason == "silence":
                        turns.append(turn)
        now = start + CHUNK_SAMPLES
        if finished and pause and now >= pause.declared + HINT_DELAY_MS * SAMPLE_RATE // 1000:
            detector.hint(finished(pause))
            pause = None
    return turns


def score(declared: Sequence[Turn], truth: Sequence[SpokenTurn]) -> dict[str, float]:
    """Counts, and the sum of the delays: a turn is cut if one is declared over before its last word.

    Returns:
        `turns`, `cut`, `run_together` (with the next turn, so that its end was never declared), `delay_ms`
        (a sum, over the others).
    """
    cut = run_together = 0
    delay = 0.0
    for spoken in truth:
        middles = [(word.start + word.end) // 2 for word in spoken.words]
        own = [turn for turn in declared if middles[0] < turn.end <= spoken.end + END_TOLERANCE]
        cut += any(turn.end < middles[-1] for turn in own)
        last = [turn for turn in own if turn.end >= middles[-1]]
        run_together += not last
        delay += (last[-1].declared - spoken.end) * 1e3 / SAMPLE_RATE if last else 0.0
    return {"turns": len(truth), "cut": cut, "run_together": run_together, "delay_ms": delay}


def judge(
    recordings: Sequence[Recording], settings: TurnSettings, judges: Sequence[Judge | None]
) -> dict[str, float]:
    """A rule on all recordings: `turns`, the shares `cut` and `run_together` of them, `delay_ms` (mean)."""
    each = [
        score(declared_turns(heard, settings, finished), heard.truth)
        for heard, finished in zip(recordings, judges, strict=True)
    ]
    total = {key: sum(one[key] for one in each) for key in each[0]}
    turns, ended = total["turns"], total["turns"] - total["run_together"]
    return {
        "turns": turns,
        "cut": round(total["cut"] / turns, 4),
        "run_together": round(total["run_together"] / turns, 4),
        "delay_ms": round(total["delay_ms"] / max(ended, 1), 1),
    }


def true_words(heard: Recording) -> Judge:
    """By the words that were really said in a turn."""
    words = [word for turn in heard.truth for word in turn.words]

    def finished(turn: Turn) -> bool | None:
        first, last = turn.audio_start, turn.audio_start + len(turn.audio)
        said = [word.word for word in words if word.start >= first and word.end <= last]
        return sentence_finished(" ".join(said))

    return finished


def once(judged: Callable[[NDArray[np.int16]], bool | None]) -> Judge:
    """A judge by the sound of a turn, who is asked once for each."""
    known: dict[bytes, bool | None] = {}

    def finished(turn: Turn) -> bool | None:
        key = turn.audio.tobytes()
        if key not in known:
            known[key] = judged(turn.audio)
        return known[key]

    return finished


def judges_by_sound() -> dict[str, Judge]:
    """By name: those that can be had here."""
    recogniser = Whisper()
    by_words = f"words from {EMBEDDED_SIZE}"
    words = once(lambda audio: sentence_finished(recogniser.transcribe(audio).text))
    if (network := installed_network()) is None:
        return {by_words: words}
    smart_turn = SmartTurn(network)
    over = once(lambda audio: smart_turn.probability(audio) >= SMART_TURN_SURE)

    def both(turn: Turn) -> bool | None:
        return over(turn) if words(turn) is not False else False

    return {
        f"words from {EMBEDDED_SIZE}": words,
        "smart-turn": over,
        f"words from {EMBEDDED_SIZE} and smart-turn": both,
    }


def compare(recordings: Sequence[Recording], hints: dict[str, Sequence[Judge | None]]) -> dict[str, Any]:
    """All rules, and how far each adaptive one lies below the curve of the fixed one."""
    fixed = {
        ms: judge(recordings, TurnSettings(endpointing="fixed", endpoint_ms=ms), [None] * len(recordings))
        for ms in progress(FIXED_MS, "fixed rules")
    }
    curve = sorted((one["delay_ms"], one["cut"]) for one in fixed.values())
    delays, cuts = (np.array(axis) for axis in zip(*curve, strict=True))
    adaptive = {}
    for name, judges in progress(list(hints.items()), "adaptive rule"):
        result = judge(recordings, TurnSettings(), judges)
        adaptive[name] = {
            **result,
            "fixed_cut_at_this_delay": round(float(np.interp(result["delay_ms"], delays, cuts)), 4),
            "fixed_delay_ms_at_this_cut": round(float(np.interp(-result["cut"], -cuts, delays)), 1),
        }
    return {"fixed": {str(ms): one for ms, one in fixed.items()}, "adaptive": adaptive}


def measure(seeds: Sequence[int], turns: int) -> dict[str, Any]:
    """All figures."""
    together, apart = assembled(seeds, turns)
    met = meetings(SHARED_AUDIO / "meetings")
    settings = TurnSettings()
    by_sound = judges_by_sound()
    result: dict[str, Any] = {
        "tuned_on": "spk1, RAVDESS actors with odd numbers",
        "reported_on": "spk2, RAVDESS actors with even numbers; all meetings",
        "recogniser": EMBEDDED_SIZE,
        "hint_delay_ms": HINT_DELAY_MS,
        "settings": settings.model_dump(
            include={"pause_ms", "endpoint_ms", "endpoint_min_ms", "endpoint_max_ms"}
        ),
    }
    for name, recordings in (("one channel", together), ("a channel each", apart)):
        hints: dict[str, Sequence[Judge | None]] = {
            "words from truth": [true_words(each) for each in recordings],
            **{judge: [finished] * len(recordings) for judge, finished in by_sound.items()},
        }
        result[name] = compare(recordings, hints)
    result["meetings"] = compare(met, {judge: [finished] * len(met) for judge, finished in by_sound.items()})
    return result


COLUMNS = ("rule", "turns", "cut", "run together", "delay ms", "fixed: cut", "delay ms")
SETS = ("one channel", "a channel each", "meetings")


def show(result: dict[str, Any], console: Console) -> None:
    """Print the figures as tables."""
    for name in SETS:
        table = Table(*COLUMNS, title=name)
        rows = {f"fixed {ms} ms": one for ms, one in result[name]["fixed"].items()}
        rows |= {f"adaptive, {words}": one for words, one in result[name]["adaptive"].items()}
        for rule, one in rows.items():
            curve = (
                (f"{one['fixed_cut_at_this_delay']:.1%}", f"{one['fixed_delay_ms_at_this_cut']:.0f}")
                if ("fixed_cut_at_this_delay" in one)
                else ("", "")
            )
            shares = (f"{one[key]:.1%}" for key in ("cut", "run_together"))
            table.add_row(rule, f"{one['turns']:.0f}", *shares, f"{one['delay_ms']:.0f}", *curve)
        console.print(table)


def main() -> None:
    """Command line."""
    options = parser(__doc__)
    options.add_argument("--conversations", type=int, default=16, help="assembled ones (default 16)")
    options.add_argument("--turns", type=int, default=24, help="of each (default 24)")
    arguments = options.parse_args()
    need(SHARED_AUDIO)
    result = measure(range(1000, 1000 + arguments.conversations), arguments.turns)
    report("endpointing", result, arguments.json, show)


if __name__ == "__main__":
    main()
