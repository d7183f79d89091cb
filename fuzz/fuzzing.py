"""Runs workers, and watches them: what hangs, grows or dies is a finding, and a new worker goes on."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from fuzz.desk import Desk, scratch_folder
from fuzz.findings import Finding, Findings
from fuzz.target import CORPUS
from fuzz.targets import find
from fuzz.worker import HANG_S, MEMORY_BYTES, MEMORY_CODE

AT_A_TIME = 50_000
"""Inputs of one worker: a new one holds nothing of what came before."""

_START_S = 600.0
_LOOK_EVERY_S = 0.05
_DEATHS = 20
"""A target whose workers die more often than this is left, and what is missing is seen in its count."""


@dataclass
class Score:
    """How a target fared: its workers' time together, and the most memory above an idle worker's."""

    inputs: int = 0
    took_s: float = 0.0
    peak_bytes: int = 0
    slowest_s: float = 0.0
    deaths: int = field(default=0, repr=False)


class Fuzzing:
    """Fuzzes targets."""

    def __init__(self, findings: Findings, findings_folder: Path, corpus: Path, seed: int) -> None:
        self._findings = findings
        self._folder = findings_folder
        self._corpus = corpus
        self._random = random.Random(seed)

    def run(
        self, names: Sequence[str], jobs: int, *, inputs: int = 0, seconds: float = 0
    ) -> dict[str, Score]:
        """Fuzz all of them, `jobs` workers at a time, with so many inputs or for so long, all together."""
        scores = {name: Score() for name in names}
        shares = {name: find(name).share for name in names}
        turns: list[tuple[str, int, float]] = []
        for name in names:
            if seconds:
                turns.append((name, -1, seconds * jobs / len(names)))
            else:
                wanted = round(inputs * shares[name] / sum(shares.values()))
                turns += [(name, min(AT_A_TIME, wanted - at), 0) for at in range(0, wanted, AT_A_TIME)]
        turns.sort(key=lambda turn: -turn[1] / shares[turn[0]])
        with ThreadPoolExecutor(jobs) as pool:
            for _ in pool.map(lambda turn: self._fuzz(scores[turn[0]], *turn), turns):
                pass
        return scores

    def _fuzz(self, score: Score, name: str, runs: int, seconds: float) -> None:
        until = time.monotonic() + seconds if seconds else float("inf")
        while (runs < 0 or runs > 0) and score.deaths < _DEATHS:
            left_s = min(until - time.monotonic(), 1e6)
            if left_s < 1:
                return
            done, whole = self._work(score, name, runs, int(left_s) if seconds else 0)
            print(f"{name}: {score.inputs:,} inputs", file=sys.stderr)
            if whole:
                return
            score.deaths += 1
            if runs > 0:
                runs = max(runs - done, 0)

    def _work(self, score: Score, name: str, runs: int, seconds: int) -> tuple[int, bool]:
        """Let one worker work; returns how much it did, and whether it ended by itself."""
        target = find(name)
        corpus = self._corpus / target.name
        corpus.mkdir(parents=True, exist_ok=True)
        with scratch_folder() as folder:
            desk = Desk.at(folder / "desk")
            said = folder / "said"
            command = [sys.executable, "-m", "fuzz.worker", name, f"--desk={folder}/desk", f"--runs={runs}"]
            command += [
                f"--seconds={seconds}",
                f"--seed={self._random.randrange(1, 2**31)}",
                f"--corpus={corpus}",
            ]
            command += [f"--seeds={CORPUS / target.corpus}", f"--findings={self._folder}"]
            began = time.monotonic()
            with said.open("wb") as out:
                worker = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
                try:
                    fault = self._watch(worker, desk, score)
                finally:
                    worker.kill()
                    worker.wait()
            score.inputs += desk.count
            score.peak_bytes = max(score.peak_bytes, desk.peak_bytes - desk.idle_bytes)
            score.took_s += time.monotonic() - began
            text = said.read_text("utf-8", "replace")
            if fault is None and worker.returncode not in (0, MEMORY_CODE):
                fault = Finding("", "crash", _how(worker.returncode), "")
            if fault is not None:
                if not desk.idle_bytes:
                    raise RuntimeError(f"the worker for {name} does not start:\n{text[-2000:]}")
                fault = Finding(target.name, fault.kind, fault.where + _last_place(text), text[-6000:])
                self._findings.add_deadly(desk.data)
                if fault.kind != "hang" or self._hangs_again(name, desk.data):
                    self._findings.add(fault, desk.data)
            return desk.count, worker.returncode == 0

    def _watch(self, worker: "subprocess.Popen[bytes]", desk: Desk, score: Score) -> Finding | None:
        """Wait until a worker ends; what makes it end too soon, where it does not do so by itself."""
        process = psutil.Process(worker.pid)
        began = time.monotonic()
        while worker.poll() is None:
            time.sleep(_LOOK_EVERY_S)
            if not desk.idle_bytes:
                if time.monotonic() - began > _START_S:
                    return Finding("", "hang", "start", "")
                continue
            busy_s = desk.busy_s
            score.slowest_s = max(score.slowest_s, busy_s)
            try:
                above = process.memory_info().rss - desk.idle_bytes
            except psutil.NoSuchProcess:
                continue
            if above > 3 * MEMORY_BYTES or busy_s > HANG_S:
                worker.send_signal(signal.SIGUSR1)  # it says where it is
                time.sleep(0.3)
                kind = "memory" if above > 3 * MEMORY_BYTES else "hang"
                return Finding("", kind, "killed", "")
        return None

    def _hangs_again(self, name: str, data: bytes) -> bool:
        """Whether it was the input, and not the machine that had other work."""
        with scratch_folder() as folder:
            file = folder / "input"
            file.write_bytes(data)
            command = [sys.executable, "-m", "fuzz.worker", name, str(file)]
            try:
                done = subprocess.run(
                    command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_START_S
                )
            except subprocess.TimeoutExpired:
                return True
            return done.returncode != 0


def _how(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _last_place(text: str) -> str:
    """Where the threads of a worker were, as faulthandler says it: in each the last place that is ours."""
    places = []
    for thread in text.split("hread 0x")[1:]:
        frames = [line for line in thread.splitlines() if line.startswith("  File ")]
        ours = [line for line in frames if "/streamer/" in line or "/models/" in line]
        places += [f"{Path(line.split(chr(34))[1]).name}:{line.rpartition(' in ')[2]}" for line in ours[:1]]
    return f" in {', '.join(dict.fromkeys(places))}" if places else ""
