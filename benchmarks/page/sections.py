"""The benchmarks on the page, in order."""

import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.page import figures as draw
from benchmarks.page.figures import Result


def read(path: Path, command: str) -> Any:
    """What a command wrote as JSON; None where there is no such file.

    Raises:
        ValueError: the file is damaged.
    """
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: write it again with {command}") from error


@dataclass(frozen=True)
class Section:
    """A benchmark on the page.

    Attributes:
        name: of its result, its template and its figure.
        title: heading.
        needs: keys that its result has; one without them was written by another version of the module.
        draw: its figure, within `offline_train.plots.look`.
        module: of `benchmarks`, which measures it; the name where it is "".
        options: of the command, beside --json.
    """

    name: str
    title: str
    needs: Sequence[str]
    draw: Callable[[Result], Figure]
    module: str = ""
    options: Sequence[str] = ()

    @property
    def command(self) -> str:
        """Which gives its result."""
        out = f"benchmarks/results/{self.name}.json"
        return shlex.join(
            ["python", "-m", f"benchmarks.{self.module or self.name}", *self.options, "--json", out]
        )

    def read(self, results: Path) -> Result | None:
        """Its result from the folder of results; None where there is none of this version.

        Raises:
            ValueError: the file is damaged; says which, and what to do.
        """
        result = read(results / f"{self.name}.json", self.command)
        return result if isinstance(result, dict) and all(key in result for key in self.needs) else None


SOAK = ("hours", "turns_lost", "memory_growth", "most_waiting", "loop_stall_p99_ms", "holds", "parts")
KILLS = ("lost", "duplicates_after", "out_of_order", "broken_lines", "tracebacks", "holds", "seed")
SECTIONS = (
    Section(
        "latency", "Latency",
        ("latency_ms", "after_speech_ms", "without_speculation", "scenes"), draw.latency,
    ),
    Section("context", "Context", ("windows", "bundle", "rounds"), draw.context),
    Section("streams", "Streams", ("websockets, no recogniser",), draw.streams),
    Section("attack", "Attackers", ("cases", "log_lines"), draw.attack),
    Section("soak", "Soak: a day, words supplied", SOAK, draw.soak),
    Section(
        "soak-recognised", "Soak: a day, embedded recogniser", SOAK, draw.soak,
        module="soak", options=("--asr", "auto"),
    ),
    Section(
        "soak-streams", "Soak: a day of eight streams", SOAK, draw.soak,
        module="soak", options=("--asr", "auto", "--streams", "8"),
    ),
    Section(
        "soak-live", "Soak: an hour, live", SOAK, draw.soak,
        module="soak", options=("--hours", "1", "--asr", "auto", "--pace", "8"),
    ),
    Section("kills", "Kills", ("kills", "published", "received", *KILLS), draw.kills),
    Section("endpointing", "End-pointing", (*draw.RECORDINGS, "recogniser"), draw.endpointing),
    Section(
        "startup", "Start",
        ("help_s", "help_target_s", "analyze_s", "listen_s", "imports", "import_tree_ms"), draw.startup,
    ),
    Section(
        "segmentation", "Segmentation",
        ("meetings", "assembled", "acted_clips", "speechless", "cost"), draw.segmentation,
    ),
    Section("speakers", "Speakers", ("live", "voices", "conversations"), draw.speakers),
    Section(
        "recognition", "Recognition",
        ("recognisers", "minutes_without_speech", "tiny_whisper"), draw.recognition,
    ),
    Section("peers", "Beside others", ("programs", "utterances", "seconds"), draw.peers),
    Section("quantisation", "Quantisation", ("encoders", "bundle", "batch"), draw.quantisation),
)  # fmt: skip
