"""A pool of decoder processes."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Literal, overload

from streamer.errors import RunError
from streamer.transcribers.pocketsphinx import worker

_STOPS_WITHIN_S = 2.0
_PATIENCE_S = 300.0
"""Time limit for an answer on a busy machine, in addition to the decoder's processor time
(`worker.allowance_s`). After that, the decoder is assumed to hang."""


class DecoderError(RunError):
    """A decoder failed with a turn; another decoder, or another turn, may succeed."""


class SphinxProcess:
    """A decoder in a separate process (see `worker`), which ends with this object.

    Raises:
        RunError: it cannot be started, for lack of memory or processes.
    """

    def __init__(self) -> None:
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", worker.__name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                # The process gets the same import path.
                env=os.environ
                | {"PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)},
            )
        except OSError as error:
            raise RunError(f"pocketsphinx cannot be started: {error.strerror}; make room for it") from error
        self._finalizer = weakref.finalize(self, _stop, self._process)
        self._hung = False

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._finalizer.alive and self._process.poll() is None

    def ask(self, operation: bytes, content: bytes = b"") -> worker.Reply:
        """Send a request, and wait for the answer.

        Args:
            operation: an operation of `worker`.
            content: sound, int16, mono, 16 kHz, as bytes; or another argument of the operation.

        Raises:
            DecoderError: the decoder failed or hangs, or its process has ended.
        """
        patience_s = _PATIENCE_S + worker.allowance_s(len(content))
        patience = threading.Timer(patience_s, self._give_up)
        patience.daemon = True
        patience.start()
        try:
            return self._answer(operation, content)
        finally:
            patience.cancel()

    def stop(self) -> None:
        """Kill the process, if it still runs."""
        self._finalizer()

    def _give_up(self) -> None:
        self._hung = True
        self._process.kill()  # a thread that waits for the answer then reads the end

    def _answer(self, operation: bytes, content: bytes) -> worker.Reply:
        requests, replies = self._process.stdin, self._process.stdout
        assert requests is not None
        assert replies is not None
        try:
            requests.write(worker.REQUEST.pack(operation, len(content)) + content)
            requests.flush()
            (length,) = worker.REPLY.unpack(_exactly(replies.read(worker.REPLY.size), 4))
            reply: worker.Reply = json.loads(_exactly(replies.read(length), length))
        except (OSError, EOFError, ValueError) as error:  # ValueError: the process was stopped
            self.stop()
            code = self._process.poll()
            hung = self._hung or code == -worker.OVERDUE
            ended = "it did not answer" if hung else f"its process ended (exit code {code})"
            raise DecoderError(f"pocketsphinx failed: {ended}") from error
        if "error" in reply:
            self.stop()  # it gets no further turn
            raise DecoderError(f"pocketsphinx failed: {reply['error']}")
        return reply


class SphinxProcesses:
    """A pool of decoders: started on demand, and kept when idle.

    Args:
        limit: most decoders that are borrowed at once.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lent = 0
        self._closed = False
        self._idle = [SphinxProcess()]  # loads in parallel with other models
        self._lock = threading.Lock()

    @overload
    def borrow(self) -> SphinxProcess | None: ...

    @overload
    def borrow(self, *, at_any_rate: Literal[True]) -> SphinxProcess: ...

    def borrow(self, *, at_any_rate: bool = False) -> SphinxProcess | None:
        """Borrow a decoder; None if the limit is reached, unless `at_any_rate`."""
        with self._lock:
            if self._lent >= self._limit and not at_any_rate:
                return None
            while self._idle:
                if (process := self._idle.pop()).alive:
                    break
            else:
                process = SphinxProcess()
            self._lent += 1
            return process

    def give_back(self, process: SphinxProcess) -> None:
        """Return a decoder, in any state."""
        with self._lock:
            self._lent -= 1
            if self._closed:
                process.stop()
            elif process.alive:
                self._idle.append(process)

    def close(self) -> None:
        """End idle decoders now, and borrowed ones when they are returned."""
        with self._lock:
            self._closed = True
            while self._idle:
                self._idle.pop().stop()


def _exactly(content: bytes, length: int) -> bytes:
    if len(content) < length:
        raise EOFError
    return content


def _stop(process: "subprocess.Popen[bytes]") -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    try:
        process.wait(_STOPS_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
