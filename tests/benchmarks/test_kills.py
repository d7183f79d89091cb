"""What the kill table judges, and a small one of programs and a broker that are really killed."""

import json
import shutil
from pathlib import Path

import pytest

from benchmarks.kills import HOLDS, judge, measure, told


def line(seq: int, session: str = "A", kind: str = "turn.final", **change: object) -> str:
    event = {"type": kind, "session": session, "seq": seq, "turn": seq, "revision": 0, "text": "words"}
    return json.dumps(event | change)


def judged(files: list[str], received: list[str]) -> dict[str, int]:
    return judge(files, [told(each) for each in received])


def text(*lines: str) -> str:
    return "".join(f"{each}\n" for each in lines)


def test_what_arrives_again_as_it_was_is_no_fault() -> None:
    found = judged(
        [text(line(1), line(2, kind="turn.started"), line(3))], [line(1), line(3), line(1), line(4)]
    )
    assert found == {
        "published": 2, "received": 4, "lost": 0, "duplicates_before": 1, "duplicates_after": 0,
        "out_of_order": 0, "broken_lines": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("files", "received", "fault"),
    [
        ([text(line(1), line(2))], [line(2)], "lost"),
        ([text(line(1)), text(line(1, "B"))], [line(1)], "lost"),
        ([], [line(2), line(1)], "out_of_order"),
        ([], [line(1), line(2, turn=1)], "duplicates_after"),
        ([], [line(1), line(1, text="other words")], "duplicates_after"),
        ([text(line(1))[:-1]], [line(1)], "broken_lines"),
        ([text(line(1)[:-5], line(2))], [line(2)], "broken_lines"),
    ],
)
def test_a_fault_is_counted(files: list[str], received: list[str], fault: str) -> None:
    found = judged(files, received)
    assert [name for name in HOLDS if found.get(name)] == [fault]


@pytest.mark.kill
@pytest.mark.timeout(900)
def test_ten_kills_lose_nothing(tmp_path: Path) -> None:
    if shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/opt/homebrew/sbin") is None:
        pytest.skip("mosquitto is not installed")
    found = measure(tmp_path, kills=10, whole=0, seed=7)
    assert (found["kills_of_broker"], found["kills"] >= 10) == (3, True)
    assert found["published"] > 0
    assert {name: found[name] for name in HOLDS} == dict.fromkeys(HOLDS, 0)
