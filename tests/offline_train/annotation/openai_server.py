"""An OpenAI-compatible chat endpoint in a process of its own, which answers as well or as badly as told.

A script is a list of rules, tried in order. A rule may have "if" (part of the prompt; all prompts without it)
and "times" (how often it applies to each prompt; always without it), and does one of: "say" (an answer),
"status" (with "headers" and "message"), "drop" (the connection, in the midst of the answer), "die" (the
process), "raw" (a body that is no chat completion, with "type"); "wait" seconds come before any of it. Where
no rule applies, the answer is right: positive for "good", negative for "bad", else neutral.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Server:
    """A running endpoint.

    Attributes:
        url: for --base-url.
        log: JSON Lines, an object a request: prompt, key, model, temperature, at (seconds).
        process: it runs in.
    """

    url: str
    log: Path
    process: "subprocess.Popen[str]"

    @property
    def requests(self) -> list[dict[str, Any]]:
        """What was asked so far."""
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        return [json.loads(line) for line in lines]

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def openai_server(
    folder: Path, script: Sequence[dict[str, Any]] = (), *, port: int = 0, key: str | None = None
) -> Iterator[Server]:
    """Run one on loopback; its log in `folder` is appended to."""
    log = folder / "requests.jsonl"
    command = [sys.executable, __file__, str(log), "--port", str(port), "--script", json.dumps(list(script))]
    command += ["--key", key] if key else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        server = Server(f"http://127.0.0.1:{process.stdout.readline().strip()}/v1", log, process)
        try:
            yield server
        finally:
            server.kill()


class _Endpoint(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, log: Path, script: list[dict[str, Any]], key: str | None) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.log, self.script, self.key = log, script, key
        self.used: Counter[tuple[int, str]] = Counter()
        self.lock = threading.Lock()

    def rule(self, prompt: str) -> dict[str, Any]:
        for number, rule in enumerate(self.script):
            if rule.get("if", "") in prompt and self.used[number, prompt] < rule.get("times", 1 << 30):
                self.used[number, prompt] += 1
                return rule
        return {}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Endpoint

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v1/chat/completions":
            return self._error(404, f"no such path: {self.path}")
        *_, message = body["messages"]
        prompt = message["content"]
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        row = {"prompt": prompt, "key": key, "at": time.monotonic(), **body}
        with self.server.lock:
            with self.server.log.open("a", encoding="utf-8") as log:
                log.write(json.dumps(row) + "\n")
            rule = self.server.rule(prompt)
        if self.server.key and key != self.server.key:
            return self._error(401, f"Incorrect API key provided: {key}.")
        time.sleep(rule.get("wait", 0.0))
        if rule.get("die"):
            os._exit(1)
        if "status" in rule:
            return self._error(rule["status"], rule.get("message", "told to"), rule.get("headers", {}))
        if "raw" in rule:
            return self._reply(200, rule["raw"].encode(), {"Content-Type": rule["type"]})
        right = "positive" if "good" in prompt else "negative" if "bad" in prompt else "neutral"
        answer = {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": rule.get("say", right)},
                }
            ],
            "usage": {"prompt_tokens": 40, "completion_tokens": 2, "total_tokens": 42},
        }
        return self._reply(200, json.dumps(answer).encode(), {}, whole="drop" not in rule)

    def _error(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        body = {"error": {"message": message, "type": "error", "code": None}}
        self._reply(status, json.dumps(body).encode(), headers or {})

    def _reply(self, status: int, body: bytes, headers: dict[str, str], *, whole: bool = True) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if whole else body[: len(body) // 2])
        self.close_connection |= not whole


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("log", type=Path)
    parser.add_argument("--port", type=int)
    parser.add_argument("--script", type=json.loads)
    parser.add_argument("--key")
    given = parser.parse_args()
    endpoint = _Endpoint(given.port, given.log, given.script, given.key)
    print(endpoint.server_address[1], flush=True)
    endpoint.serve_forever()


if __name__ == "__main__":
    _main()
