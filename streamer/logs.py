"""The log on standard error: plain lines, or with `--log json` one JSON object a line."""

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
"""Stream name and session ULID of the messages that are logged in this context."""

_STDERR = 2
_HIDDEN = "***"
_SECRETS = (
    # passwords of URLs, also within paths, except our example
    re.compile(r"(?<=:/)/?((?!user:password@broker\.example)[^/\s@]*:\S*)(?=@)"),
    re.compile(r"(?i)(?<=bearer )[^\s\"',]+"),
    re.compile(r"(?i)(?<=merits\.token\.)[^\s\"',]+"),
    re.compile(r"(?i)(?<![A-Za-z_])(?:token|password|passwd|secret|api_key)=([^\s&\"',]+)"),
)
_known: set[str] = set()
_QUIET = ("httpx", "httpcore", "huggingface_hub", "filelock", "urllib3")
"""Libraries that log every request."""


_handler: logging.Handler | None = None


def hide(*secrets: str | None) -> None:
    """Never log these strings; strings of fewer than four characters are no secrets."""
    _known.update(secret for secret in secrets if secret and len(secret) > 3)


def hide_those_of_urls(*texts: str) -> None:
    """Never log the passwords of the URLs in these texts, percent-encoded or decoded."""
    for text in texts:
        for password in re.findall(r"(?s)://[^:/@]*:(.+)@", text):
            hide(password, unquote(password))


def redact(text: str) -> str:
    """Replace passwords and tokens."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    for pattern in _SECRETS:
        text = pattern.sub(lambda found: found[0].removesuffix(found[found.re.groups]) + _HIDDEN, text)
    return text


def configure(form: Format = "text", level: Level = "warning") -> None:
    """Log from this level on; may be called again.

    With "json", everything that is written to standard error becomes JSON: also uncaught exceptions,
    warnings, and the output of C libraries.
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
    """Log uncaught exceptions of this process, its threads and its finalizers, as one line."""
    sys.excepthook = lambda _kind, error, _trace: unforeseen(error)
    threading.excepthook = lambda what: unforeseen(what.exc_value or what.exc_type())
    sys.unraisablehook = _log_unraisable


@contextlib.contextmanager
def about(stream: str, session: str) -> Iterator[None]:
    """A context whose log messages belong to a session."""
    token = SESSION.set((stream, session))
    try:
        yield
    finally:
        SESSION.reset(token)


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to the present standard error, even if it was replaced."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        pass


class _JsonHandler(logging.StreamHandler[TextIO]):
    """Writes to the original standard error, while the descriptor is captured."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Report errors of logging, except a closed reader, whose report would be logged in turn."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


class TextFormatter(logging.Formatter):
    """`merits: message`, without secrets and control characters."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; at level debug, followed by the traceback if there is one."""
        said = record.getMessage()
        if record.exc_info and (error := record.exc_info[1]) is not None and described(error) not in said:
            said = f"{said} ({described(error)})"
        lines = [f"merits: {printable(' '.join(redact(said).split()))}"]
        if record.exc_info and logging.getLogger().level <= logging.DEBUG:
            lines += map(printable, redact(self.formatException(record.exc_info)).splitlines())
        return "\n".join(lines)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message; stream, session and exception if known."""

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
        """Start; returns the stream for log lines."""
        cls._current = cls()
        return cls._current.stream

    @classmethod
    def end(cls) -> None:
        """Log everything written so far, and restore the descriptor."""
        if cls._current is None:
            return
        capture, cls._current = cls._current, None
        sys.stderr.flush()
        os.dup2(capture.stream.fileno(), _STDERR)  # the pipe has no other writer, so its reader sees the end
        capture._reader.join(1)

    def _read(self, source: int) -> None:
        with io.open(source, encoding="utf-8", errors="replace") as lines:  # noqa: UP020
            for line in lines:
                if line.strip():
                    logging.getLogger("stderr").warning("%s", line.strip())


def finish() -> None:
    """Write the remaining messages; call it when the program ends."""
    _Capture.end()


def unforeseen(error: BaseException) -> None:
    """Log an unexpected error, with how to report it."""
    logging.getLogger("merits").critical(
        "unforeseen: %s; a fault of this program, please report it with what --log-level debug says",
        described(error),
        exc_info=error,
    )


def _log_unraisable(what: "sys.UnraisableHookArgs") -> None:
    if not isinstance(what.exc_value, OSError | KeyboardInterrupt | None):  # a file closing; or Ctrl-C
        unforeseen(what.exc_value)
