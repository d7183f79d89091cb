"""What a real Home Assistant makes of what is published, and of the example automation."""

import re
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from streamer.events import Event, Session, TurnFinal
from tests.home_assistant.running import HomeAssistant, running
from tests.mosquitto import Mosquitto
from tests.replaying import MERITS, Replay
from tests.streamer.outputs.samples import MELD, Sample

EXAMPLE = Path(__file__).parents[2] / "examples" / "home-assistant" / "automation.yaml"
EMOTION, CONFIDENCE, VALENCE, WORDS, TEXT = "emotion", "confidence", "valence", "words_spoken", "last_words"
AROUSAL, MOOD, TURN = "arousal", "mood", "turn"

NAMES_US = re.compile(r".*(?:merits[_/]\w|MERITS|kitchen|angry|automation|value_json).*")

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]


class Live(Sample):
    """A session of now."""

    def __init__(self, stream: str, labels: list[str] = MELD) -> None:
        super().__init__(stream, labels)
        self.session = Session(stream)

    def calm(self, turn: int, **change: Any) -> TurnFinal:
        return self.final(turn, "neutral", valence=0.1, sentiment="neutral", **change)


def before(event: TurnFinal, **ago: float) -> TurnFinal:
    """The same event, made so long ago."""
    return event.model_copy(update={"at": datetime.now(UTC) - timedelta(**ago)})


class Room:
    """A stream: the program that tells it, and what Home Assistant shows of it.

    Args:
        name: of the stream, as it stands in the names of the entities too.
        folder: for the program's outbox.
        broker: of both.
        home: with the example automation, which is for the stream "kitchen".
    """

    def __init__(self, name: str, folder: Path, broker: Mosquitto, home: HomeAssistant) -> None:
        self.name = name
        self.broker = broker
        self.home = home
        self._outbox = folder / "outbox.sqlite"
        self._runs_before = len(home.runs())

    def session(self, labels: list[str] = MELD) -> Live:
        return Live(self.name, labels)

    def program(self, *more: str) -> Replay:
        return Replay(self.broker.url, self._outbox, *more)

    def merits(self, *command: str) -> None:
        subprocess.run([MERITS, *command, "--mqtt", self.broker.url], check=True, timeout=120)

    def waiting(self) -> str:
        """What is in the program's outbox."""
        with closing(sqlite3.connect(self._outbox)) as connection:
            return str(connection.execute("SELECT group_concat(payload) FROM messages").fetchone()[0])

    def entity(self, name: str) -> str:
        return f"{'event' if name == TURN else 'sensor'}.merits_{self.name}_{name}"

    def turns(self) -> list[dict[str, Any]]:
        return self.home.turns(self.entity(TURN))

    def told(self) -> list[tuple[str, int]]:
        """Session and seq of each event that was told of a turn."""
        return [(turn["session"], turn["seq"]) for turn in self.turns()]

    def tells(self, *events: Event) -> None:
        """Wait until all of these have been told, and nothing else."""
        try:
            self.home.until(lambda: len(self.told()) >= len(events))
        finally:
            assert self.told() == [(event.session, event.seq) for event in events]

    def state(self, name: str) -> str | None:
        found = self.home.state(self.entity(name))
        return None if found is None else str(found["state"])

    def attribute(self, name: str, attribute: str) -> Any:
        return (self.home.state(self.entity(name)) or {"attributes": {}})["attributes"].get(attribute)

    def shows(self, name: str, state: str | None) -> None:
        """Wait until an entity has a state; None for no such entity."""
        self.home.until(lambda: self.state(name) == state)

    def alarms(self) -> int:
        """How often the automation ran."""
        return len(self.home.runs()) - self._runs_before


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Mosquitto, HomeAssistant]]:
    """A broker, and Home Assistant with the example automation."""
    folder = tmp_path_factory.mktemp("everything")
    automation = yaml.safe_load(EXAMPLE.read_text()) | {"id": "1"}
    with Mosquitto(folder) as broker, running(folder / "home", broker.port, [automation]) as home:
        yield broker, home


@pytest.fixture
def room(everything: tuple[Mosquitto, HomeAssistant], tmp_path: Path) -> Iterator[Callable[[str], Room]]:
    """Makes streams. After each test, Home Assistant's log has nothing to say of them."""
    broker, home = everything
    said_before = len(home.log())
    yield lambda name: Room(name, tmp_path, broker, home)
    assert NAMES_US.findall(home.log()[said_before:]) == []


