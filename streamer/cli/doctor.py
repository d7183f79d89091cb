"""`merits doctor`: which parts work on this machine, and how to repair those that do not."""

import asyncio
import logging
import platform
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.markup import escape

from streamer import logs
from streamer.errors import InputError, RunError
from streamer.printable import printable
from streamer.settings.settings import Settings
from streamer.version import VERSION


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of checking one part.

    Attributes:
        part: name of the part.
        works: whether the part works.
        detail: a description of the part, or the fault and how to repair it.
    """

    part: str
    works: bool
    detail: str


async def examine(settings: Settings) -> int:
    """Check every part, and print the results.

    Returns:
        The exit code: 0, or 1 if recordings cannot be analyzed or the given broker does not answer.
    """
    console = Console()
    console.print(f"merits {VERSION}, Python {platform.python_version()}, {platform.platform(terse=True)}")
    findings = [
        await _try("models", lambda: asyncio.to_thread(_models, settings)),
        await _try("recogniser", lambda: asyncio.to_thread(_recogniser, settings)),
        await _try("microphone", lambda: asyncio.to_thread(_microphone)),
    ]
    if settings.mqtt is not None:
        findings.append(await _try("broker", lambda: _broker(settings)))
    for finding in findings:
        sign = "[green]works[/]" if finding.works else "[bold red]fails[/]"
        console.print(
            f"{finding.part:<11} {sign}  {escape(printable(logs.redact(finding.detail)))}",
            highlight=False,
            soft_wrap=True,
        )
    needed = [finding for finding in findings if finding.part != "microphone"]
    return 0 if all(finding.works for finding in needed) else 1


async def _try(part: str, check: Callable[[], Awaitable[str]]) -> Finding:
    try:
        return Finding(part, works=True, detail=await check())
    except (InputError, RunError) as error:
        return Finding(part, works=False, detail=str(error))


def _models(settings: Settings) -> str:
    from streamer.session.wiring import load_models

    began = perf_counter()
    bundle = load_models(settings)
    took = perf_counter() - began
    by = "by the words alone" if bundle.words_only else "by words and voice"
    return f"{bundle.name}: {', '.join(bundle.labels)}, {by} (hashes match, loaded in {took:.1f} s)"


def _recogniser(settings: Settings) -> str:
    from streamer.transcribers.base import ClosingTranscriber
    from streamer.transcribers.choose import load_transcriber
    from streamer.transcribers.speed import real_time_factor
    from streamer.transcribers.whisper import Whisper

    with _warnings() as notes:
        recogniser = load_transcriber(settings.asr, settings.language, translate=settings.translate)
        facts = [f"{real_time_factor(recogniser):.2f} s for a second of speech"]
        if isinstance(recogniser, Whisper):
            facts = [*_whisper_facts(recogniser.name, recogniser.folder), *facts]
        finding = "; ".join([f"{recogniser.name} ({', '.join(facts)})", *notes])
        if isinstance(recogniser, ClosingTranscriber):  # otherwise it keeps trying to reach its server
            recogniser.close()
    return finding


def _whisper_facts(name: str, folder: Path) -> list[str]:
    from streamer.cli.models import megabytes, whisper_model

    model = whisper_model(name, folder)
    hashed = "hash matches" if model.pinned else f"SHA-256 {model.sha256[:12]}"
    return [megabytes(model.bytes), *filter(None, [model.licence]), hashed]


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Collects warnings instead of logging them, at any log level: they become part of the finding."""
    log, taken = logging.getLogger("merits"), list[str]()

    def take(record: logging.LogRecord) -> bool:
        taken.append(record.getMessage())
        return False

    level = log.level
    log.setLevel(logging.WARNING)
    log.addFilter(take)
    try:
        yield taken
    finally:
        log.removeFilter(take)
        log.setLevel(level)


def _microphone() -> str:
    from streamer.audio.devices import list_microphones

    found = list_microphones()
    if not found:
        raise InputError("none found; plug one in, or check that this user may record (group audio on Linux)")
    default = next((microphone for microphone in found if microphone.is_default), found[0])
    return f"{len(found)} found, default: {default.name}"


async def _broker(settings: Settings) -> str:
    from streamer.outputs.mqtt.address import BrokerAddress
    from streamer.outputs.mqtt.client import probe

    address = BrokerAddress.of(settings.mqtt or "", settings.broker)
    await probe(address)
    return f"{address} answers"
