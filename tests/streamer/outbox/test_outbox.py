"""The outbox in the event loop: owners that come and go, damaged files, full disks."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from time import monotonic

import pytest

from streamer.errors import InputError
from streamer.outbox.database import Bounds, Database
from streamer.outbox.message import Message
from streamer.outbox.outbox import Mailbox, Outbox
from streamer.settings.outbox import OutboxSettings

KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from streamer.outbox.message import Message
from streamer.outbox.outbox import Outbox
from streamer.settings.outbox import OutboxSettings

async def main():
    async with Outbox(OutboxSettings(path=Path(sys.argv[1]))) as outbox, outbox.mailbox("broker") as mailbox:
        for payload in sys.argv[2]:
            await mailbox.put([Message("turn", payload, qos=1)])
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def turn(payload: str) -> Message:
    return Message("turn", payload, qos=1)


def outbox_at(path: Path) -> Outbox:
    return Outbox(OutboxSettings(path=path))


async def waiting(mailbox: Mailbox) -> str:
    return "".join(message.payload for _, message in await mailbox.peek(100))


def damage(file: Path, content: bytes) -> None:
    with file.open("r+b" if file.exists() else "wb") as opened:
        opened.write(content)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.sqlite"


async def test_the_next_process_gets_what_a_killed_one_left(path: Path) -> None:
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, str(path), "abc")
    assert await killed.wait() == -9
    async with outbox_at(path) as outbox, outbox.mailbox("broker") as mailbox:
        await mailbox.put([turn("d")])
        await mailbox.look()
        assert (await waiting(mailbox), mailbox.depth, mailbox.left_behind) == ("d", 1, 3)
        await mailbox.adopt()
        assert (await waiting(mailbox), mailbox.depth, mailbox.left_behind) == ("abcd", 4, 0)
    assert not os.listdir(f"{path}.owners")  # noqa: PTH208


async def test_nobody_takes_what_a_living_one_has_to_send(path: Path) -> None:
    async with outbox_at(path) as one, outbox_at(path) as other:
        async with one.mailbox("broker") as living, other.mailbox("broker") as heir:
            await living.put([turn("a")])
            await heir.adopt()
            assert await waiting(heir) == ""
        async with other.mailbox("broker") as heir, other.mailbox("broker") as second:
            await asyncio.gather(heir.adopt(), second.adopt())
            assert sorted([await waiting(heir), await waiting(second)]) == ["", "a"]


async def test_locks_of_killed_owners_do_not_pile_up(path: Path) -> None:
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, str(path), "")
    await killed.wait()
    (lock,) = os.listdir(f"{path}.owners")  # noqa: PTH208
    os.utime(f"{path}.owners/{lock}", (0, 0))
    async with outbox_at(path) as outbox, outbox.mailbox("broker") as living:
        (ours,) = os.listdir(f"{path}.owners")  # noqa: PTH208
        assert ours != lock
        os.utime(f"{path}.owners/{ours}", (0, 0))
        await living.put([turn("a")])
        async with outbox.mailbox("broker") as other:
            await other.adopt()
            assert (await waiting(other), await waiting(living)) == ("", "a")
        assert os.listdir(f"{path}.owners") == [ours]  # noqa: PTH208


async def test_what_is_confirmed_is_kept_until_the_broker_has_answered_a_while_later(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamer.outbox.outbox.SETTLED_AFTER_S", 0.2)
    async with outbox_at(path) as outbox, outbox.mailbox("broker") as mailbox:
        await mailbox.put([turn(payload) for payload in "abcd"])
        a, b, c = (number for number, _ in await mailbox.peek(3))
        asked_s = monotonic()
        await mailbox.confirm([a], asked_s)
        await asyncio.sleep(0.3)
        await mailbox.confirm([b], asked_s)  # asked before the answer about the first
        await mailbox.confirm([], monotonic())  # asked, but not answered
        assert (mailbox.depth, mailbox.unsettled) == (2, True)
        await mailbox.doubt()
        assert (await waiting(mailbox), mailbox.unsettled) == ("abcd", False)
        await mailbox.confirm([a], monotonic())
        await asyncio.sleep(0.3)
        await mailbox.confirm([b, c], monotonic())
        await mailbox.doubt()
        assert await waiting(mailbox) == "bcd"
        await mailbox.confirm([b], monotonic())
        await mailbox.settle(monotonic())
        assert not mailbox.unsettled
        await mailbox.doubt()
        assert await waiting(mailbox) == "cd"


async def test_what_is_left_is_said_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with outbox_at(path) as outbox:
        for payload in "ab":
            async with outbox.mailbox("host:1883") as mailbox:
                await mailbox.put([turn(payload)])
    (said,) = [record.message for record in caplog.records]
    assert said == f"2 MQTT messages wait in {path}; the next run with host:1883 sends them first"


async def test_a_damaged_file_is_put_aside(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    damage(path, b"this is no database" * 100)
    async with outbox_at(path) as outbox, outbox.mailbox("broker") as mailbox:
        await mailbox.put([turn("a")])
        assert not outbox.in_memory
        assert await waiting(mailbox) == "a"
        await mailbox.confirm([number for number, _ in await mailbox.peek(9)], monotonic())
    (said,) = [record.message for record in caplog.records]
    assert f"the outbox {path} is damaged" in said
    (aside,) = path.parent.glob("outbox.sqlite.damaged-*")
    assert b"no database" in aside.read_bytes()


async def test_a_file_damaged_while_in_use_ends_nothing(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with outbox_at(path) as outbox, outbox.mailbox("broker") as mailbox:
        await mailbox.put([turn("a")])
        await outbox.work(lambda database: database.sync())
        await outbox.work(lambda database: database._connection.execute("PRAGMA shrink_memory").fetchall())
        for file in (path, Path(f"{path}-wal")):
            damage(file, b"\xff" * file.stat().st_size)
        for payload in "bcd":
            await mailbox.put([turn(payload)])
        assert (await waiting(mailbox))[-3:] == "bcd"
        await mailbox.confirm([number for number, _ in await mailbox.peek(9)], monotonic())
    assert len(caplog.records) == 1
    assert f"the outbox {path}" in caplog.text


async def test_with_the_disk_full_events_wait_in_memory(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with outbox_at(path) as outbox, outbox.mailbox("broker") as mailbox:
        await mailbox.put([turn("a")])
        pages = await outbox.work(lambda database: database._one("PRAGMA page_count"))
        await outbox.work(lambda database: database._one(f"PRAGMA max_page_count = {pages}"))
        ((number, _),) = await mailbox.peek(9)
        big = "b" * 100_000
        await mailbox.put([turn(big)])
        assert outbox.in_memory
        await mailbox.confirm([number], monotonic())  # that is for the file on disk
        assert await waiting(mailbox) == f"a{big}"
        await mailbox.settle(monotonic())
        assert await waiting(mailbox) == f"a{big}"
    said = [record.message for record in caplog.records]
    assert len(said) == 2
    assert "database or disk is full" in said[0]
    assert "2 MQTT messages could not be delivered to broker" in said[1]
    # What waited on the disk waits there still.
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT payload FROM messages").fetchall() == [("a",)]
    connection.close()


@pytest.fixture
def locked(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """Another program, which has locked an outbox with a turn in it."""
    monkeypatch.setattr("streamer.outbox.database._BUSY_S", 0.1)
    with closing(Database(path, Bounds(9, 9_999, 9))) as database:
        database.put("killed", "broker", [turn("a")])
    with closing(sqlite3.connect(path, isolation_level=None)) as intruder:
        intruder.execute("BEGIN EXCLUSIVE")
        yield intruder


async def test_a_lock_is_waited_for(
    path: Path, locked: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    async with AsyncExitStack() as stack:
        opening = asyncio.create_task(stack.enter_async_context(outbox_at(path)))
        await asyncio.sleep(0.5)
        assert not opening.done()
        locked.execute("COMMIT")
        outbox = await opening
        mailbox = await stack.enter_async_context(outbox.mailbox("broker"))
        await mailbox.adopt()
        locked.execute("BEGIN EXCLUSIVE")
        putting = asyncio.create_task(mailbox.put([turn("b")]))
        await asyncio.sleep(0.5)
        assert not putting.done()
        locked.execute("COMMIT")
        await putting
        assert not outbox.in_memory
        assert await waiting(mailbox) == "ab"
        await mailbox.confirm([number for number, _ in await mailbox.peek(9)], monotonic())
    said = f"the outbox {path} is locked by another program: events wait until it is free"
    assert [record.message for record in caplog.records] == [said] * 2


@pytest.mark.usefixtures("locked")
async def test_an_opening_that_is_cancelled_leaves_nothing_open(path: Path) -> None:
    outbox = outbox_at(path)
    opening = asyncio.create_task(outbox.__aenter__())
    await asyncio.sleep(0.5)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    outbox._thread.shutdown(wait=True)
    assert outbox._database is not None  # in memory: the file never was free
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        outbox._database.waiting("me")


async def test_a_lock_holds_nobody_up_who_leaves(path: Path, locked: sqlite3.Connection) -> None:
    locked.execute("COMMIT")
    async with asyncio.timeout(20), outbox_at(path) as outbox, outbox.mailbox("broker") as mailbox:
        locked.execute("BEGIN EXCLUSIVE")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(mailbox.put([turn("b")]), 0.5)
    locked.execute("COMMIT")
    async with outbox_at(path) as outbox, outbox.mailbox("broker") as mailbox:
        await mailbox.adopt()
        assert await waiting(mailbox) == "a"


async def test_a_place_that_was_chosen_but_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"choose another outbox\.path"):
        await outbox_at(tmp_path / "file" / "outbox.sqlite").__aenter__()


async def test_the_platform_s_place_that_cannot_be_used_is_made_do_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    async with Outbox(OutboxSettings()) as outbox, outbox.mailbox("broker") as mailbox:
        await mailbox.put([turn("a")])
        assert await waiting(mailbox) == "a"
        await mailbox.confirm([number for number, _ in await mailbox.peek(9)], monotonic())
    (said,) = [record.message for record in caplog.records]
    assert "events wait in memory until the program ends" in said


@pytest.mark.parametrize("content", [None, b"", b"SQLite format 3\0" + bytes(84), b"{}"])
async def test_whatever_is_in_its_place_it_is_of_use_and_stays_so(
    path: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    if content is None:
        (path / "something").mkdir(parents=True)
        path = path.parent / "link"
        path.symlink_to("outbox.sqlite/something")  # a link to a folder in its place
        outbox = Outbox(OutboxSettings(path=path.parent / "outbox.sqlite" / "something" / "it"))
        outbox.path.mkdir()
    else:
        path.write_bytes(content)
        outbox = outbox_at(path)
    for payload in "ab":
        async with outbox if payload == "a" else Outbox(OutboxSettings(path=outbox.path)) as again:
            assert not again.in_memory
            async with again.mailbox("broker") as mailbox:
                await mailbox.adopt()
                await mailbox.put([turn(payload)])
    said = [record.message for record in caplog.records if "put aside" in record.message]
    assert len(said) == (content != b"")
    async with Outbox(OutboxSettings(path=outbox.path)) as again, again.mailbox("broker") as mailbox:
        await mailbox.adopt()
        assert await waiting(mailbox) == "ab"


async def test_tables_that_vanish_while_in_use_end_nothing(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with outbox_at(path) as outbox, outbox.mailbox("broker") as mailbox:
        await mailbox.put([turn("a")])
        with closing(sqlite3.connect(path)) as intruder:
            intruder.execute("DROP TABLE messages")
        await mailbox.put([turn("b")])
        assert not outbox.in_memory
        assert await waiting(mailbox) == "b"
        await mailbox.confirm([number for number, _ in await mailbox.peek(9)], monotonic())
    (said,) = [record.message for record in caplog.records]
    assert "it was put aside as" in said


async def test_by_whatever_link_it_is_reached_it_is_one_outbox(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.sqlite"
    link.symlink_to(path.name)
    async with outbox_at(path) as one, outbox_at(link) as other, one.mailbox("broker") as living:
        await living.put([turn("a")])
        async with other.mailbox("broker") as heir:
            await heir.adopt()
            assert await waiting(heir) == ""
    assert link.is_symlink()


@pytest.mark.parametrize("place", ["/dev/null", "fifo"])
async def test_what_is_no_file_is_neither_used_nor_touched(tmp_path: Path, place: str) -> None:
    if place == "fifo":
        os.mkfifo(tmp_path / place)
    path = tmp_path / place
    before = path.stat().st_mode
    with pytest.raises(InputError, match=r"it is no file; choose another outbox\.path"):
        await outbox_at(path).__aenter__()
    assert path.stat().st_mode == before


async def test_another_user_s_file_is_not_used(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damage(path, b"")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(InputError, match="it belongs to another user"):
        await outbox_at(path).__aenter__()


async def test_what_is_put_aside_takes_no_other_s_name(path: Path) -> None:
    for _ in range(3):
        damage(path, b"no database" * 1000)
        async with outbox_at(path):
            pass
    assert len(list(path.parent.glob("outbox.sqlite.damaged-*"))) == 3


async def test_the_owners_of_an_outbox_take_no_notice_of_the_wall_clock(path: Path) -> None:
    async with outbox_at(path) as outbox, outbox.mailbox("broker") as living:
        await living.put([turn("a")])
        (ours,) = os.listdir(f"{path}.owners")  # noqa: PTH208
        for seconds in (0, 4e9):
            os.utime(f"{path}.owners/{ours}", (seconds, seconds))
            async with outbox_at(path) as other, other.mailbox("broker") as heir:
                await heir.adopt()
                assert await waiting(heir) == ""


@pytest.mark.parametrize("column", ["owner", "broker", "topic", "payload", "event"])
async def test_what_is_no_text_ends_nothing(path: Path, column: str) -> None:
    async with outbox_at(path) as outbox, outbox.mailbox("broker") as mailbox:
        await mailbox.put([turn("a")])
    with closing(sqlite3.connect(path)) as intruder:
        intruder.execute(f"UPDATE messages SET {column} = CAST(x'61ff62' AS TEXT)")
        intruder.commit()
    async with outbox_at(path) as outbox, outbox.mailbox("broker") as mailbox:
        await mailbox.put([turn("b")])
        await mailbox.adopt()
        await mailbox.look()
        assert "b" in await waiting(mailbox)
