"""What is said on standard error, by real processes."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from streamer import logs

MERITS = str(Path(sys.executable).parent / "merits")

EVERYONE = """
import logging, os, sys, threading, warnings
from streamer import logs
logs.configure("json", "info")
logs.hide("hush-hush-hush")
with logs.about("kitchen", "01ABC"):
    logging.getLogger("merits").warning("to mqtt://me:letmein@broker:1883 and hush-hush-hush")
logging.getLogger("merits.server").info("two\\nlines")
logging.getLogger("merits").debug("not asked for")
os.write(2, b"a library in C\\n")
print("print", file=sys.stderr)
warnings.warn("mind the gap")
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
try:
    {}["token=abcdef"]
except KeyError:
    logging.getLogger("merits").exception("failed")
raise RuntimeError("nobody caught this")
"""


CHATTY = """
import logging
from streamer import logs
logs.configure("json")
for number in range(3_000):
    logging.getLogger("merits").warning("%d", number)
logs.finish()
"""


def lines_of(*command: str, **environment: str) -> tuple[int, list[Any]]:
    """What a program writes to standard error, every line read as JSON."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=200, check=False, env=os.environ | environment
    )
    return done.returncode, [json.loads(line) for line in done.stderr.splitlines()]


def test_whoever_writes_it_every_line_is_json_and_no_secret_is_in_it() -> None:
    code, lines = lines_of(sys.executable, "-c", EVERYONE)
    assert code == 1
    text = json.dumps(lines)
    assert not any(secret in text for secret in ("letmein", "hush", "abcdef"))
    by_message = {line["message"]: line for line in lines}
    first = by_message["to mqtt://***@broker:1883 and ***"]
    assert list(first) == ["time", "level", "logger", "message", "stream", "session"]
    assert (first["level"], first["logger"], first["stream"], first["session"]) == (
        "warning",
        "merits",
        "kitchen",
        "01ABC",
    )
    assert "stream" not in by_message["two lines"]
    assert by_message["a library in C"]["logger"] == by_message["print"]["logger"] == "stderr"
    assert any("mind the gap" in message for message in by_message)
    assert "KeyError" in by_message["failed"]["exception"]
    uncaught = [line for line in lines if line["message"].startswith("unforeseen: ")]
    assert {line["message"].split(":")[1] for line in uncaught} == {" RuntimeError", " ZeroDivisionError"}
    assert all("Traceback" in line["exception"] for line in uncaught)
    assert "not asked for" not in by_message


@pytest.mark.parametrize(
    "arguments",
    [
        ["analyze", "missing.wav", "--log", "json"],
        ["--log=json", "analyze", "missing.wav"],
        ["analyze", "--nonsense", "--log", "json"],
        ["schema", "--log", "json", "--log-level", "everything"],
    ],
)
def test_complaints_are_json_wherever_it_is_asked_for(arguments: list[str]) -> None:
    code, [line] = lines_of(MERITS, *arguments)
    assert code == 2
    assert (line["level"], line["logger"]) == ("error", "merits")


def test_the_environment_may_ask_for_it_and_flags_win() -> None:
    code, [line] = lines_of(MERITS, "dance", MERITS_LOG="json")
    assert (code, line["message"]) == (2, "No such command 'dance'.")
    done = subprocess.run(
        [MERITS, "analyze", "missing.wav", "--log", "text"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"MERITS_LOG": "json"},
    )
    assert done.stderr == "merits: missing.wav: no such file\n"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("mqtt://me:p@ss/w@host/x", "mqtt://***@host/x"),
        ("mqtts://me:s3cret@host:8883/merits", "mqtts://***@host:8883/merits"),
        ("like mqtts://user:password@broker.example:8883", "like mqtts://user:password@broker.example:8883"),
        ("mqtt:/me:s3cret@host: no such file", "mqtt:/***@host: no such file"),
        ("ws://host/v1?token=abc&x=1", "ws://host/v1?token=***&x=1"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("merits.token.abc, merits.v1", "merits.token.***, merits.v1"),
        ("http://[::1]:8765/ at 12:30 me@host", "http://[::1]:8765/ at 12:30 me@host"),
        ("tokens: 5, max_token=7", "tokens: 5, max_token=7"),
    ],
)
def test_secrets_are_left_out(text: str, clean: str) -> None:
    assert logs.redact(text) == clean


def test_text_is_a_line_that_says_who_speaks() -> None:
    record = logging.LogRecord("x", logging.WARNING, "f", 1, "to %s", ("mqtt://a:b@c",), None)
    assert logs.TextFormatter().format(record) == "merits: to mqtt://***@c"


def test_passwords_of_urls_are_known_however_they_are_told() -> None:
    logs.hide_those_of_urls("--mqtt=mqtt://bob:hun%2Fter 22@[::1]:1883/x", "http://nobody@host", "C:/a:b")
    assert logs.redact("bob:hun%2Fter 22, or hun/ter 22") == "bob:***, or ***"


def test_text_is_one_line_that_a_terminal_does_not_obey() -> None:
    try:
        raise ValueError
    except ValueError:
        record = logging.LogRecord(
            "x", logging.ERROR, "f", 1, "a\x1b[2J\n\x07b\u202e %s", ("c",), sys.exc_info()
        )
    assert logs.TextFormatter().format(record) == "merits: a [2J  b  c (ValueError)"


def test_a_process_whose_log_nobody_reads_any_more_ends_in_time() -> None:
    process = subprocess.Popen([sys.executable, "-c", CHATTY], stderr=subprocess.PIPE)
    assert process.stderr is not None
    process.stderr.readline()
    process.stderr.close()
    try:
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
