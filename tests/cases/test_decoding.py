"""Recordings that users reported and strangers sent: all of them in one run, told in a line each at most."""

import json
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from streamer.audio.decoding.decode import Decoder
from streamer.reports.embedding import embedded
from streamer.reports.sound import Sound
from tests.streamer.audio.containers import decoded, flac, later, mux
from tests.streamer.audio.recordings import write
from tests.tiny import make_bundle

SAMPLE = Path(__file__).parents[2] / "samples" / "conversation.flac"
MERITS = str(Path(sys.executable).with_name("merits"))


def talk(seconds: float, rate: int) -> NDArray[np.float32]:
    """The beginning of the sample, float32 [n]."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
    with av.open(str(SAMPLE)) as container:
        parts = [
            piece.to_ndarray()[0]
            for frame in container.decode(audio=0)
            for piece in resampler.resample(frame)
        ]
    return np.concatenate(parts)[: int(seconds * rate)]


@pytest.mark.system
def test_a_run_over_them_all(tmp_path: Path) -> None:
    """Reports 01, 02, 03, 08 and 09, hostile 12: exit code 0, and times as a player shows them."""
    sound = talk(7, 48_000)
    files = [
        mux(tmp_path / "late.mkv", sound, 48_000, "libopus", later(4.9), video_s=12),
        mux(tmp_path / "late.mp4", sound, 48_000, "aac", later(4.9), video_s=12),
        mux(tmp_path / "stale.opus", sound, 48_000, "libopus", tags={"DURATION": "00:00:52.868"}),
        mux(tmp_path / "odd.opus", sound, 48_000, "libopus", tags={"DURATION": "a:b:c"}),
        mux(tmp_path / "loss.webm", sound, 48_000, "libopus", lambda number, _: number % 25 != 12),
        mux(tmp_path / "1.ts", sound, 48_000, "mp2"),
    ]
    cut = mux(tmp_path / "cut.mka", sound, 48_000, "libopus").read_bytes()
    files.append(tmp_path / "cut.mka")
    files[-1].write_bytes(cut[: len(cut) * 9 // 10])
    files.append(tmp_path / "jump.ts")
    second = mux(tmp_path / "2.ts", sound, 48_000, "mp2", later(40_000))
    files[-1].write_bytes((tmp_path / "1.ts").read_bytes() + second.read_bytes())
    events = tmp_path / "events.jsonl"
    done = subprocess.run(
        [MERITS, "analyze", *map(str, files), "--asr", "none", "--bundle", str(make_bundle(tmp_path / "b"))]
        + ["--events", str(events)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = [line.removeprefix(f"merits: {tmp_path}/") for line in done.stderr.splitlines()]
    assert [line.split(":")[0].split(",")[0] for line in said] == [
        "loss.webm lacks 0.28 s of sound",
        "cut.mka is truncated",
        "jump.ts has a clock that jumps 1 time",
    ]
    told = [json.loads(line) for line in events.read_text().splitlines()]
    assert not [event for event in told if event["type"] == "audio.gap"]
    plain = starts(told, "1")
    assert plain[0] < 2
    for late in ("late.mkv", "late.mp4"):
        assert [start for name, start in starts_by_source(told) if name == late] == pytest.approx(
            [start + 4.9 for start in plain], abs=0.1
        )
    for same in ("stale", "odd", "loss"):
        assert starts(told, same) == pytest.approx(plain, abs=0.1)
    assert starts(told, "jump")[: len(plain)] == pytest.approx(plain, abs=0.1)
    assert max(starts(told, "jump")) < 14
    assert [event["reason"] for event in told if event["type"] == "session.ended"] == ["end of input"] * 8


def starts(events: list[dict[str, Any]], stream: str) -> list[float]:
    """When its turns begin, in seconds."""
    return [
        event["start_s"] for event in events if event["type"] == "turn.final" and event["stream"] == stream
    ]


def starts_by_source(events: list[dict[str, Any]]) -> list[tuple[str, float]]:
    """The source and the beginning of each turn."""
    sources = {event["session"]: event["source"] for event in events if event["type"] == "session.started"}
    return [
        (sources[event["session"]], event["start_s"]) for event in events if event["type"] == "turn.final"
    ]


@pytest.mark.slow
def test_adpcm_of_over_15_minutes(tmp_path: Path) -> None:
    """Report 05."""
    path = write(tmp_path / "long.wav", np.zeros(8_000 * 1_000, np.float32), 8_000, "adpcm_ima_wav")
    with Decoder(path, split_channels=False) as decoder:
        *_, last = decoder.items()
    assert last.start == pytest.approx(16_000 * 1_000, abs=16_000)
    assert decoder.damage_notes == []


def test_the_sound_of_a_report_has_the_times_of_its_events(tmp_path: Path, said: list[str]) -> None:
    """Report 09: what the page plays is on the clock of the turns, and no 11 hours long."""
    pieces = [
        mux(tmp_path / "1.ts", talk(3, 48_000), 48_000, "mp2"),
        mux(tmp_path / "2.ts", talk(3, 48_000), 48_000, "mp2", later(40_000)),
    ]
    path = tmp_path / "jump.ts"
    path.write_bytes(b"".join(piece.read_bytes() for piece in pieces))
    url = embedded(Sound(path, tmp_path))
    assert len(url) < 60_000
    assert len(said) == 1
    (tmp_path / "sound.webm").write_bytes(b64decode(url.split(",", 1)[1]))
    sound, _, _ = decoded(tmp_path / "sound.webm")
    heard, _, _ = decoded(path)
    assert len(sound) == pytest.approx(len(heard), abs=1_000)


@pytest.mark.system
@pytest.mark.parametrize("number", [2, 15])
def test_ctrl_c_ends_a_decoder_of_hours(tmp_path: Path, number: int) -> None:
    """Hostile 10, for files: SIGINT and SIGTERM end the work on 13 hours in 180 kB."""
    (tmp_path / "long.flac").write_bytes(flac(16_000, 12_000))
    bundle = make_bundle(tmp_path / "b")
    events = tmp_path / "events.jsonl"
    with subprocess.Popen(
        [MERITS, "analyze", str(tmp_path / "long.flac"), "--asr", "none", "--bundle", str(bundle)]
        + ["--events", str(events)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not (events.exists() and "session.started" in events.read_text()):
            assert process.poll() is None
        process.send_signal(number)
        _, stderr = process.communicate(timeout=30)  # 2 s, were the machine ours alone
    assert (process.returncode, stderr) == (128 + number, "")
    assert json.loads(events.read_text().splitlines()[-1])["reason"] == "interrupted"
