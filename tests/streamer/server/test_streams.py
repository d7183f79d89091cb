"""Streams over real sockets: what is told is what `merits analyze` tells, whatever others do."""

import asyncio
import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from websockets.asyncio.client import connect

from streamer.audio.file import FileSource
from streamer.events import parse_event
from streamer.session.pipeline import Pipeline
from streamer.settings.settings import Settings
from streamer.turn_embedding.analyzer import Analyzer
from tests.streamer.server.serving import all_ended, events_of, read, send, serving, start, stream, until
from tests.streamer.session.test_pipeline import Collect
from tests.streamer.sound import CONVERSATION, conversation

START_OF_IT = conversation()[:160_000].tobytes()
SAME = ("turn", "start_s", "end_s", "text", "emotion", "probabilities", "revision", "modalities")


def encoded(codec: str, container: str, path: Path) -> bytes:
    """The beginning of the conversation, as some program would send it."""
    with av.open(str(path), "w", format=container) as file:
        out: Any = file.add_stream(codec, rate=48_000 if codec == "libopus" else 16_000)
        frame = av.AudioFrame.from_ndarray(conversation()[None, :160_000], format="s16", layout="mono")
        frame.sample_rate = 16_000
        resampler = av.AudioResampler(
            format=out.format, layout="mono", rate=out.rate, frame_size=out.codec_context.frame_size or None
        )
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(out.encode(piece))
        file.mux(out.encode(None))
    return path.read_bytes()


def judged(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: m[key] for key in SAME} for m in messages if m["type"] in ("turn.final", "turn.revised")]


@pytest.mark.slow
async def test_events_are_those_of_analyze(analyzer: Analyzer, settings: Settings, tmp_path: Path) -> None:
    collect = Collect()
    source = FileSource(CONVERSATION)
    await Pipeline(source, analyzer, [collect], settings, stream="kitchen").run()
    expected = [json.loads(event.model_dump_json()) for event in collect.events]
    async with serving(analyzer, settings, events=tmp_path) as (url, _):
        told = await stream(f"{url}kitchen", conversation().tobytes())
    assert told.close_code == 1000
    for message in told.messages:
        parse_event(json.dumps(message))
    assert judged(told.messages) == judged(expected)
    assert judged(expected)
    assert [message["seq"] for message in told.messages] == list(range(1, len(told.messages) + 1))
    assert told.messages[-1]["reason"] == "end of input"
    assert events_of(tmp_path, "kitchen") == told.messages


@pytest.mark.slow
@pytest.mark.parametrize(
    ("codec", "container"),
    [("libopus", "webm"), ("pcm_s16le", "wav"), ("flac", "flac"), ("libmp3lame", "mp3")],
)
async def test_containers_in_chunks(
    analyzer: Analyzer, settings: Settings, tmp_path: Path, codec: str, container: str
) -> None:
    sound = encoded(codec, container, tmp_path / "sound")
    async with serving(analyzer, settings) as (url, _):
        told, raw = await asyncio.gather(
            stream(f"{url}packed", sound, chunk=777, format="container"), stream(f"{url}raw", START_OF_IT)
        )
    assert told.messages[-1]["reason"] == "end of input"
    assert told.messages[-1]["audio_s"] == pytest.approx(10, abs=0.1)
    starts, expected = ([m["start_s"] for m in each.of("turn.final")] for each in (told, raw))
    assert starts == pytest.approx(expected, abs=0.1)
    assert expected


async def test_other_rates_and_channels(analyzer: Analyzer, settings: Settings) -> None:
    mono = conversation()[:160_000]
    stereo = np.stack([mono, np.zeros_like(mono)], axis=1)
    at_48k = np.repeat(stereo, 3, axis=0)
    async with serving(analyzer, settings) as (url, _):
        mixed, split = await asyncio.gather(
            stream(f"{url}mixed", at_48k.tobytes(), chunk=9_999, rate=48_000, channels=2),
            stream(f"{url}split", stereo.tobytes(), channels=2, split=True, speakers=["Anna", "Ben"]),
        )
    assert mixed.messages[-1]["audio_s"] == pytest.approx(10, abs=0.01)
    assert mixed.of("turn.final")
    assert {final["speaker"] for final in mixed.of("turn.final")} == {None}
    assert {final["speaker"] for final in split.of("turn.final")} == {"Anna"}
    assert split.messages[0]["channels"] == 2


