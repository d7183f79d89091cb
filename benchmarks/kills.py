"""What random kills cost: `python -m benchmarks.kills --json OUT [--kills 1000] [--whole 30] [--seed N]`.

Programs tell conversations to a broker and to files of events while they, and the broker, are killed at
random moments (SIGKILL) and started again: two at a time play a recorded session back (`merits replay`, each
run as a session of its own), and one analyzes a recording live, without a recogniser. All share one outbox;
the broker keeps its sessions on disk; one subscriber listens all the time.

Then the broker is left alone, what waits is sent, and it is judged: lines of events are whole; what stands in
the files has arrived; nothing arrived as something else under the same session and seq, and no turn under two
of them; and the turns of a session came in their order, as far as they came for the first time.
"""

import asyncio
import json
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt
from rich.console import Console
from rich.progress import Progress
from ulid import ULID

from benchmarks.command import parser, report

MERITS = str(Path(sys.executable).parent / "merits")
SAMPLES = Path(__file__).parents[1] / "samples"
SHARE_OF_BROKER = 0.3
"""Of all kills."""
PACE, TALKS_S = 20.0, 3.5
"""How many times as fast a session is played back, and how long that goes on at most, its end included."""
WHOLE_TALKS_S = 25.0
"""How long the program that analyzes may."""
STARTS, STARTS_S = 0.15, 3.0
"""Share of programs that are killed sooner, and so long after their start at most."""
BROKER_LIVES_S, BROKER_GONE_S = 2.5, 1.0
"""How long it lives on average, and is away at most."""
PATIENCE_S = 120.0

Told = tuple[str, int, str]
"""What tells an event: session, seq, and its line."""


@dataclass
class Kills:
    """How many there were, by what was killed."""

    program: int = 0
    whole_program: int = 0
    broker: int = 0

    @property
    def all(self) -> int:
        """Together."""
        return self.program + self.whole_program + self.broker


