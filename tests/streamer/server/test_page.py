"""The web page in a real browser, served by a real server."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import axe_playwright_python
import pytest
from playwright.async_api import expect
from ulid import ULID

from streamer.server.streams import Streams
from streamer.session.wiring import load_analyzer
from streamer.settings.settings import Settings
from streamer.turn_embedding.analyzer import Analyzer
from tests.streamer.server.browser import (
    DESKTOP,
    PATIENCE_MS,
    PHONE,
    Complaints,
    chromium,
    microphone,
    page_of,
)
from tests.streamer.server.made_up import MadeUp
from tests.streamer.server.serving import all_ended
from tests.streamer.sound import conversation

if TYPE_CHECKING:
    from playwright.async_api import Browser

pytestmark = pytest.mark.system

AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
TOKEN = "correct-horse-battery-staple"


def tell(streams: Streams, talk: MadeUp, turns: int) -> None:
    for _ in range(turns):
        for event in talk.turn():
            streams.watchers.tell(event)


async def test_the_microphone_becomes_a_stream_that_outlives_a_reload(
    settings: Settings, tmp_path: Path
) -> None:
    """With a real recogniser: words and emotions appear, and after a reload the same session goes on."""
    settings = settings.model_copy(update={"asr": "auto"})
    analyzer = load_analyzer(settings)
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
        await expect(panel.get_by_role("meter")).not_to_have_attribute("aria-valuenow", "0")
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
    async with page_of(analyzer, settings) as (address, streams), chromium() as browser:
        talks = [MadeUp(name, seed) for seed, name in enumerate(("kitchen", "call-17.agent", "over"))]
        for talk in talks:
            streams.watchers.tell(talk.started())
            tell(streams, talk, 45)
        streams.watchers.tell(talks[2].ended())
        speaking = talks[0].turn()
        for _ in range(2):
            streams.watchers.tell(next(speaking))
        for scheme in ("light", "dark"):
            for size in (PHONE, DESKTOP):
                context = await browser.new_context(
                    viewport=size, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce"
                )
                page = await context.new_page()
                complaints = Complaints(page, address)
                await page.goto(address)
                await page.locator(".body").first.wait_for(timeout=PATIENCE_MS)
                await page.locator(".speaking .tentative").first.wait_for()
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
        streams.watchers.tell(talk.started())
        panel = page.get_by_role("region", name="kitchen", exact=True)
        await panel.get_by_text("Listening for the first turn").wait_for()
        tell(streams, talk, 100)
        await panel.get_by_text("100 turns").wait_for()
        assert await panel.locator(".body").count() == 40, "as many as can be read, however many there are"
        assert await panel.locator(".revision").count() > 0
        timeline = panel.get_by_role("img", name="Timeline")
        assert "100 turns" in (await timeline.get_attribute("aria-label") or "")
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
        streams.watchers.tell(talk.started())
        tell(streams, talk, 3)
        page = await browser.new_page(viewport=PHONE)
        page.set_default_timeout(PATIENCE_MS)
        await page.goto(address)
        refused = page.get_by_text("The server refused that token")
        for wrong in ("not-the-right-token", "Bearer abc", "a/b=", "ü", "   ", "long" * 10_000):
            await page.get_by_label("Token", exact=True).fill(wrong)
            await page.get_by_role("button", name="Connect").click()
            await refused.wait_for()
            await page.reload()
            await refused.wait_for()
        await page.get_by_label("Token", exact=True).fill(TOKEN)
        await page.get_by_role("button", name="Connect").click()
        await page.locator(".body").first.wait_for()
        assert await page.locator(".body .words").first.inner_text() == "(words withheld)"
        await page.reload()
        await page.locator(".body").first.wait_for()
        assert TOKEN not in page.url


async def test_it_stays_smooth_with_eight_streams_of_two_thousand_turns(
    analyzer: Analyzer, settings: Settings, tmp_path: Path
) -> None:
    """Opened on all that came before, then fed much faster than people talk.

    What counts is how long the page's main thread computes, against the same page with as many turns as it
    shows at once, in the same browser: how long it takes by itself would say as much of the machine.
    """
    async with chromium() as browser:
        short, long = [
            await main_thread_ms(browser, turns, analyzer, settings, tmp_path) for turns in (40, 2_000)
        ]
    figures = [f"{max(tasks):.0f} ms at a stretch, {sum(tasks):.0f} in all" for tasks in (short, long)]
    print(*figures, sep="\n")
    assert max(long) < 2 * max(short), figures
    assert sum(long) < 2 * sum(short), figures


async def main_thread_ms(
    browser: "Browser", turns: int, analyzer: Analyzer, settings: Settings, folder: Path
) -> list[float]:
    """How long each task of the page's main thread keeps a core busy, in milliseconds.

    Args:
        browser: opens the page.
        turns: of each of eight streams, that were there before; ten more come while it is looked at.
        analyzer: of the server.
        settings: of the server.
        folder: for the browser's trace.
    """
    async with page_of(analyzer, settings, kept_turns=2_000) as (address, streams):
        talk, sessions = MadeUp("stream-0"), [str(ULID()) for _ in range(8)]

        async def go_on(turns: int, pause_s: float) -> None:
            for _ in range(turns):
                for event in talk.turn():
                    for number, session in enumerate(sessions):
                        said = {"stream": f"stream-{number}", "session": session}
                        streams.watchers.tell(event.model_copy(update=said))
                        await asyncio.sleep(pause_s)

        for number, session in enumerate(sessions):
            started = {"stream": f"stream-{number}", "session": session}
            streams.watchers.tell(talk.started().model_copy(update=started))
        await go_on(turns, 0)
        page = await browser.new_page(viewport=DESKTOP)
        page.set_default_timeout(PATIENCE_MS)
        complaints = Complaints(page, address)
        await page.goto(address)
        await page.get_by_text(f"{turns} turns").nth(7).wait_for()
        await page.get_by_role("radio", name="all").check()
        trace = folder / f"trace-{turns}.json"
        await browser.start_tracing(
            page=page, path=trace, categories=["disabled-by-default-devtools.timeline"]
        )
        await go_on(10, 0.01)
        await browser.stop_tracing()
        await page.get_by_text(f"{turns + 10} turns").nth(7).wait_for()
        assert await page.evaluate("document.querySelectorAll('*').length") < 8_000
        assert complaints == []
        await page.close()
    events = json.loads(trace.read_text())["traceEvents"]
    names = [event for event in events if event["name"] == "thread_name"]
    threads = {(e["pid"], e["tid"]) for e in names if e["args"]["name"] == "CrRendererMain"}
    tasks = [e for e in events if e["name"] == "RunTask" and (e["pid"], e["tid"]) in threads]
    return [event["tdur"] / 1e3 for event in tasks if "tdur" in event]
