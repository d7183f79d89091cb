"""The page in a real browser: headless Chromium, without a network."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from streamer.cli.app import app
from streamer.events import Event
from tests.streamer.outputs.samples import Sample
from tests.streamer.reports.sessions import strange, write
from tests.streamer.sound import CONVERSATION, truth

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.system, pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")]

DESKTOP, PHONE = (1280, 900), (390, 844)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        arguments = [*sandbox, "--autoplay-policy=no-user-gesture-required", "--mute-audio"]
        with playwright.chromium.launch(executable_path=CHROMIUM, args=arguments, timeout=120_000) as browser:
            yield browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample conversation as it really was, with its sound."""
    folder = tmp_path_factory.mktemp("report")
    sample = Sample("conversation")
    finals: list[Event] = [
        sample.final(
            number,
            turn["emotion"],
            0.8,
            speaker=turn["speaker"],
            start_s=turn["start_s"],
            end_s=turn["end_s"],
            text=turn["text"],
            valence={"joy": 0.8, "neutral": 0.0, "surprise": 0.1}.get(turn["emotion"], -0.7),
        )
        for number, turn in enumerate(truth(), start=1)
    ]
    events = write(folder / "events.jsonl", [sample.started(), *finals])
    page = folder / "conversation.html"
    export(events, "--out", page, "--audio", CONVERSATION)
    return page


def export(*arguments: object) -> None:
    app(["export", *map(str, arguments)], standalone_mode=False)


class Visit:
    """A page, and all it complained of or asked for."""

    def __init__(self, browser: Browser, path: Path, size: tuple[int, int], scheme: Any = "light") -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, offline=True
        )
        self.page: Page = context.new_page()
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())

    def sound(self, what: str) -> Any:
        return self.page.evaluate(f"document.getElementById('sound').{what}")

    def wait_until_past(self, start_s: float) -> None:
        """Wait until the sound plays from somewhere soon after `start_s`."""
        given_up = monotonic() + 30
        while not start_s <= self.sound("currentTime") < start_s + 8 or self.sound("paused"):
            assert monotonic() < given_up, self.sound("currentTime")
            self.page.wait_for_timeout(50)

    def close(self, *paths: Path) -> None:
        assert self.complaints == []
        assert set(self.requests) == {path.as_uri() for path in paths}
        self.page.context.close()


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_turn_plays_from_its_start(
    browser: Browser, report: Path, tmp_path: Path, size: tuple[int, int], scheme: str
) -> None:
    visit = Visit(browser, report, size, scheme)
    page = visit.page
    turn = truth()[4]
    page.get_by_role("button", name="Play turn 5,").click()
    visit.wait_until_past(turn["start_s"] + 0.2)
    assert page.locator("li[aria-current=true]").get_attribute("data-turn") == "5"
    assert page.get_by_role("button", name="Pause turn 5,").count() == 1
    page.get_by_role("button", name="Pause turn").click()
    assert visit.sound("paused")
    assert visit.sound("duration") == pytest.approx(52.86, abs=0.1)
    assert page.evaluate("document.documentElement.scrollWidth") == size[0]
    page.screenshot(path=tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 10_000
    visit.close(report)


def test_the_timeline_and_the_turning_points_play_too(browser: Browser, report: Path) -> None:
    visit = Visit(browser, report, DESKTOP)
    page = visit.page
    page.locator('#track .turn[data-turn="8"]').click()
    visit.wait_until_past(truth()[7]["start_s"])
    point = page.locator(".points .jump").first
    number = int(point.get_attribute("data-turn") or 0)
    page.evaluate("document.getElementById('sound').pause()")
    point.focus()
    page.keyboard.press("Enter")
    visit.wait_until_past(truth()[number - 1]["start_s"])
    assert page.locator("#playhead.on").count() == 1
    visit.close(report)


def test_turns_are_found_and_the_timeline_zoomed(browser: Browser, report: Path) -> None:
    visit = Visit(browser, report, PHONE)
    page = visit.page
    page.get_by_label("Find").fill("coffee")
    shown = page.locator(".turns li:visible")
    assert {int(row.get_attribute("data-turn") or 0) for row in shown.all()} == {
        number for number, turn in enumerate(truth(), start=1) if "coffee" in turn["text"].lower()
    }
    page.get_by_label("Find").fill("")
    before = page.evaluate("document.getElementById('track').clientWidth")
    page.get_by_label("Zoom").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("document.getElementById('track').clientWidth") == pytest.approx(2 * before, abs=2)
    visit.close(report)


@pytest.mark.parametrize("link", [False, True])
def test_strange_words_do_nothing_and_sound_may_be_linked(
    browser: Browser, tmp_path: Path, link: bool
) -> None:
    events = write(tmp_path / "strange.jsonl", strange())
    path = tmp_path / "strange.html"
    shutil.copy(CONVERSATION, tmp_path / "a #1 call.flac")
    sound = ["--audio", tmp_path / "a #1 call.flac", "--link-audio"] if link else []
    export(events, "--out", path, *sound)
    visit = Visit(browser, path, PHONE)
    assert "gone" not in visit.page.title()
    assert visit.page.locator(".turns li").count() == 8
    visit.page.locator('#track .turn[data-turn="2"]').click()
    assert visit.page.locator("li[aria-current=true]").get_attribute("data-turn") == "2"
    if link:
        visit.wait_until_past(3.0)
    visit.close(path, *([tmp_path / "a #1 call.flac"] if link else []))
