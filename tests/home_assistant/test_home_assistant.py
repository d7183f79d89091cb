"""What a real Home Assistant makes of what is published, and of the example automation."""

import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
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
TURN, EMOTION, VALENCE = (
    "event.merits_kitchen_turn",
    "sensor.merits_kitchen_emotion",
    "sensor.merits_kitchen_valence",
)
CONFIDENCE, WORDS = "sensor.merits_kitchen_confidence", "sensor.merits_kitchen_words_spoken"
TEXT = "sensor.merits_kitchen_last_words"
NAMES_US = re.compile(r".*(?:kitchen|MERITS|angry|automation).*", re.I)

pytestmark = pytest.mark.timeout(900)


class Live(Sample):
    """A session of now."""

    def __init__(self, labels: list[str] = MELD) -> None:
        super().__init__("kitchen", labels)
        self.session = Session("kitchen")

    def calm(self, turn: int, **change: Any) -> TurnFinal:
        return self.final(turn, "neutral", valence=0.1, sentiment="neutral", **change)


def before(event: TurnFinal, **ago: float) -> TurnFinal:
    """The same event, made so long ago."""
    return event.model_copy(update={"at": datetime.now(UTC) - timedelta(**ago)})


def ids(events: list[Event]) -> list[tuple[str, int]]:
    return [(event.session, event.seq) for event in events]


class House:
    """A broker, Home Assistant with the example automation, and the program's outbox."""

    def __init__(self, folder: Path, broker: Mosquitto, home: HomeAssistant) -> None:
        self.broker = broker
        self.home = home
        self._outbox = folder / "outbox.sqlite"

    def program(self, *more: str) -> Replay:
        return Replay(self.broker.url, self._outbox, *more)

    def told(self) -> list[tuple[str, int]]:
        """Session and seq of each event that was told of a turn."""
        return [(turn["session"], turn["seq"]) for turn in self.home.turns(TURN)]

    def tells(self, events: list[Event]) -> None:
        """Wait until all of these have been told, and nothing else."""
        try:
            self.home.until(lambda: len(self.told()) >= len(events))
        finally:
            assert self.told() == ids(events)

    def shows(self, entity: str, value: str | None) -> None:
        """Wait until an entity has a state; None for no such entity."""
        self.home.until(lambda: self.home.value(entity) == value)

    def merits(self, *command: str) -> None:
        subprocess.run([MERITS, *command, "--mqtt", self.broker.url], check=True, timeout=60)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """All of it started; in the end Home Assistant's log has nothing to say of us."""
    automation = yaml.safe_load(EXAMPLE.read_text()) | {"id": "1"}
    with Mosquitto(tmp_path) as broker, running(tmp_path / "home", broker.port, [automation]) as home:
        yield House(tmp_path, broker, home)
        home.stop()
        assert NAMES_US.findall(home.log()) == []


def test_a_day_with_restarts_of_everything_tells_each_turn_once(house: House) -> None:
    home, told = house.home, list[Event]()

    def hears(*events: Event) -> None:
        told.extend(events)
        house.tells(told)

    # A session, and the next one: the event entity has an old turn all the while.
    first = Live()
    with house.program() as program:
        program.tell(first.started(), turn := first.final(1))
        house.shows(EMOTION, "anger")
        later = [first.calm(2), first.revised(1), first.final(3, confidence=0.5)]
        program.tell(*later)
        hears(turn, *later)
        assert program.end() == 0
    house.shows(EMOTION, "unavailable")
    second = Live()
    with house.program() as program:
        program.tell(second.started())
        house.shows(EMOTION, "unknown")
        assert [home.value(entity) for entity in (VALENCE, CONFIDENCE, WORDS)] == ["unknown", "unknown", "0"]
        assert len(home.runs()) == 1
        program.tell(turn := second.final(1), old := before(second.final(2), minutes=10))
        hears(turn, old)

        # Home Assistant restarts, in order and killed.
        for kill in (False, True):
            home.stop(kill=kill)
            home.start()
            house.shows(EMOTION, "anger")
            program.tell(turn := second.final(3 + kill))
            hears(turn)

        # The broker restarts, and is away for a while.
        house.broker.stop()
        waited = [second.final(5), second.calm(6), second.revised(5, "anger"), second.final(7)]
        program.tell(*waited)
        house.shows(EMOTION, "unavailable")
        house.broker.start()
        hears(*waited)
        program.tell(turn := second.final(8))
        hears(turn)

        # It is away once more, and the program is killed.
        house.broker.stop()
        waited = [second.final(9), before(second.final(10), minutes=10)]
        program.tell(*waited)
        program.tell(*[second.partial(11)] * 50)
        house.shows(EMOTION, "unavailable")
        program.kill()
    third = Live()
    with house.program() as program:
        program.tell(third.started(), turn := third.final(1))
        house.broker.start()
        hears(*waited, turn)
        assert program.end() == 0

    angry = [event for event in told if event.type == "turn.final" and event.emotion == "anger"]
    fresh = [event for event in angry if event.confidence > 0.6 and event not in (old, waited[1])]
    assert len(home.runs()) == len(fresh)

    house.merits("mqtt", "remove", "kitchen")
    for entity in (TURN, EMOTION, VALENCE, CONFIDENCE, WORDS, TEXT):
        house.shows(entity, None)
    assert len(home.runs()) == len(fresh)


