"""The web page beside long conversations: troubles that stay, sessions that end, speakers who overlap."""

import pytest
from playwright.async_api import Page, expect

from streamer import events
from streamer.outputs.palette import looks
from streamer.settings.settings import Settings
from streamer.turn_embedding.analyzer import Analyzer
from tests.streamer.server.browser import DESKTOP, PATIENCE_MS, Complaints, chromium, page_of
from tests.streamer.server.made_up import MadeUp

pytestmark = pytest.mark.system

FAILED = "recogniser failed: faster-whisper:tiny.en takes over"


async def test_troubles_stay_until_they_are_over(analyzer: Analyzer, settings: Settings) -> None:
    async with page_of(analyzer, settings) as (address, streams), chromium() as browser:
        page = await browser.new_page(viewport=DESKTOP)
        page.set_default_timeout(PATIENCE_MS)
        complaints = Complaints(page, address)
        talk = MadeUp("kitchen")

        async def become(*troubles: str) -> None:
            await expect(page.locator(".troubles .trouble")).to_have_text(troubles, timeout=PATIENCE_MS)

        def health(status: str, message: str) -> events.Health:
            return talk.tell(events.Health, status=status, message=message, queues={})

        lost = talk.tell(events.AudioDeviceLost, device="USB mic", reason="unplugged")
        back = talk.tell(events.AudioDeviceBack, device="USB mic", lost_s=2.0)
        gap = talk.tell(events.AudioGap, start_s=3.0, length_s=2.0, reason="the client was away")
        away, missed = "USB mic does not answer: unplugged", "2.0 s of sound lost: the client was away"
        streams.watchers.tell(talk.started())
        await page.goto(address)
        streams.watchers.tell(health("degraded", FAILED))
        streams.watchers.tell(gap)
        await become(FAILED, missed)
        for event in talk.turn():
            streams.watchers.tell(event)
        await become(FAILED)
        streams.watchers.tell(lost)
        await become(away, FAILED)
        streams.watchers.tell(back)
        await become(FAILED)
        streams.watchers.tell(lost)
        streams.watchers.tell(health("ok", "the recogniser is back"))
        await become(away)
        streams.watchers.tell(gap)
        streams.watchers.tell(talk.ended())
        await become()
        assert complaints == []


async def test_what_ended_long_ago_is_forgotten(analyzer: Analyzer, settings: Settings) -> None:
    async with page_of(analyzer, settings) as (address, streams), chromium() as browser:
        page = await browser.new_page(viewport=DESKTOP)
        page.set_default_timeout(PATIENCE_MS)
        first, running = MadeUp("first"), MadeUp("running")
        for talk in (first, running):
            streams.watchers.tell(talk.started())
        await page.goto(address)
        await page.get_by_role("region", name="running", exact=True).wait_for()
        for number in range(12):
            talk = MadeUp(f"call-{number}")
            streams.watchers.tell(talk.started())
            streams.watchers.tell(talk.ended())
        streams.watchers.tell(first.ended())
        last = MadeUp("last")
        streams.watchers.tell(last.started())
        await page.get_by_role("region", name="last", exact=True).wait_for()
        panels = page.locator("[data-stream]")
        shown = await panels.evaluate_all("all => all.map((each) => each.dataset.stream)")
        assert shown == ["running", "last", *(f"call-{number}" for number in range(5, 12)), "first"]


async def test_the_timeline_shows_speakers_who_overlap(analyzer: Analyzer, settings: Settings) -> None:
    """Anna goes on from 0 to 100 s (joy); Ben says something at 10 and at 20 s (anger)."""
    async with page_of(analyzer, settings) as (address, streams), chromium() as browser:
        talk = MadeUp("call")
        streams.watchers.tell(talk.started())
        streams.watchers.tell(talk.final(1, "Anna", 0, 100, {"joy": 1.0}, "Listen."))
        for turn in (2, 3):
            start_s = 10.0 * (turn - 1)
            streams.watchers.tell(
                talk.final(turn, "Ben", start_s, start_s + 2, {"anger": 1.0}, "Never mind.")
            )
        page = await browser.new_page(viewport=DESKTOP, color_scheme="light")
        page.set_default_timeout(PATIENCE_MS)
        await page.goto(address)
        await page.get_by_text("1:40").first.wait_for()  # not 0:22, where the newest turn ends
        palette = looks(["joy", "anger"])
        joy, anger = (palette[label].on_light.lower() for label in ("joy", "anger"))
        await page.evaluate(LOOK_AT_TIMELINE)
        await page.wait_for_function("joy => bandAt(1) === joy", arg=joy)
        band = [await page.evaluate("t => bandAt(t)", t) for t in (11, 16, 21, 60, 99)]
        assert band == [anger, joy, anger, joy, joy], "who interrupts is seen, and who goes on"
        # By time, the line leads from Ben at 21 s to Anna at 50 s; by number, from Anna to Ben at 11 s.
        assert await ink(page, 30, -0.8 + 1.7 * 9 / 29)
        assert not await ink(page, 30, 0.9 - 1.7 * 20 / 39), "the line never leads back in time"


