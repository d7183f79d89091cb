"""Does what a target does with one input after the other, and notes what goes wrong.

`python -m fuzz.worker TARGET FILE...` does it with those files and shows the tracebacks: how to see again
what was found. Without files it is a part of `python -m fuzz`.
"""

import argparse
import faulthandler
import logging
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from fuzz.desk import Desk, scratch_folder
from fuzz.findings import Finding, Findings, of_exception
from fuzz.target import WORDS
from fuzz.targets import NAMES, find

HANG_S = 5.0
"""Longer than this no input may take."""

MEMORY_BYTES = 200_000_000
"""Above what the idle program holds."""

MEMORY_CODE = 77
"""Exit code of a worker that has grown too large to tell which of the next inputs needs how much."""

_INSTRUMENTED = ["streamer", "models", "wyoming"]


class Runner:
    """Runs inputs; `bad` holds what went wrong with the last one."""

    def __init__(self, name: str, run: Callable[[bytes], None]) -> None:
        from models.errors import BundleError
        from streamer.errors import InputError, RunError

        self._name = name
        self._run = run
        self._told = (InputError, RunError, BundleError)
        self.bad: list[Finding] = []
        logging.getLogger().addHandler(_Unforeseen(self.bad, name))
        sys.unraisablehook = lambda told: self._note(told.exc_value)
        threading.excepthook = lambda told: self._note(told.exc_value)

    def __call__(self, data: bytes) -> None:
        """Run one."""
        self.bad.clear()
        try:
            self._run(data)
        except self._told as error:
            said = str(error)
            if not said.strip() or len(said.splitlines()) > 1:
                self.bad.append(
                    Finding(self._name, "message", f"{type(error).__name__} not of one line", said)
                )
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a panic of Rust's, and SystemExit, are none
            self._note(error)

    def _note(self, error: BaseException | None) -> None:
        if error is not None:
            self.bad.append(of_exception(self._name, error))


class _Unforeseen(logging.Handler):
    """Takes tracebacks that are logged, as the server and asyncio do, for what they are."""

    def __init__(self, bad: list[Finding], name: str) -> None:
        super().__init__(logging.WARNING)
        self._bad = bad
        self._name = name

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self._bad.append(of_exception(self._name, record.exc_info[1]))


def peak_bytes() -> int:
    """The most memory that this process has ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def fuzz(options: argparse.Namespace) -> None:
    """Let atheris make inputs, until there were so many or the time is up."""
    import atheris

    faulthandler.register(signal.SIGUSR1, all_threads=True)
    with atheris.instrument_imports(include=_INSTRUMENTED):
        target = find(options.target)
    scratch = options.desk.with_name("scratch")  # gone with the desk: atheris never returns
    scratch.mkdir()
    with target.start(scratch) as run:
        runner = Runner(target.name, run)
        findings = Findings(options.findings.absolute())
        deadly = findings.deadly()
        desk = Desk.at(options.desk)
        first = min(options.seeds.iterdir(), key=lambda path: path.stat().st_size)
        runner(first.read_bytes())  # what is imported late is there
        idle = peak_bytes()
        desk.peak_bytes = desk.idle_bytes = idle

        def one(data: bytes) -> None:
            if deadly(data):
                return
            desk.count += 1
            desk.begin(data)
            runner(data)
            desk.end(peak := peak_bytes())
            for finding in runner.bad:
                findings.add(finding, data)
            if (held := peak - idle) > MEMORY_BYTES:
                findings.add(Finding(target.name, "memory", "peak", f"{held / 1e6:.0f} MB above idle"), data)
                findings.add_deadly(data)
                os._exit(MEMORY_CODE)

        arguments = [
            "fuzz", f"-runs={options.runs}", f"-max_total_time={options.seconds}", f"-seed={options.seed}",
            f"-dict={WORDS / target.words}.dict", f"-max_len={target.longest}", "-rss_limit_mb=0",
            "-timeout=3600", "-verbosity=0", "-print_final_stats=0", str(options.corpus), str(options.seeds),
        ]  # fmt: skip
        atheris.Setup(arguments, one)
        atheris.Fuzz()


def show(name: str, files: list[Path]) -> int:
    """Run a target on files; returns how many of them show something."""
    bad = 0
    target = find(name)
    with scratch_folder() as scratch, target.start(scratch) as run:
        runner = Runner(target.name, run)
        runner(b"")
        idle = peak_bytes()
        for file, data in [(file, file.read_bytes()) for file in files]:
            began = monotonic()
            runner(data)
            told = [finding.detail for finding in runner.bad]
            if (took_s := monotonic() - began) > HANG_S:
                told.append(f"took {took_s:.1f} s")
            if (held := peak_bytes() - idle) > MEMORY_BYTES:
                told.append(f"{held / 1e6:.0f} MB above idle")
            bad += bool(told)
            print(f"{file}: {''.join(told) or 'nothing'}", flush=True)
    return bad


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", help=f"{', '.join(NAMES)}, or a place such as package.module:TARGET")
    parser.add_argument("files", nargs="*", type=Path)
    for name in ("corpus", "seeds", "findings", "desk"):
        parser.add_argument(f"--{name}", type=Path, help=argparse.SUPPRESS)
    for name in ("runs", "seconds", "seed"):
        parser.add_argument(f"--{name}", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    faulthandler.enable()
    if options.files:
        os._exit(min(show(options.target, [file.absolute() for file in options.files]), 1))
    fuzz(options)


if __name__ == "__main__":
    main()
