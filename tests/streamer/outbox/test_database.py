"""The outbox's file: order, bounds, what is shed, and who sends what."""

import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from streamer.outbox.age import Reading
from streamer.outbox.database import Bounds, Database
from streamer.outbox.message import Message
from streamer.outputs.mqtt.undeliverable import why_undeliverable

WIDE = Bounds(events=1000, bytes=1_000_000, age_s=3600)


class Clock:
    """A machine's clock that is set by hand."""

    def __init__(self) -> None:
        self.boot, self.ticks_s = "a boot", 1000.0

    def __call__(self) -> Reading:
        return Reading(self.boot, self.ticks_s)


def turn(payload: str) -> Message:
    return Message("turn", payload, qos=1, id=f"S-{payload}")


def state(payload: str) -> Message:
    return Message("state", payload, qos=1, retain=True)


def waiting(database: Database, owner: str = "me") -> list[str]:
    return [message.payload for _, message in database.peek(owner, 100)]


@contextmanager
def dead(owner: str) -> Iterator[bool]:
    """Of the owners, only one that is called so is no more."""
    yield owner == "dead"


Opened = Callable[..., Database]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Opens a `Database`, which is closed after the test."""
    with ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(closing(Database(*arguments)))


def test_messages_keep_their_order_and_wait_until_confirmed(opened: Opened) -> None:
    database = opened(None, WIDE)
    for payload in "abc":
        database.put("me", "broker", [turn(payload)])
    (first, message), _ = database.peek("me", 2)
    assert message == turn("a")
    database.confirm([first])
    database.confirm([first])
    assert (waiting(database), database.waiting("me")) == (["b", "c"], 2)


def test_what_is_confirmed_waits_again_in_its_old_place_until_it_is_settled(opened: Opened) -> None:
    database = opened(None, WIDE)
    for payload in "abcd":
        database.put("me", "broker", [turn(payload)])
    a, b, c = (number for number, _ in database.peek("me", 3))
    database.confirm([a, b, c])
    database.settle([a])
    assert (waiting(database), database.waiting_for("broker")) == (["d"], 1)
    database.doubt("other")
    assert waiting(database) == ["d"]
    database.doubt("me")
    assert (waiting(database), database.waiting("me")) == (["b", "c", "d"], 3)


def test_brokers_that_vanish_again_and_again_get_the_same_three_times_at_most(opened: Opened) -> None:
    database = opened(None, WIDE)
    database.put("me", "broker", [turn("a")])
    for _ in range(3):
        assert waiting(database) == ["a"]
        database.confirm([database.peek("me", 1)[0][0]])
        database.doubt("me")
    assert waiting(database) == []


def test_what_was_confirmed_to_a_dead_owner_is_in_doubt(opened: Opened) -> None:
    database = opened(None, WIDE)
    database.put("dead", "broker", [turn("a"), turn("b")])
    database.confirm([database.peek("dead", 1)[0][0]])
    assert database.left_behind("me", "broker", dead) == 2
    database.adopt("me", "broker", dead)
    assert waiting(database) == ["a", "b"]


def test_what_is_shed_once_confirmed_is_no_loss(opened: Opened) -> None:
    database = opened(None, Bounds(events=1, bytes=10**6, age_s=3600))
    database.put("me", "broker", [turn("a")])
    database.confirm([database.peek("me", 1)[0][0]])
    assert database.put("me", "broker", [turn("b")]) == 0
    assert waiting(database) == ["b"]


def test_of_retained_messages_only_the_newest_waits_whoever_put_it(opened: Opened) -> None:
    database = opened(None, WIDE)
    database.put("other", "broker", [turn("A"), state("a")])
    database.put("me", "elsewhere", [state("e")])
    database.put("me", "broker", [turn("B"), state("b")])
    database.put("me", "broker", [turn("C"), state("c")])
    assert waiting(database) == ["e", "B", "C", "c"]
    assert waiting(database, "other") == ["A"]


@pytest.mark.parametrize(
    ("bounds", "kept"),
    [
        (Bounds(events=3, bytes=10**6, age_s=3600), "cde"),
        (Bounds(events=10, bytes=2 * (len("turn") + 1), age_s=3600), "de"),
        (Bounds(events=10, bytes=10**6, age_s=1.5), "de"),
    ],
)
def test_beyond_its_bounds_the_oldest_are_shed_and_counted(opened: Opened, bounds: Bounds, kept: str) -> None:
    clock = Clock()
    database, shed = opened(None, bounds, clock), 0
    for payload in "abcde":
        shed += database.put("me", "broker", [turn(payload)])
        clock.ticks_s += 1
    assert ("".join(waiting(database)), shed) == (kept, 5 - len(kept))


def test_what_waits_too_long_is_shed_without_anything_new(opened: Opened) -> None:
    clock = Clock()
    database = opened(None, WIDE, clock)
    database.put("me", "broker", [turn("a"), state("b")])
    clock.ticks_s += 3600
    assert database.shed_old() == 0
    clock.ticks_s += 1
    assert (database.shed_old(), waiting(database)) == (1, [])


def test_a_state_that_is_shed_is_no_loss(opened: Opened) -> None:
    database = opened(None, Bounds(events=1, bytes=10**6, age_s=3600))
    assert database.put("me", "broker", [state("a"), turn("b")]) == 0


def test_orphans_come_first_and_are_only_taken_for_their_broker(opened: Opened) -> None:
    database = opened(None, WIDE)
    database.put("dead", "broker", [turn("a")])
    database.put("alive", "broker", [turn("b")])
    database.put("dead", "elsewhere", [turn("c")])
    database.put("me", "broker", [turn("d")])
    database.adopt("me", "broker", dead)
    assert (waiting(database), waiting(database, "alive")) == (["a", "d"], ["b"])
    assert waiting(database, "dead") == ["c"]


def test_two_processes_use_one_file(opened: Opened, tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    one, other = opened(path, WIDE), opened(path, WIDE)
    for number in range(20):
        one.put("one", "broker", [turn(f"1-{number}")])
        other.put("other", "broker", [turn(f"2-{number}")])
    assert waiting(one, "one") == [f"1-{number}" for number in range(20)]
    assert waiting(one, "other") == waiting(other, "other")
    one.close()
    other.close()
    assert path.stat().st_mode & 0o077 == 0
    again = opened(path, WIDE)
    assert again.waiting_for("broker") == 40
    again.close()


VERSION_2 = """
DROP INDEX by_owner; CREATE INDEX by_owner ON messages (owner, waits, id); DROP TABLE clock;
ALTER TABLE messages DROP COLUMN put_s; ALTER TABLE messages DROP COLUMN refused;
ALTER TABLE messages DROP COLUMN aside; PRAGMA user_version = 2;
"""
VERSION_1 = f"""
{VERSION_2} DROP INDEX by_owner; CREATE INDEX by_owner ON messages (owner, id);
ALTER TABLE messages DROP COLUMN waits; ALTER TABLE messages DROP COLUMN confirmed; PRAGMA user_version = 1;
"""


@pytest.mark.parametrize("earlier", [VERSION_1, VERSION_2])
def test_a_file_of_an_earlier_version_is_read_on(tmp_path: Path, earlier: str) -> None:
    path = tmp_path / "outbox.sqlite"
    with closing(Database(path, WIDE)) as database:
        database.put("me", "broker", [turn("a"), turn("b")])
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(earlier)
        connection.execute("UPDATE messages SET at = at - 1e9")  # the clock had not been set yet
        connection.commit()
    for _ in range(2):  # the second time it is of this version
        with closing(Database(path, WIDE)) as database:
            assert waiting(database) == ["a", "b"]
            database.confirm([number for number, _ in database.peek("me", 2)])
            assert waiting(database) == []
            database.doubt("me")
            assert database.shed_old() == 0


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    Database(path, WIDE).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(sqlite3.OperationalError, match="newer version"):
        Database(path, WIDE)


def test_what_can_be_read_is_rescued(opened: Opened) -> None:
    database, memory = opened(None, WIDE), opened(None, WIDE)
    database.put("me", "broker", [turn("a"), turn("b")])
    memory.rescue(database)
    assert [message for _, message in memory.peek("me", 10)] == [turn("a"), turn("b")]


def test_age_goes_by_no_wall_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, clock = tmp_path / "outbox.sqlite", Clock()
    for boot, (years, hours_up) in enumerate([(0, 0.1), (-28, 0.2), (50, 0.2), (0, 0.4)]):
        monkeypatch.setattr("streamer.outbox.database.time", lambda years=years: 1.8e9 + years * 3e7)
        clock.boot, clock.ticks_s = f"boot {boot}", 0.0
        with closing(Database(path, WIDE, clock)) as database:
            for _ in range(9):
                clock.ticks_s += 3600 * hours_up / 9
                assert database.shed_old() == 0
            assert database.put("me", "broker", [turn(str(boot))]) == 0
    with closing(Database(path, WIDE, clock)) as database:
        clock.ticks_s += 3600 * 0.5  # 1.3 h after the first, 1.1 h after the second, 0.9 h after the third
        assert database.shed_old() == 2
        assert waiting(database) == ["2", "3"]


def test_what_is_set_aside_is_sent_by_nobody_until_it_is_retried(opened: Opened) -> None:
    database = opened(None, WIDE)
    database.put("me", "broker", [turn("a"), turn("b"), turn("c")])
    database.put("me", "elsewhere", [turn("d")])
    a, b, c, d = (number for number, _ in database.peek("me", 9))
    for number in (a, b, d):
        database.set_aside(number, "why not")
    database.doubt("me")
    database.adopt("heir", "broker", dead)
    assert (waiting(database), database.waiting_for("broker"), waiting(database, "heir")) == (["c"], 1, [])
    aside = database.set_aside_for("broker")
    assert [(one.number, one.topic, one.bytes, one.why) for one in aside] == [
        (a, "turn", 5, "why not"),
        (b, "turn", 5, "why not"),
    ]
    assert [one.number for one in database.set_aside_for(None)] == [a, b, d]
    assert database.discard([a, c]) == 1
    assert database.retry([b, c]) == 1
    with closing(Database(None, WIDE)) as memory:
        memory.rescue(database)
        assert [one.why for one in memory.set_aside_for(None)] == ["why not"]
        assert waiting(memory) == ["c"]
    database.confirm([c])
    database.settle([c])

    @contextmanager
    def gone(owner: str) -> Iterator[bool]:
        yield owner != "me"

    assert database.left_behind("me", "broker", gone) == 1
    database.adopt("me", "broker", gone)
    assert waiting(database) == ["b"]
    assert [one.number for one in database.set_aside_for(None)] == [d]


def test_what_is_set_aside_counts_for_the_bounds_and_is_shed_as_the_oldest(opened: Opened) -> None:
    database = opened(None, Bounds(events=2, bytes=10**6, age_s=3600))
    database.put("me", "broker", [turn("a")])
    database.set_aside(database.peek("me", 1)[0][0], "why not")
    assert database.put("me", "broker", [turn("b"), turn("c")]) == 0
    assert (database.set_aside_for(None), waiting(database)) == ([], ["b", "c"])


def test_what_was_refused_yields_to_all_else(opened: Opened) -> None:
    database = opened(None, WIDE)
    database.put("me", "broker", [turn(payload) for payload in "abcd"])
    a, b, *_ = (number for number, _ in database.peek("me", 9))
    database.refuse([a, b])
    database.refuse([a])
    assert [(m.payload, m.refused) for _, m in database.peek("me", 9)] == [
        ("c", 0), ("d", 0), ("b", 1), ("a", 2),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["\ud800", "a\0b", "\udcff turn"])
def test_whatever_text_is_put_in_can_be_read(opened: Opened, text: str) -> None:
    database = opened(None, WIDE)
    database.put("me", "broker", [turn(text), Message(text, "b", qos=1), turn("c")])
    assert len(waiting(database)) == 3
    assert waiting(database)[1:] == ["b", "c"]


def test_whatever_stands_in_the_file_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    with closing(Database(path, WIDE)) as database:
        database.put("me", "broker", [turn("a"), turn("b"), turn("c")])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE messages SET payload = CAST(x'ff00fe' AS TEXT) WHERE id = 1")
        connection.execute("UPDATE messages SET topic = x'ff', put_s = 'never', event = 7 WHERE id = 2")
        connection.commit()
    with closing(Database(path, WIDE)) as database:
        assert [why_undeliverable(message) is None for _, message in database.peek("me", 9)] == [
            False,
            False,
            True,
        ]
        assert database.shed_old() == 0


NO_OUTBOX = {
    "other tables": "CREATE TABLE x (a)",
    "none of ours": "PRAGMA user_version = 2; CREATE TABLE x (a)",
    "one of ours": "PRAGMA user_version = 3; CREATE TABLE messages (id INTEGER PRIMARY KEY)",
    "no sums": "DROP TABLE total",
    "empty sums": "DELETE FROM total",
    "sums that are none": "UPDATE total SET events = 'many'",
    "no clock": "DELETE FROM clock",
    "no trigger": "DROP TRIGGER gone",
    "a newer one of another program": "DROP TABLE messages; PRAGMA user_version = 99",
}


@pytest.mark.parametrize("script", NO_OUTBOX.values(), ids=NO_OUTBOX)
def test_a_database_that_is_no_outbox_is_told(tmp_path: Path, script: str) -> None:
    path = tmp_path / "outbox.sqlite"
    if not script.startswith(("CREATE", "PRAGMA")):
        Database(path, WIDE).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    with pytest.raises(sqlite3.DatabaseError) as told:
        Database(path, WIDE)
    assert "newer version" not in str(told.value)


@pytest.mark.parametrize("mode", [0o666, 0o644, 0o444, 0o600])
def test_a_file_that_was_there_becomes_this_user_s_alone(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "outbox.sqlite"
    with closing(Database(path, WIDE)) as database:
        database.put("me", "broker", [turn("a")])
        files = [path, Path(f"{path}-wal"), Path(f"{path}-shm")]
        for file in files:
            file.chmod(mode)
        with closing(Database(path, WIDE)) as again:
            again.put("me", "broker", [turn("b")])
            assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 3
            assert waiting(again) == ["a", "b"]