async def test_the_circumplex_follows_the_turns(analyzer: Analyzer, settings: Settings) -> None:
    async with page_of(analyzer, settings) as (address, streams), chromium() as browser:
        page = await browser.new_page(viewport=DESKTOP)
        page.set_default_timeout(PATIENCE_MS)
        complaints = Complaints(page, address)
        talk = MadeUp("call")
        streams.watchers.tell(talk.started())
        await page.goto(address)
        plot = page.get_by_role("img", name="Mood")
        await expect(plot).to_have_attribute("aria-label", "Mood: no turns yet")
        for turn, emotion in enumerate(("sadness", "neutral", "anger"), start=1):
            streams.watchers.tell(talk.final(turn, "Anna", 9 * turn, 9 * turn + 3, {emotion: 1.0}, "Oh."))
        told = "Mood: tense now, valence −0.8, arousal +0.6; low 2 turns before"
        await expect(plot).to_have_attribute("aria-label", told)
        await expect(plot.locator(".corner.current")).to_have_text("tense")
        places = await plot.locator(".said").evaluate_all(
            "all => all.map((each) => [each.cx, each.cy].map((one) => one.baseVal.value))"
        )
        assert [[round(x), round(y)] for x, y in places] == [[-70, 30], [0, 0], [-80, -60]]
        await expect(page.locator(".figures")).to_contain_text("tense")
        await expect(page.locator(".body .head .quiet").last).to_have_text("100 % · −0.8 · tense")
        assert complaints == []


async def test_turns_of_before_arousal_have_no_mood(analyzer: Analyzer, settings: Settings) -> None:
    async with page_of(analyzer, settings) as (address, streams), chromium() as browser:
        page = await browser.new_page(viewport=DESKTOP)
        page.set_default_timeout(PATIENCE_MS)
        complaints = Complaints(page, address)
        talk = MadeUp("call")
        streams.watchers.tell(talk.started())
        final = talk.final(1, "Anna", 0, 3, {"joy": 1.0}, "Oh.")
        streams.watchers.tell(final.model_copy(update={"arousal": None}))
        await page.goto(address)
        await expect(page.locator(".body .head .quiet")).to_have_text("100 % · +0.9")
        await expect(page.locator(".figures span")).to_have_text(["100 %", "valence +0.9"])
        assert await page.get_by_role("img", name="Mood").count() == 0
        assert complaints == []


async def ink(page: Page, time_s: float, valence: float) -> bool:
    """Whether the line of valence goes through there."""
    return bool(await page.evaluate("([t, v]) => inkAt(t, v)", [time_s, valence]))


LOOK_AT_TIMELINE = """() => {
  const over = document.querySelector(".u-over");
  const canvas = document.querySelector(".timeline canvas");
  const x = (seconds) => over.offsetLeft + (over.offsetWidth * seconds) / 100;
  const pixels = (x, y, size) => canvas.getContext("2d").getImageData(x, y, size, size).data;
  window.bandAt = (seconds) => {
    const [r, g, b] = pixels(x(seconds), over.offsetTop + over.offsetHeight + 6, 1);
    return "#" + [r, g, b].map((each) => each.toString(16).padStart(2, "0")).join("");
  };
  window.inkAt = (seconds, valence) => {
    const y = over.offsetTop + (over.offsetHeight * (1.05 - valence)) / 2.1;
    const seen = pixels(Math.round(x(seconds)) - 2, Math.round(y) - 2, 5);
    return seen.some((value, i) => i % 4 === 3 && value > 128 && seen[i - 3] < 120);
  };
}"""