def test_words_that_mean_something_to_it_are_words(house: House) -> None:
    session = Live()
    long = "word " * 200
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
    told: list[Event] = []
    with house.program() as program:
        program.tell(session.started(), first := session.revised(1))
        house.tells([first])
        assert house.home.value(TEXT) == "unknown"
        told.append(first)
        for turn, (text, words) in enumerate(shown.items(), start=1):
            told += [session.calm(turn, text=text), session.revised(turn, text=text)]
            program.tell(*told[-2:])
            house.tells(told)
            assert house.home.value(TEXT) == words
        assert house.home.turns(TURN)[11]["text"] == long
        program.tell(endless := session.calm(99, text="“words” " * 10_000))
        house.tells([*told, endless])
        program.end()


def test_words_withheld_are_gone_and_come_back(house: House) -> None:
    for more, words in (((), True), (("--no-text",), False), ((), True)):
        session = Live()
        with house.program(*more) as program:
            program.tell(session.started(), session.calm(1))
            house.shows(EMOTION, "neutral")
            for entity, value in ((TEXT, "I can't believe you did that!"), (WORDS, "6")):
                house.shows(entity, value if words else None)
            program.tell(session.final(2, "joy"))
            house.shows(EMOTION, "joy")
            assert program.end() == 0


def test_other_emotions_under_the_same_name(house: House) -> None:
    for labels, emotion in ((MELD, "fear"), (["positive", "negative"], "positive"), (MELD, "joy")):
        session = Live(labels)
        with house.program() as program:
            program.tell(session.started())
            house.home.until(lambda labels=labels: options(house.home) == labels)  # type: ignore[misc]
            house.shows(EMOTION, "unknown")
            program.tell(session.final(1, emotion))
            house.shows(EMOTION, emotion)
            program.tell(session.final(2, "of no bundle"))
            house.shows(EMOTION, "unknown")
            assert program.end() == 0


def options(home: HomeAssistant) -> list[str] | None:
    found = home.state(EMOTION)
    return None if found is None else found["attributes"]["options"]


def test_renaming_the_entity_is_no_turn(house: House) -> None:
    session = Live()
    with house.program() as program:
        program.tell(session.started(), turn := session.final(1))
        house.tells([turn])
        house.home.until(lambda: len(house.home.runs()) == 1)
        house.home.rename(TURN, "Was gesagt wurde")
        program.tell(next_turn := session.final(2))
        house.home.until(lambda: ids([next_turn])[0] in house.told())
        house.home.until(lambda: len(house.home.runs()) == 2)
        program.end()


def test_units_and_classes(house: House) -> None:
    session = Live()
    with house.program() as program:
        program.tell(session.started(), session.final(1))
        house.shows(EMOTION, "anger")
        units = {
            entity: (state or {})["attributes"].get("unit_of_measurement")
            for entity in (EMOTION, CONFIDENCE, VALENCE, WORDS, TEXT)
            if (state := house.home.state(entity)) is not None
        }
        assert units == {EMOTION: None, CONFIDENCE: "%", VALENCE: None, WORDS: "words", TEXT: None}
        assert [house.home.value(entity) for entity in (CONFIDENCE, VALENCE, WORDS)] == ["80.0", "-0.62", "6"]
        program.end()
