"""The example flow in a real Node-RED: what its page is given, and what it shows."""

import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from streamer.events import Session
from tests.mosquitto import Mosquitto
from tests.replaying import MERITS, Replay
from tests.streamer.outputs.samples import Sample

pytestmark = pytest.mark.system

VERSION = "4.1.15"
REPOSITORY = Path(__file__).parents[2]
FLOWS = REPOSITORY / "examples" / "node-red" / "flows.json"
ODD = "living/room+#1"
LEVEL = "living-room--1"


class NodeRed:
    """Node-RED with the example flow.

    Attributes:
        url: of its page.
    """

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        node = shutil.which("node")
        if node is None:
            pytest.skip("there is no Node.js")
        installed = Path(os.environ.get("MERITS_NODE_RED", REPOSITORY / ".node-red"))
        program = installed / "node_modules" / "node-red" / "red.js"
        if not program.exists():
            pytest.skip(f"Node-RED {VERSION} is not installed (tests/home_assistant/install)")
        flows = json.loads(FLOWS.read_text())
        for one in flows:
            if one["type"] == "mqtt-broker":
                one["port"] = str(broker.port)
        (folder / "flows.json").write_text(json.dumps(flows))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/merits"
        settings = {
            "uiHost": "127.0.0.1",
            "flowFile": "flows.json",
            "telemetry": {"enabled": False, "updateNotification": False},
        }
        (folder / "settings.js").write_text(f"module.exports = {json.dumps(settings)};")
        self._said = (folder / "said").open("wb")
        command = [node, str(program), "--userDir", str(folder), "--port", str(port)]
        self._process = subprocess.Popen(command, stdout=self._said, stderr=subprocess.STDOUT)
        self._log = folder / "said"

    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def remembered(self) -> tuple[dict[str, bool], list[str]]:
        """Who is online, and the words of the turns that are remembered."""
        with urllib.request.urlopen(f"{self.url}/turns", timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
        return found["online"], [turn["text"] for turn in found["turns"]]

    def becomes(self, online: dict[str, bool], turns: list[str]) -> None:
        self.until(lambda: self.remembered() == (online, turns))

    def until(self, done: Callable[[], bool], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                if done():
                    return
            except urllib.error.URLError:
                pass
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.1)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._said.close()


@pytest.fixture
def node_red(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[NodeRed]:
    folder = tmp_path / "node-red"
    folder.mkdir()
    running = NodeRed(folder, mosquitto)
    try:
        running.until(lambda: "Connected to broker" in running.log())
        yield running
    finally:
        running.close()


@pytest.mark.timeout(300)
def test_a_stream_of_any_name_is_there_once_until_it_is_removed(
    node_red: NodeRed, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    def replay() -> Replay:
        return Replay(mosquitto.url, tmp_path / "outbox.sqlite")

    def remove(name: str) -> None:
        subprocess.run([MERITS, "mqtt", "remove", name, "--mqtt", mosquitto.url], check=True, timeout=60)

    odd, plain = Sample(ODD), Sample("kitchen")
    odd.session, plain.session = Session(ODD), Session("kitchen")
    with replay() as first, replay() as second:
        first.tell(odd.started(), odd.final(1, text="one"), odd.final(2, text="two"))
        second.tell(plain.started(), plain.final(1, text="three"))
        node_red.until(lambda: len(node_red.remembered()[1]) == 3)
        node_red.until(lambda: node_red.remembered()[0] == {LEVEL: True, "kitchen": True})
        shows(node_red, [["kitchen", "online", ["three"]], [ODD, "online", ["two", "one"]]])
        first.end()
        node_red.until(lambda: node_red.remembered()[0] == {LEVEL: False, "kitchen": True})
        remove(ODD)
        node_red.becomes({"kitchen": True}, ["three"])
        shows(node_red, [["kitchen", "online", ["three"]]])

        # Without a broker nobody is known to be online; back, it knows who is.
        mosquitto.stop()
        node_red.becomes({"kitchen": False}, ["three"])
        mosquitto.start()
        node_red.until(lambda: node_red.remembered()[0] == {"kitchen": True})
        second.tell(plain.final(2, text="four"))
        node_red.becomes({"kitchen": True}, ["three", "four"])
        second.end()
    remove("kitchen")
    node_red.becomes({}, [])
    shows(node_red, [])
    assert re.findall(r"\[(?:error|warn)\] \[.*", node_red.log()) == []  # of a node


def shows(node_red: NodeRed, expected: list[list[Any]]) -> None:
    """Have a browser show the page: its streams, each with its name, whether it is online, and its words."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page()
        with page.expect_response("**/merits/turns"):
            page.goto(node_red.url)
        sections = """() => [...document.querySelectorAll("section")].map(one => [
            one.querySelector("h2").firstChild.textContent.trim(),
            one.querySelector("small").textContent,
            [...one.querySelectorAll("li")].map(item => item.lastChild.textContent),
        ])"""
        node_red.until(lambda: bool(page.evaluate(sections) == expected))
        browser.close()
