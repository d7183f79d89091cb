"""What the program says on standard error: lines to read, or with `--log json` one JSON object a line."""

import contextlib
import io
import json
import logging
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal, TextIO
from urllib.parse import unquote

from streamer.errors import described
from streamer.printable import printable

Format = Literal["text", "json"]
Level = Literal["debug", "info", "warning", "error"]

SESSION: ContextVar[tuple[str, str] | None] = ContextVar("SESSION", default=None)
"""Name of the stream and ULID of the session that what is logged here belongs to."""

_STDERR = 2
_HIDDEN = "***"
_SECRETS = (
    # of a URL, also as a path has it; not our example
    re.compile(r"(?<=:/)/?((?!user:password@broker\.example)[^/\s@]*:\S*)(?=@)"),
    re.compile(r"(?i)(?<=bearer )[^\s\"',]+"),
    re.compile(r"(?i)(?<=merits\.token\.)[^\s\"',]+"),
    re.compile(r"(?i)(?<![A-Za-z_])(?:token|password|passwd|secret|api_key)=([^\s&\"',]+)"),
)
_known: set[str] = set()
_QUIET = ("httpx", "httpcore", "huggingface_hub", "filelock", "urllib3")
"""Libraries that tell of every request."""


_handler: logging.Handler | None = None


def hide(*secrets: str | None) -> None:
    """Let these never appear in what is logged; what is shorter than four characters is no secret."""
    _known.update(secret for secret in secrets if secret and len(secret) > 3)


def hide_those_of_urls(*texts: str) -> None:
    """Let the passwords of URLs in these never appear, wherever they were given and however they are told."""
    for text in texts:
        for password in re.findall(r"(?s)://[^:/@]*:(.+)@", text):
            hide(password, unquote(password))


def redact(text: str) -> str:
    """Leave passwords and tokens out."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    for pattern in _SECRETS:
        text = pattern.sub(lambda found: found[0].removesuffix(found[found.re.groups]) + _HIDDEN, text)
    return text


def configure(form: Format = "text", level: Level = "warning") -> None:
    """Say what is logged from this level on; may be called again.

    With "json" all that is written to standard error becomes JSON, whoever writes it: exceptions that nobody
    caught, warnings, and libraries in C.
    """
    global _handler
    root = logging.getLogger()
    root.setLevel(level.upper())
    if _handler is not None:
        if isinstance(_handler, _StderrHandler) == (form == "text"):
            return
        root.removeHandler(_handler)
        _Capture.end()
    _handler = _StderrHandler() if form == "text" else _JsonHandler(_Capture.begin())
    _handler.setFormatter(TextFormatter() if form == "text" else JsonFormatter())
    root.addHandler(_handler)
    logging.captureWarnings(form == "json")
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
    if form == "json":
        log_what_nobody_catches()


def log_what_nobody_catches() -> None:
    """Log, as one line, exceptions that would end this process or a thread, or that nobody can be given."""
    sys.excepthook = lambda _kind, error, _trace: unforeseen(error)
    threading.excepthook = lambda what: unforeseen(what.exc_value or what.exc_type())
    sys.unraisablehook = _log_unraisable


@contextlib.contextmanager
def about(stream: str, session: str) -> Iterator[None]:
    """What is logged within belongs to a session."""
    token = SESSION.set((stream, session))
    try:
        yield
    finally:
        SESSION.reset(token)


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to what is standard error by then."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        pass


class _JsonHandler(logging.StreamHandler[TextIO]):
    """Writes past the standard error that is captured."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Complain of what cannot be logged; not that nobody reads it, which would be logged in its turn."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


class TextFormatter(logging.Formatter):
    """`merits: message`, without secrets and without anything a terminal would obey."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; where everything is told (level debug), a traceback below it if there is one."""
        said = record.getMessage()
        if record.exc_info and (error := record.exc_info[1]) is not None and described(error) not in said:
            said = f"{said} ({described(error)})"
        lines = [f"merits: {printable(' '.join(redact(said).split()))}"]
        if record.exc_info and logging.getLogger().level <= logging.DEBUG:
            lines += map(printable, redact(self.formatException(record.exc_info)).splitlines())
        return "\n".join(lines)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message; stream, session and exception where known."""

    def format(self, record: logging.LogRecord) -> str:
        """The object, without secrets."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": " ".join(redact(record.getMessage()).split()),
        }
        stream, session = SESSION.get() or (None, None)
        line |= {
            name: value
            for name, value in (
                ("stream", getattr(record, "stream", stream)),
                ("session", getattr(record, "session", session)),
                ("exception", redact(self.formatException(record.exc_info)) if record.exc_info else None),
            )
            if value is not None
        }
        return json.dumps(line, ensure_ascii=False, default=str)


class _Capture:
    """Takes over the file descriptor of standard error, and logs line by line what is written to it."""

    _current: "_Capture | None" = None

    def __init__(self) -> None:
        sys.stderr.flush()
        self.stream = os.fdopen(os.dup(_STDERR), "w", encoding="utf-8", errors="replace", buffering=1)
        source, sink = os.pipe()
        os.dup2(sink, _STDERR)
        os.close(sink)
        self._reader = threading.Thread(target=self._read, args=[source], name="stderr", daemon=True)
        self._reader.start()

    @classmethod
    def begin(cls) -> TextIO:
        """Start; returns where log lines go."""
        cls._current = cls()
        return cls._current.stream

    @classmethod
    def end(cls) -> None:
        """Log what was written, and give the descriptor back."""
        if cls._current is None:
            return
        capture, cls._current = cls._current, None
        sys.stderr.flush()
        os.dup2(capture.stream.fileno(), _STDERR)  # the pipe has no other writer: the reader sees its end
        capture._reader.join(1)

    def _read(self, source: int) -> None:
        with io.open(source, encoding="utf-8", errors="replace") as lines:  # noqa: UP020
            for line in lines:
                if line.strip():
                    logging.getLogger("stderr").warning("%s", line.strip())


def finish() -> None:
    """Write what is still to be written; call it when the program ends."""
    _Capture.end()


def unforeseen(error: BaseException) -> None:
    """Say that the program is at fault, and how to see where."""
    logging.getLogger("merits").critical(
        "unforeseen: %s; a fault of this program, please report it with what --log-level debug says",
        described(error),
        exc_info=error,
    )


def _log_unraisable(what: "sys.UnraisableHookArgs") -> None:
    if not isinstance(
        what.exc_value, OSError | KeyboardInterrupt | None
    ):  # as a file closes; Ctrl-C in passing
        unforeseen(what.exc_value)
