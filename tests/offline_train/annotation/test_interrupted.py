"""kill -9 and Ctrl-C, in the midst of it."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from offline_train.annotation.records import read_annotations
from tests.offline_train.annotation.conftest import Command
from tests.offline_train.annotation.openai_server import openai_server

pytestmark = pytest.mark.kill

CONCURRENCY = 4


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_the_same_line_goes_on(annotate: Command, texts: Path, tmp_path: Path, how: signal.Signals) -> None:
    out = tmp_path / "out.jsonl"
    with openai_server(tmp_path, [{"wait": 0.15}]) as server:
        line = ["llm", "--texts", texts, "--out", out, "--base-url", server.url, "--model", "m"]
        line += ["--concurrency", CONCURRENCY]
        command = [sys.executable, "-c", "from offline_train.app import main; main()", "annotate", *line]
        environment = {**os.environ, "OPENAI_API_KEY": ""}
        with subprocess.Popen(
            [str(part) for part in command], stderr=subprocess.PIPE, text=True, env=environment
        ) as process:
            while not out.exists() or len(read_annotations(out)) < 8:
                assert process.poll() is None, process.communicate()[1]
                time.sleep(0.01)
            process.send_signal(how)
            _, said = process.communicate(timeout=60)
        asked = len(server.requests)
        done = len(read_annotations(out))
        assert done < 30
        if how is signal.SIGINT:
            assert process.returncode == 130
            assert done == asked, "answers that were under way are kept"
            assert f"interrupted: {done} of 30 texts" in said
            assert said.count("\n") == 1
        else:
            assert asked - done <= CONCURRENCY
        assert annotate(*line).code == 0
        times = Counter(request["prompt"] for request in server.requests)
    assert len({each.id for each in read_annotations(out)}) == len(read_annotations(out)) == 30
    assert len(times) == 30
    assert times.total() - 30 == asked - done
