"""The web page in a real browser, served by a real server."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from streamer.analyzer import Analyzer
from streamer.config import Settings
from streamer.server.streams import Streams
from streamer.sessions import load_analyzer
from tests.streamer.server.browser import DESKTOP, PHONE, Complaints, chromium, microphone
from tests.streamer.server.made_up import MadeUp
from tests.streamer.server.serving import all_ended, serving
from tests.streamer.sound import conversation

if TYPE_CHECKING:
    from playwright.async_api import Page

AXE = Path(__file__).parents[3] / "web" / "node_modules" / "axe-core" / "axe.min.js"
TOKEN = "correct-horse-battery-staple"
PATIENCE_MS = 120_000


@asynccontextmanager
async def page_of(
    analyzer: Analyzer, settings: Settings, **limits: Any
) -> AsyncIterator[tuple[str, Streams]]:
    """A server; yields what to open."""
    async with serving(analyzer, settings, **limits) as (url, streams):
        yield url.replace("ws", "http", 1).removesuffix("v1/streams/"), streams


def tell(streams: Streams, talk: MadeUp, turns: int) -> None:
    for _ in range(turns):
        for event in talk.turn():
            streams.onlookers.tell(event)


async def test_the_microphone_becomes_a_stream_that_outlives_a_reload(
    settings: Settings, tmp_path: Path
) -> None:
    """With a real recogniser: words and emotions appear, and after a reload the same session goes on."""
    settings = settings.model_copy(update={"asr": "pocketsphinx"})
    analyzer = load_analyzer(settings, lambda message: None)
    async with (
        page_of(analyzer, settings) as (address, streams),
        chromium(*microphone(tmp_path, conversation()[: 11 * 16_000])) as browser,
    ):
        page = await browser.new_page(viewport=DESKTOP)
        page.set_default_timeout(PATIENCE_MS)
        complaints = Complaints(page, address)
        await page.goto(address)
        await page.get_by_text("No one is streaming yet").wait_for()
        await page.get_by_label("Name of your stream").fill("desk")
        await page.get_by_role("button", name="Use my microphone").click()
        panel = page.get_by_role("region", name="desk", exact=True)
        turns = panel.locator(".body")
        said = await panel.locator(".body .words:not(.quiet)").first.inner_text()
        assert len(said) > 3
        assert await turns.first.locator(".emotion").inner_text()
        assert float(await panel.get_by_role("meter").get_attribute("aria-valuenow") or 0) > 0
        [stream] = streams
        session = stream.session

        await page.reload()
        assert await panel.locator(".body .words:not(.quiet)").first.inner_text() == said
        stop = page.get_by_role("button", name="Stop microphone")
        await stop.wait_for()
        assert [(each.name, each.session) for each in streams] == [("desk", session)]
        assert await page.get_by_label("Name of your stream").input_value() == "desk"
        await stop.click()
        await panel.get_by_text("ended").wait_for()
        await all_ended(streams)
        assert complaints == []


async def test_it_looks_and_reads_well(analyzer: Analyzer, settings: Settings, tmp_path: Path) -> None:
    """No finding of axe-core that is serious, in light and dark, on a phone and a desktop."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: npm ci in web/")
    async with page_of(analyzer, settings) as (address, streams), chromium() as browser:
        talks = [MadeUp(name, seed) for seed, name in enumerate(("kitchen", "call-17.agent", "over"))]
        for talk in talks:
            streams.onlookers.tell(talk.started())
            tell(streams, talk, 45)
        streams.onlookers.tell(talks[2].ended())
        speaking = talks[0].turn()
        for _ in range(2):
            streams.onlookers.tell(next(speaking))
        for scheme in ("light", "dark"):
            for size in (PHONE, DESKTOP):
                context = await browser.new_context(
                    viewport=size, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce"
                )
                page = await context.new_page()
                complaints = Complaints(page, address)
                await page.goto(address)
                await page.locator(".body").first.wait_for(timeout=PATIENCE_MS)
                picture = tmp_path / f"{scheme}-{size['width']}.png"
                assert len(await page.screenshot(path=picture)) > 10_000
                wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert wide <= 0, "nothing sticks out to the side"
                await page.add_script_tag(path=AXE)
                report = await page.evaluate("axe.run()")
                serious = [
                    f"{found['id']}: {found['nodes'][0]['html']}"
                    for found in report["violations"]
                    if found["impact"] in ("serious", "critical")
                ]
                assert serious == []
                assert complaints == []
                await context.close()