@pytest.mark.slow
async def test_several_at_once_none_the_worse_for_the_others(
    analyzer: Analyzer, settings: Settings, tmp_path: Path
) -> None:
    """Beside five that do as they should: garbage, a client that vanishes, and one that breaks the rules."""

    async def vanish(url: str) -> None:
        websocket = await connect(url)
        await websocket.send(start())
        await send(websocket, START_OF_IT, end=False)
        await until(websocket, "turn.final")
        websocket.transport.abort()

    async with serving(analyzer, settings, events=tmp_path) as (url, streams):
        good, garbage, rude, _ = await asyncio.gather(
            asyncio.gather(*(stream(f"{url}good-{number}", START_OF_IT) for number in range(5))),
            stream(f"{url}garbage", bytes(range(256)) * 8_000, format="container"),
            stream(f"{url}rude", b"", rate=-1),
            vanish(f"{url}gone"),
        )
        await all_ended(streams)
    assert len({json.dumps(judged(told.messages)) for told in good}) == 1
    assert len({told.messages[0]["session"] for told in good}) == 5
    assert {told.close_code for told in good} == {1000}
    assert (garbage.error, garbage.close_code) == ("undecodable", 4415)
    assert garbage.messages[-2]["reason"].startswith("error: the stream")
    assert (rude.error, rude.close_code) == ("bad_message", 4400)
    assert "rate" in rude.messages[0]["message"]
    events = events_of(tmp_path, "gone")
    assert judged(events) == judged(good[0].messages)[: len(judged(events))]
    assert judged(events)
    assert events[-1]["type"] == "session.ended"
    assert "disconnected" in events[-1]["reason"]


async def test_what_was_heard_before_a_client_left_is_told(
    analyzer: Analyzer, settings: Settings, tmp_path: Path
) -> None:
    async with serving(analyzer, settings, events=tmp_path) as (url, streams):
        whole = await stream(f"{url}whole", START_OF_IT)
        async with connect(f"{url}closed") as websocket:
            await websocket.send(start())
            await send(websocket, START_OF_IT, end=False)
        await all_ended(streams)
    events = events_of(tmp_path, "closed")
    assert judged(events) == judged(whole.messages)
    assert events[-1]["reason"] == "end of input", "1000 is as good as an end message"


async def test_a_client_may_say_what_it_lost(analyzer: Analyzer, settings: Settings) -> None:
    async with serving(analyzer, settings) as (url, _), connect(f"{url}muted") as websocket:
        await websocket.send(start())
        await send(websocket, START_OF_IT[:100_001], end=False)
        await websocket.send(json.dumps({"type": "gap", "length_s": 2.5, "reason": "muted"}))
        await send(websocket, START_OF_IT[100_000:])
        told = await read(websocket)
    [gap] = told.of("audio.gap")
    assert (gap["start_s"], gap["length_s"], gap["reason"]) == (3.125, 2.5, "muted")
    assert told.messages[-1]["gap_s"] == 2.5


async def test_a_name_is_one_clients_until_it_ends_or_is_taken_over(
    analyzer: Analyzer, settings: Settings
) -> None:
    async with serving(analyzer, settings) as (url, _), connect(f"{url}desk") as first:
        await first.send(start())
        session = (await until(first, "session.started"))["session"]
        refused = await stream(f"{url}desk", START_OF_IT)
        assert (refused.error, refused.close_code) == ("name_taken", 4409)
        second = await stream(f"{url}desk", START_OF_IT, takeover=True)
        told = await read(first)
        assert told.messages[-2]["reason"] == "interrupted"
        assert (told.error, told.close_code) == ("taken_over", 4410)
        assert second.messages[0]["session"] != session
        assert second.messages[-1]["reason"] == "end of input"
        again = await stream(f"{url}desk", START_OF_IT)
        assert again.close_code == 1000