def test_a_day_with_restarts_of_everything_tells_each_turn_once(room: Callable[[str], Room]) -> None:
    kitchen, told = room("kitchen"), list[Event]()
    home, broker = kitchen.home, kitchen.broker

    def hears(*events: Event) -> None:
        told.extend(events)
        kitchen.tells(*told)

    # A session, and the next one: the event entity has an old turn all the while.
    first = kitchen.session()
    with kitchen.program() as program:
        program.tell(first.started(), turn := first.final(1))
        kitchen.shows(EMOTION, "anger")
        later: list[Event] = [first.calm(2), first.revised(1), first.final(3, confidence=0.5)]
        program.tell(*later)
        hears(turn, *later)
        assert program.end() == 0
    kitchen.shows(EMOTION, "unavailable")
    second = kitchen.session()
    with kitchen.program() as program:
        program.tell(second.started())
        kitchen.shows(EMOTION, "unknown")
        unknown = [kitchen.state(name) for name in (VALENCE, AROUSAL, MOOD, CONFIDENCE)]
        assert (unknown, kitchen.state(WORDS)) == (["unknown"] * 4, "0")
        assert kitchen.alarms() == 1
        program.tell(turn := second.final(1), old := before(second.final(2), minutes=10))
        hears(turn, old)

        # Home Assistant restarts, in order and killed.
        for kill in (False, True):
            home.stop(kill=kill)
            home.start()
            kitchen.shows(EMOTION, "anger")
            program.tell(turn := second.final(3 + kill))
            hears(turn)

        # The broker restarts, and is away for a while.
        broker.stop()
        waited: list[Event] = [second.final(5), second.calm(6), second.revised(5, "anger"), second.final(7)]
        program.tell(*waited)
        kitchen.shows(EMOTION, "unavailable")
        broker.start()
        hears(*waited)
        program.tell(turn := second.final(8))
        hears(turn)

        # It is away once more, and the program is killed.
        broker.stop()
        waited = [second.final(9), older := before(second.final(10), minutes=10)]
        program.tell(*waited)
        kitchen.shows(EMOTION, "unavailable")
        home.until(lambda: '"turn":10,' in kitchen.waiting())
        program.kill()
    third = kitchen.session()
    with kitchen.program() as program:
        program.tell(third.started(), turn := third.final(1))
        broker.start()
        hears(*waited, turn)
        assert program.end() == 0

    angry = [event for event in told if isinstance(event, TurnFinal) and event.emotion == "anger"]
    fresh = [event for event in angry if event.confidence > 0.6 and event not in (old, older)]
    assert kitchen.alarms() == len(fresh)

    kitchen.merits("mqtt", "remove", "kitchen")
    for name in (TURN, EMOTION, VALENCE, AROUSAL, MOOD, CONFIDENCE, WORDS, TEXT):
        kitchen.shows(name, None)
    assert kitchen.alarms() == len(fresh)


def test_words_that_mean_something_to_it_are_words(room: Callable[[str], Room]) -> None:
    study = room("study")
    session, long = study.session(), "word " * 200
    shown = {
        "None": "“None”",
        "unavailable": "“unavailable”",
        " unknown ": "“unknown”",
        "nothing else": "nothing else",
        "": "",
        long: long[:254] + "…",
        "ä" * 255: "ä" * 255,
        "7": "7",
        "{{ 1 / 0 }}": "{{ 1 / 0 }}",
    }
    told: list[Event] = [session.started(), session.revised(1)]
    with study.program() as program:
        program.tell(*told)
        study.tells(*told[1:])
        assert study.state(TEXT) == "unknown"
        for turn, (text, words) in enumerate(shown.items(), start=1):
            told += [session.calm(turn, text=text), session.revised(turn, text=text)]
            program.tell(*told[-2:])
            study.tells(*told[1:])
            assert study.state(TEXT) == words
            assert study.turns()[-1]["text"] == text
        told.append(session.calm(99, text="“words” " * 10_000))
        program.tell(told[-1])
        study.tells(*told[1:])
        assert program.end() == 0


def test_words_withheld_are_gone_and_come_back(room: Callable[[str], Room]) -> None:
    study = room("attic")
    for more, words in (((), True), (("--no-text",), False), ((), True)):
        session = study.session()
        with study.program(*more) as program:
            program.tell(session.started(), session.calm(1))
            study.shows(EMOTION, "neutral")
            for name, state in ((TEXT, "I can't believe you did that!"), (WORDS, "6")):
                study.shows(name, state if words else None)
            program.tell(session.final(2, "joy"))
            study.shows(EMOTION, "joy")
            assert program.end() == 0


def test_other_emotions_under_the_same_name(room: Callable[[str], Room]) -> None:
    hall = room("hall")

    def offers(labels: list[str]) -> bool:
        return bool(hall.attribute(EMOTION, "options") == labels)

    for labels, emotion in ((MELD, "fear"), (["positive", "negative"], "positive"), (MELD, "joy")):
        session = hall.session(labels)
        with hall.program() as program:
            program.tell(session.started())
            hall.home.until(partial(offers, labels))
            hall.shows(EMOTION, "unknown")
            program.tell(session.final(1, emotion))
            hall.shows(EMOTION, emotion)
            program.tell(session.final(2, "of no bundle"))
            hall.shows(EMOTION, "unknown")
            assert program.end() == 0


def test_renaming_the_entity_is_no_turn(room: Callable[[str], Room]) -> None:
    kitchen = room("kitchen")
    session, told_before = kitchen.session(), len(kitchen.told())
    with kitchen.program() as program:
        program.tell(session.started(), session.final(1))
        kitchen.home.until(lambda: kitchen.alarms() == 1)
        kitchen.home.rename(kitchen.entity(TURN), "Was gesagt wurde")
        kitchen.home.until(lambda: len(kitchen.told()) == told_before + 2)
        program.tell(session.final(2))
        kitchen.home.until(lambda: len(kitchen.told()) == told_before + 3)
        kitchen.home.until(lambda: kitchen.alarms() == 2)
        assert program.end() == 0


def test_units(room: Callable[[str], Room]) -> None:
    cellar = room("cellar")
    session = cellar.session()
    with cellar.program() as program:
        program.tell(session.started(), session.final(1))
        cellar.shows(EMOTION, "anger")
        names = (EMOTION, CONFIDENCE, VALENCE, WORDS, TEXT)
        units = [cellar.attribute(name, "unit_of_measurement") for name in names]
        assert units == [None, "%", None, "words", None]
        assert [cellar.state(name) for name in (CONFIDENCE, VALENCE, WORDS)] == ["80.0", "-0.62", "6"]
        assert [cellar.state(name) for name in (AROUSAL, MOOD)] == ["0.41", "tense"]
        program.tell(session.calm(2, arousal=None))
        cellar.shows(MOOD, "unknown")
        assert cellar.state(AROUSAL) == "unknown"
        assert program.end() == 0
