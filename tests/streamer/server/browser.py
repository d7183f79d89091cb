"""Chromium, driven by playwright, with a recording as its microphone."""

import shutil
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from streamer.server.streams import Streams
from streamer.settings.settings import Settings
from streamer.turn_embedding.analyzer import Analyzer
from tests.streamer.server.serving import serving

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page, ViewportSize

PHONE: "ViewportSize" = {"width": 390, "height": 844}
DESKTOP: "ViewportSize" = {"width": 1280, "height": 800}
PATIENCE_MS = 120_000


@asynccontextmanager
async def page_of(
    analyzer: Analyzer, settings: Settings, **limits: Any
) -> AsyncIterator[tuple[str, Streams]]:
    """A server; yields what to open."""
    async with serving(analyzer, settings, **limits) as (url, streams):
        yield url.replace("ws", "http", 1).removesuffix("v1/streams/"), streams


@asynccontextmanager
async def chromium(*flags: str) -> "AsyncIterator[Browser]":
    """A headless browser; the test is skipped where it, or what drives it, is missing."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("chromium is not installed")
    playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(
            executable_path=program, chromium_sandbox=False, args=list(flags), timeout=120_000
        )
        try:
            yield browser
        finally:
            await browser.close()


def microphone(folder: Path, sound: NDArray[np.int16]) -> tuple[str, ...]:
    """The flags that make int16 [n] at 16 kHz what the microphone hears, once."""
    path = folder / "microphone.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(sound.tobytes())
    return (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={path}%noloop",
    )


class Complaints(list[str]):
    """What the browser had to say against a page: console errors and warnings, exceptions, failed requests.

    Args:
        page: is listened to from now on.
        server: all that it may ask.
    """

    def __init__(self, page: "Page", server: str) -> None:
        super().__init__()
        page.on("console", lambda m: self.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith(server) else self.append(f"asked {r.url}"))
        page.on("requestfailed", lambda request: self.append(f"failed {request.url}"))
