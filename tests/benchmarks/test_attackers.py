"""Attackers reach a server, and it shows where they don't."""

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks.attackers import Done, idle
from streamer.session.wiring import load_analyzer
from streamer.settings.settings import Settings
from tests.docs.guide import ROOT
from tests.streamer.server.raw import place
from tests.streamer.server.serving import all_ended, serving
from tests.tiny import make_bundle


@pytest.mark.system
async def test_they_are_heard(tmp_path: Path) -> None:
    settings = Settings(bundle=str(make_bundle(tmp_path / "bundle")), asr="none")
    async with serving(load_analyzer(settings), settings, max_linger_s=0) as (
        url,
        streams,
    ):
        command = [sys.executable, "-m", "benchmarks.attackers", "headers,lingering,asking"]
        attackers = await asyncio.create_subprocess_exec(
            *command, ":".join(map(str, place(url))), "4", stdout=asyncio.subprocess.PIPE, cwd=ROOT
        )
        printed, _ = await attackers.communicate()
        await all_ended(streams)
    assert not idle(json.loads(printed))


def test_one_that_is_not_heard_is_named() -> None:
    done = {"headers": Done(20, 60, 0), "pings": Done(10, 50_000, 0), "gaps": Done(), "tiny": Done(1, 1, 1)}
    assert idle({kind: asdict(did) for kind, did in done.items()}) == ["headers", "gaps"]
