"""A real endpoint, in a process of its own, that answers well, late, badly and not at all."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from offline_train.annotation.annotate import annotate as work
from offline_train.annotation.llm import LlmAnnotator
from offline_train.annotation.llm_api import EndpointSettings
from offline_train.annotation.output import Output
from offline_train.annotation.prompt import PAPER_PROMPT, SENTIMENTS, fill
from offline_train.annotation.records import read_annotations
from offline_train.annotation.texts import file_texts
from offline_train.annotation.usage import Usage
from tests.offline_train.annotation.conftest import Command
from tests.offline_train.annotation.openai_server import Server, openai_server

QUICK = ("--model", "m", "--backoff", 0.01, "--max-retries", 3)


def asked(server: Server) -> Counter[str]:
    return Counter(request["prompt"] for request in server.requests)


def usage(out: Path) -> dict[str, Any]:
    return dict(json.loads(Path(f"{out}.usage.json").read_text(encoding="utf-8")))


def aside(out: Path) -> list[dict[str, Any]]:
    """By id: requests that run side by side end in any order."""
    path = Path(f"{out}.set-aside.jsonl")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return sorted((json.loads(line) for line in lines), key=lambda row: int(row["id"]))


def test_good_answers(annotate: Command, texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with openai_server(tmp_path) as server:
        line = (
            "--texts",
            texts,
            "--out",
            out,
            "--base-url",
            server.url,
            *QUICK,
            "--price-in",
            10,
            "--price-out",
            20,
        )
        result = annotate("llm", *line)
        assert (result.code, result.err) == (0, "")
        found = {each.id: each for each in read_annotations(out)}
        assert {each.annotator for each in found.values()} == {"llm:m"}
        assert [found[n].label for n in ("1", "2", "3")] == ["negative", "neutral", "positive"]
        assert asked(server) == {
            fill(PAPER_PROMPT, text): 1 for text in texts.read_text(encoding="utf-8").splitlines()
        }
        assert {(r["model"], r["temperature"], r["key"]) for r in server.requests} == {("m", 0, "none")}
        counts = usage(out)
        assert (counts["requests"], counts["prompt_tokens"], counts["completion_tokens"]) == (30, 1200, 60)
        assert counts["cost"] == pytest.approx((1200 * 10 + 60 * 20) / 1e6)
        assert "30 of 30 texts" in result.out
        assert "cost 0.0132" in result.out
    before = out.read_bytes()
    again = annotate("llm", *line)  # nobody is there to be asked any more
    assert (again.code, again.out) == (0, result.out)
    assert out.read_bytes() == before


def test_answers_that_are_no_label_are_asked_again_then_set_aside(
    annotate: Command, texts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    chatty = "I think it is quite positive!"
    script: list[dict[str, Any]] = [
        {"if": "day 3 ", "say": chatty},
        {"if": "day 4 ", "say": "hm", "times": 2},
        {"if": "day 5 ", "say": ""},
    ]
    line = ("--texts", texts, "--out", out, *QUICK, "--base-url")
    with openai_server(tmp_path, script) as server:
        result = annotate("llm", *line, server.url)
        assert result.code == 0
        times = asked(server)
        assert [times[fill(PAPER_PROMPT, f"day {n} was good")] for n in (3, 6)] == [3, 1]
        assert aside(out) == [
            {"id": "3", "text": "day 3 was good", "answers": [chatty] * 3},
            {"id": "5", "text": "day 5 was so-so", "answers": [""] * 3},
        ]
        assert usage(out)["invalid_answers"] == 8
        assert "28 of 30 texts" in result.out
        assert "2 set aside" in result.out
        assert annotate("llm", *line, server.url).code == 0
        assert asked(server) == times
    with openai_server(tmp_path) as server:
        assert annotate("llm", *line, server.url, "--retry-set-aside").code == 0
        assert asked(server).total() == times.total() + 2
    assert len(read_annotations(out)) == 30
    assert not Path(f"{out}.set-aside.jsonl").exists()
    assert usage(out)["requests"] == times.total() + 2


def test_trouble_that_passes(annotate: Command, texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    script: list[dict[str, Any]] = [
        {"if": "day 1 ", "times": 1, "status": 429},
        {"if": "day 2 ", "times": 1, "status": 429, "headers": {"Retry-After": "0.3"}},
        {"if": "day 3 ", "times": 3, "status": 500},
        {"if": "day 4 ", "times": 2, "drop": True},
        {"if": "day 5 ", "times": 1, "wait": 2.0},
        {"if": "day 6 ", "times": 1, "raw": "<html>busy</html>", "type": "text/html"},
        {"if": "day 7 ", "times": 1, "raw": '{"choi', "type": "application/json"},
        {"if": "day 8 ", "times": 1, "raw": '{"error": {"message": "upstream"}}', "type": "application/json"},
        {"if": "day 9 ", "times": 1, "raw": "[]", "type": "application/json"},
        {"if": "day 10 ", "wait": 0.2},
    ]
    with openai_server(tmp_path, script) as server:
        result = annotate(
            "llm", "--texts", texts, "--out", out, "--base-url", server.url, *QUICK, "--timeout", 0.8
        )
        requests = server.requests
    assert (result.code, result.err) == (0, "")
    labels = {each.id: each.label for each in read_annotations(out)}
    assert len(labels) == 30
    assert labels["3"] == "positive"
    limited = [request["at"] for request in requests if "day 2 " in request["prompt"]]
    assert limited[1] - limited[0] >= 0.3
    counts = usage(out)
    assert (counts["requests"], counts["retries"], counts["answers"]) == (42, 12, 30)


def test_no_more_requests_at_a_time_than_allowed(annotate: Command, texts: Path, tmp_path: Path) -> None:
    with openai_server(tmp_path, [{"wait": 0.1}]) as server:
        began = monotonic()
        line = (
            "--texts",
            texts,
            "--out",
            tmp_path / "out.jsonl",
            "--base-url",
            server.url,
            *QUICK,
            "--limit",
            9,
        )
        assert annotate("llm", *line, "--concurrency", 4).code == 0
        times = [request["at"] for request in server.requests]
    assert monotonic() - began >= 0.3
    assert all(later - earlier >= 0.09 for earlier, later in zip(times[1:], times[5:], strict=False))


@pytest.mark.parametrize("by_file", [True, False])
def test_a_wrong_key_costs_one_request_and_is_never_shown(
    annotate: Command, texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_file: bool
) -> None:
    secret, out = "sk-very-secret", tmp_path / "o" / "out.jsonl"
    out.parent.mkdir()
    key = tmp_path / "key"
    key.write_text(secret + "\n", encoding="utf-8")
    if not by_file:
        monkeypatch.setenv("OPENAI_API_KEY", secret)
    line = (
        "--texts",
        texts,
        "--out",
        out,
        *QUICK,
        *(("--api-key-file", key) if by_file else ()),
        "--base-url",
    )
    with openai_server(tmp_path, key="sk-right") as server:
        result = annotate("llm", *line, server.url)
        assert [request["key"] for request in server.requests] == [secret]
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert "401" in result.err
    assert "--api-key-file" in result.err
    with openai_server(tmp_path, key=secret) as server:
        assert annotate("llm", *line, server.url).code == 0
    for shown in (
        result.out,
        result.err,
        *(path.read_text(encoding="utf-8") for path in out.parent.iterdir()),
    ):
        assert secret not in shown


@pytest.mark.parametrize(
    ("script", "code", "says"),
    [
        ([{"status": 404, "message": "model 'm' not found"}], 2, "model 'm' not found"),
        ([{"status": 400, "message": "temperature must be 1"}], 2, "temperature must be 1"),
        ([{"status": 402, "message": "pay first"}], 1, "pay first"),
        ([{"status": 429, "headers": {"Retry-After": "90000"}}], 1, "it asks to wait 90000 s"),
        ([{"status": 503, "message": "loading"}], 1, "loading"),
        ([{"raw": "<html>", "type": "text/html"}], 1, "--base-url usually ends in /v1"),
    ],
)
def test_trouble_that_does_not_pass(
    annotate: Command, texts: Path, tmp_path: Path, script: list[dict[str, Any]], code: int, says: str
) -> None:
    out = tmp_path / "out.jsonl"
    with openai_server(tmp_path, script) as server:
        result = annotate("llm", "--texts", texts, "--out", out, "--base-url", server.url, *QUICK)
    assert result.code == code
    assert result.err.count("\n") == 1
    assert says in result.err
    assert read_annotations(out) == []
    assert aside(out) == []


@pytest.mark.slow
def test_a_text_that_the_endpoint_rejects_does_not_stop_the_others(
    annotate: Command, texts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    script = [{"if": "day 1 ", "status": 400, "message": "content filter"}, {"if": "day 9 ", "status": 500}]
    with openai_server(tmp_path, script) as server:
        line = ("--texts", texts, "--out", out, "--base-url", server.url, *QUICK, "--concurrency", 1)
        assert annotate("llm", *line).code == 0
    assert len(read_annotations(out)) == 28
    assert [(row["id"], row["error"].split(": ")[-1].split(" (")[0]) for row in aside(out)] == [
        ("1", "content filter"),
        ("9", "told to"),
    ]


def test_an_endpoint_that_dies_and_comes_back(annotate: Command, texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    line = ("--texts", texts, "--out", out, *QUICK, "--concurrency", 4, "--base-url")
    with openai_server(tmp_path, [{"if": "day 15 ", "die": True}, {"wait": 0.01}]) as server:
        port = int(server.url.rsplit(":", 1)[1].split("/")[0])
        result = annotate("llm", *line, server.url)
    done = len(read_annotations(out))
    assert result.code == 1
    assert result.err.count("\n") == 1
    assert f"{done} of 30 texts" in result.err
    assert "the same line goes on" in result.err
    assert 10 <= done < 30
    with openai_server(tmp_path, port=port) as server:
        assert annotate("llm", *line, server.url).code == 0
        times = asked(server)
    assert len({each.id for each in read_annotations(out)}) == len(read_annotations(out)) == 30
    assert times.total() <= 30 + 4  # what was in flight


@pytest.mark.slow
def test_an_endpoint_that_comes_back_in_time(texts: Path, tmp_path: Path) -> None:
    script = [{"if": "day 15 ", "die": True}]
    there = file_texts(texts)
    with ThreadPoolExecutor(1) as pool, Output(tmp_path / "out.jsonl") as output:
        with openai_server(tmp_path, script) as server:
            endpoint = EndpointSettings("m", server.url, max_retries=8, backoff_s=0.2)
            job = pool.submit(work, LlmAnnotator(endpoint, Usage()), there.texts, there.source, output)
            server.process.wait(timeout=20)
        sleep(0.3)
        port = int(server.url.rsplit(":", 1)[1].split("/")[0])
        with openai_server(tmp_path, port=port):
            assert job.result(timeout=20)["annotated"] == 30


def test_other_models_prompts_and_texts_are_refused(annotate: Command, texts: Path, tmp_path: Path) -> None:
    out, prompt = tmp_path / "out.jsonl", tmp_path / "prompt.txt"
    prompt.write_text("[sentence]?", encoding="utf-8")
    other = tmp_path / "other.txt"
    other.write_text("something else\n", encoding="utf-8")
    with openai_server(tmp_path) as server:
        line = ("--out", out, "--base-url", server.url)
        assert annotate("llm", "--texts", texts, *line, *QUICK, "--limit", 2).code == 0
        refused = [
            annotate("llm", "--texts", texts, *line, "--model", "n"),
            annotate("llm", "--texts", texts, *line, *QUICK, "--prompt-file", prompt),
            annotate("llm", "--texts", other, *line, *QUICK),
            annotate("lexicon", "--texts", texts, "--out", out),
        ]
        assert asked(server).total() == 2
        for result in refused:
            assert result.code == 2
            assert result.err.count("\n") == 1
            assert "out.jsonl" in result.err
        assert annotate("llm", "--texts", texts, *line, *QUICK).code == 0
        assert asked(server).total() == 30


def test_worked_examples_are_earlier_questions_and_answers(
    annotate: Command, texts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    with openai_server(tmp_path) as server:
        line = ("--texts", texts, "--out", out, "--base-url", server.url, *QUICK)
        assert annotate("llm", *line, "--few-shot", "--limit", 1).code == 0
        [request] = server.requests
        *shown, asked_last = request["messages"]
        assert asked_last == {"role": "user", "content": fill(PAPER_PROMPT, "day 1 was bad")}
        assert [message["role"] for message in shown] == ["user", "assistant"] * 3
        assert {message["content"] for message in shown[1::2]} == set(SENTIMENTS)
        refused = annotate("llm", *line)
        assert (refused.code, refused.err.count("\n")) == (2, 1)
        assert "examples" in refused.err


def test_nobody_there(annotate: Command, texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with openai_server(tmp_path) as server:
        pass
    result = annotate("llm", "--texts", texts, "--out", out, "--base-url", server.url, *QUICK)
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "no connection" in result.err
    assert "0 of 30 texts" in result.err


def test_a_sample_grows_with_its_limit(annotate: Command, texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    line = ("lexicon", "--texts", texts, "--out", out, "--shuffle", 7, "--limit")
    assert annotate(*line, 5).code == 0
    few = [each.id for each in read_annotations(out)]
    assert few != ["1", "2", "3", "4", "5"]
    assert annotate(*line, 30).code == 0
    every = [each.id for each in read_annotations(out)]
    assert every[:5] == few
    assert sorted(every, key=int) == [str(n) for n in range(1, 31)]