async def test_by_keyboard_and_as_it_happens(analyzer: Analyzer, settings: Settings) -> None:
    async with page_of(analyzer, settings) as (address, streams), chromium() as browser:
        page = await browser.new_page(viewport=DESKTOP, reduced_motion="reduce")
        page.set_default_timeout(PATIENCE_MS)
        complaints = Complaints(page, address)
        await page.goto(address)
        await page.get_by_text("No one is streaming yet").wait_for()
        talk = MadeUp("kitchen")
        streams.onlookers.tell(talk.started())
        panel = page.get_by_role("region", name="kitchen", exact=True)
        await panel.get_by_text("Listening for the first turn").wait_for()
        tell(streams, talk, 100)
        await panel.get_by_text("100 turns").wait_for()
        assert await panel.locator(".body").count() == 40, "as many as can be read, however many there are"
        assert await panel.locator(".revision").count() > 0
        assert "100 turns" in (await panel.get_by_role("img").get_attribute("aria-label") or "")
        await page.locator("[aria-live=polite]:not(:empty)").wait_for(state="attached")

        async def focused() -> str:
            return str(
                await page.evaluate("document.activeElement.textContent || document.activeElement.name")
            )

        await page.keyboard.press("Tab")
        assert await focused() == "Skip to the streams"
        seen = []
        for _ in range(8):
            await page.keyboard.press("Tab")
            seen.append(await focused())
            if seen[-1] == "60 earlier turns":
                break
        assert {"stream", "Use my microphone", "span", "60 earlier turns"} <= set(seen)
        await page.keyboard.press("Enter")
        await panel.get_by_text("20 earlier turns").wait_for()
        await panel.get_by_role("button", name="Newest").click()
        await panel.get_by_text("60 earlier turns").wait_for()
        assert complaints == []


async def test_the_token_is_asked_for_and_words_can_be_withheld(
    analyzer: Analyzer, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(TOKEN)
    silent = settings.model_copy(update={"text": False})
    limits = {"token_file": tmp_path / "token"}
    async with page_of(analyzer, silent, **limits) as (address, streams), chromium() as browser:
        talk = MadeUp("kitchen", words=False)
        streams.onlookers.tell(talk.started())
        tell(streams, talk, 3)
        page = await browser.new_page(viewport=PHONE)
        page.set_default_timeout(PATIENCE_MS)
        await page.goto(address)
        await page.get_by_label("Token", exact=True).fill("not-the-right-token")
        await page.get_by_role("button", name="Connect").click()
        await page.get_by_text("That is not it").wait_for()
        await page.get_by_label("Token", exact=True).fill(TOKEN)
        await page.get_by_role("button", name="Connect").click()
        await page.locator(".body").first.wait_for()
        assert await page.locator(".body .words").first.inner_text() == "(words withheld)"
        await page.reload()
        await page.locator(".body").first.wait_for()
        assert TOKEN not in page.url


async def test_eight_streams_of_two_thousand_turns_stay_smooth(
    analyzer: Analyzer, settings: Settings
) -> None:
    """Opened on all that came before, then fed as eight lively conversations feed it."""
    async with page_of(analyzer, settings, kept_turns=2_000) as (address, streams), chromium() as browser:
        talks = [MadeUp(f"stream-{number}", number) for number in range(8)]
        for talk in talks:
            streams.onlookers.tell(talk.started())
            tell(streams, talk, 2_000)
        page = await browser.new_page(viewport=DESKTOP)
        page.set_default_timeout(PATIENCE_MS)
        complaints = Complaints(page, address)
        await page.goto(address)
        await page.get_by_text("2000 turns").nth(7).wait_for()
        await page.get_by_role("radio", name="all").check()
        still = await frames_ms(page, asyncio.sleep(3))
        busy = await frames_ms(page, go_on(streams, talks, 10))
        await page.get_by_text("2010 turns").nth(7).wait_for()
        figures = json.dumps({"still": percentiles(still), "busy": percentiles(busy)})
        print(figures)
        assert percentiles(busy)["p50"] < 50, figures
        assert percentiles(busy)["p95"] < percentiles(still)["p95"] + 100, figures
        assert await page.evaluate("document.querySelectorAll('*').length") < 8_000
        assert complaints == []


async def go_on(streams: Streams, talks: list[MadeUp], turns: int) -> None:
    """All talk at once, much faster than people do."""
    for _ in range(turns):
        for talk in talks:
            for event in talk.turn():
                streams.onlookers.tell(event)
                await asyncio.sleep(0.01)


async def frames_ms(page: "Page", meanwhile: Awaitable[None]) -> list[float]:
    """How long each frame took, in milliseconds."""
    await page.evaluate(WATCH_FRAMES)
    await meanwhile
    frames: list[float] = await page.evaluate("stopWatching()")
    return frames


def percentiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {f"p{q}": round(ordered[len(ordered) * q // 100], 1) for q in (50, 95)} | {"most": max(ordered)}


WATCH_FRAMES = """() => {
  const frames = [];
  let before = performance.now();
  let watching = true;
  const frame = (now) => {
    frames.push(now - before);
    before = now;
    if (watching) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  window.stopWatching = () => { watching = false; return frames; };
}"""