@dataclass
class Broker:
    """mosquitto on a free port, with its memory on disk.

    Attributes:
        folder: where it keeps that.
        port: of the loopback interface.
    """

    folder: Path
    port: int = 0
    _process: asyncio.subprocess.Process | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """For `--mqtt`."""
        return f"mqtt://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
        if program is None:
            sys.exit("mosquitto is not installed: it is the broker that is killed here")
        if not self.port:
            with socket.create_server(("127.0.0.1", 0)) as free:
                self.port = free.getsockname()[1]
            config = f"listener {self.port} 127.0.0.1\nuser root\nallow_anonymous true\npersistence true\n"
            config += f"persistence_location {self.folder}/\nautosave_interval 1\nautosave_on_changes true\n"
            (self.folder / "mosquitto.conf").write_text(config + "max_queued_messages 0\n")
        self._process = await asyncio.create_subprocess_exec(
            program, "-c", str(self.folder / "mosquitto.conf"), stderr=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    return
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """End it, without a word."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()


@dataclass
class Subscriber:
    """Listens all the time, and finds the broker again.

    Attributes:
        received: turns, in the order in which they came.
    """

    broker: Broker
    received: list[Told] = field(default_factory=list)

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            with suppress(aiomqtt.MqttError):
                async with aiomqtt.Client(
                    "127.0.0.1", self.broker.port, identifier="listener", clean_session=False
                ) as client:
                    await client.subscribe("merits/+/turn", qos=1)
                    async for message in client.messages:
                        assert isinstance(message.payload, bytes)
                        self.received.append(told(message.payload.decode()))
            await asyncio.sleep(0.05)


def told(line: str) -> Told:
    """What tells an event from all others, and the event."""
    event = json.loads(line)
    return event["session"], event["seq"], line


def judge(files: Iterable[str], received: Sequence[Told]) -> dict[str, int]:
    """What was published against what has arrived.

    Args:
        files: the text of each file of events.
        received: turns, in the order in which they came.
    """
    published: set[tuple[str, int]] = set()
    broken = 0
    for text in files:
        *lines, rest = text.split("\n")
        broken += bool(rest)
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                broken += 1
                continue
            if event["type"] in ("turn.final", "turn.revised"):
                published.add((event["session"], event["seq"]))
    first: dict[tuple[str, int], str] = {}
    differing = late = 0
    newest: Counter[str] = Counter()
    for session, seq, line in received:
        if (known := first.setdefault((session, seq), line)) != line:
            differing += 1
        elif known is line:
            late += seq < newest[session]
            newest[session] = max(newest[session], seq)
    events = [json.loads(line) for line in first.values()]
    turns = Counter((event["session"], event["turn"], event["revision"]) for event in events)
    return {
        "published": len(published),
        "received": len(received),
        "lost": len(published - first.keys()),
        "duplicates_before": len(received) - len(first),
        "duplicates_after": sum(turns.values()) - len(turns) + differing,
        "out_of_order": late,
        "broken_lines": broken,
    }


def session_of_its_own(target: Path, stream: str) -> None:
    """A recorded session as another one: under a new id."""
    session = str(ULID())
    events = [json.loads(line) for line in (SAMPLES / "conversation.jsonl").read_text("utf-8").splitlines()]
    lines = (json.dumps(event | {"session": session, "stream": stream}) for event in events)
    target.write_text("".join(f"{line}\n" for line in lines))


class Run:
    """All that is killed, and who does it.

    Args:
        folder: for all that is written.
        kills: how many there are to be.
        whole: how many of those of the program that analyzes.
        seed: of the random moments.
    """

    def __init__(self, folder: Path, kills: int, whole: int, seed: int) -> None:
        self.kills = Kills()
        self.runs = 0
        self.wanted = kills
        self._whole = whole
        self._folder = folder
        self._random = random.Random(seed)
        self._broker = Broker(folder)
        self._subscriber = Subscriber(self._broker)
        self._environment = os.environ | {
            "MERITS_OUTBOX__PATH": str(folder / "outbox.sqlite"),
            "MERITS_BROKER__DRAIN_S": "1",
        }

    async def run(self) -> dict[str, int]:
        """Kill, wait until all is delivered, and judge."""
        await self._broker.start()
        listening = asyncio.create_task(self._subscriber.run())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._kill_the_broker())
                for stream in ("kitchen", "attic"):
                    group.create_task(self._kill_replays(stream))
                group.create_task(self._kill_analyses("whole"))
            return await self._judge()
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            await self._broker.kill()

    async def _kill_the_broker(self) -> None:
        while self.kills.broker < SHARE_OF_BROKER * self.wanted:
            await asyncio.sleep(self._random.expovariate(1 / BROKER_LIVES_S))
            await self._broker.kill()
            self.kills.broker += 1
            await asyncio.sleep(self._random.uniform(0, BROKER_GONE_S))
            await self._broker.start()

    async def _kill_replays(self, stream: str) -> None:
        while self.kills.program < (1 - SHARE_OF_BROKER) * self.wanted - self._whole:
            name = f"{stream}-{self.runs}"
            recording = self._folder / f"{name}.recording"
            session_of_its_own(recording, stream)
            what = ["replay", str(recording), "--pace", str(PACE)]
            self.kills.program += await self._live(name, TALKS_S, *what)
            recording.unlink()

    async def _kill_analyses(self, stream: str) -> None:
        while self.kills.whole_program < self._whole:
            what = ["analyze", str(SAMPLES / "conversation.flac"), "--asr", "none", "--pace", "realtime"]
            killed = await self._live(f"{stream}-{self.runs}", WHOLE_TALKS_S, *what, "--stream", stream)
            self.kills.whole_program += killed

    async def _live(self, name: str, talks_s: float, *what: str) -> bool:
        """Run the program and kill it while it starts or while it talks, unless it has come to its end."""
        self.runs += 1
        events = self._folder / f"{name}.jsonl"
        with (self._folder / "errors").open("ab") as errors:
            process = await self._start(*what, "--no-view", "--events", events.name, errors=errors)
            ended = asyncio.create_task(process.wait())
            if self._random.random() < STARTS:
                talks_s = STARTS_S
            else:
                while not ended.done() and not (events.exists() and events.stat().st_size):
                    await asyncio.wait([ended], timeout=0.02)
            await asyncio.wait([ended], timeout=self._random.uniform(0, talks_s))
            with suppress(ProcessLookupError):
                process.kill()
            return await ended == -signal.SIGKILL

    async def _start(self, *what: str, errors: Any = None) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            MERITS, *what, "--mqtt", self._broker.url, cwd=self._folder, env=self._environment,
            stdout=asyncio.subprocess.DEVNULL, stderr=errors,
        )  # fmt: skip

    async def _judge(self) -> dict[str, int]:
        """Have sent what waits, and wait for what is on its way."""
        sending = await self._start("mqtt", "send")
        if await sending.wait():
            raise RuntimeError("what waits in the outbox could not be sent")
        deadline = time.monotonic() + PATIENCE_S
        while True:
            files = [path.read_text("utf-8") for path in sorted(self._folder.glob("*.jsonl"))]
            judged = judge(files, self._subscriber.received)
            if not judged["lost"] or time.monotonic() > deadline:
                return judged | {
                    "tracebacks": (self._folder / "errors").read_text("utf-8").count("Traceback")
                }
            await asyncio.sleep(0.5)


HOLDS = ("lost", "duplicates_after", "out_of_order", "broken_lines", "tracebacks")
"""Of what is judged, what must be none."""


def measure(
    folder: Path, kills: int, whole: int, seed: int, progress: Progress | None = None
) -> dict[str, Any]:
    """Kill so often, and say what became of the turns."""

    async def work() -> dict[str, int]:
        run = Run(folder, kills, whole, seed)
        running = asyncio.create_task(run.run())
        bar = None if progress is None else progress.add_task("kills", total=kills)
        while not running.done():
            await asyncio.wait([running], timeout=0.5)
            if progress is not None and bar is not None:
                progress.update(bar, completed=run.kills.all)
        judged = await running
        return {
            "kills": run.kills.all,
            "kills_of_program": run.kills.program,
            "kills_of_whole_program": run.kills.whole_program,
            "kills_of_broker": run.kills.broker,
            "runs": run.runs,
            **judged,
        }

    began = time.monotonic()
    result: dict[str, Any] = asyncio.run(work())
    result["took_s"] = round(time.monotonic() - began, 1)
    result["holds"] = {name: result[name] == 0 for name in HOLDS}
    return result


def main() -> None:
    """Command line."""
    options = parser(__doc__)
    options.add_argument("--kills", type=int, default=1000, help="of programs and broker together (1000)")
    options.add_argument("--whole", type=int, default=30, help="of those, of the program that analyzes (30)")
    options.add_argument("--seed", type=int, default=1, help="of the random moments (1)")
    arguments = options.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="merits-kills-") as folder,
        Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress,
    ):
        judged = measure(Path(folder), arguments.kills, arguments.whole, arguments.seed, progress)
    report(
        "kills", {"seed": arguments.seed, **judged}, arguments.json,
        lambda result, console: console.print_json(json.dumps(result)),
    )  # fmt: skip


if __name__ == "__main__":
    main()
