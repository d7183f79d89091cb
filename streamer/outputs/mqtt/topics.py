"""Maps events to MQTT topics and messages. Pure: no input or output."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from streamer import events
from streamer.events import Event
from streamer.outbox.message import Message
from streamer.outputs.mood import Mood, mood

ONLINE, OFFLINE = "online", "offline"


class State(BaseModel):
    """The latest emotion of a stream. Before a session's first turn, the fields about a turn are null."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_serialization_defaults_required=True,
    )

    emotion: events.String | None = None
    """The likeliest emotion of the newest turn."""
    confidence: events.Probability | None = None
    """Its probability, 0 to 1."""
    valence: events.Valence | None = None
    """Pleasantness, from -1 (negative) to 1 (positive)."""
    arousal: events.Arousal | None = None
    """Activation, from -1 (calm) to 1 (aroused); null if unknown."""
    mood: Mood | None = None
    """Both in a word: the quadrant of valence and arousal, or even near the middle; null if unknown."""
    sentiment: events.Sentiment | None = None
    """The likeliest sentiment."""
    speaker: events.String | None = None
    """The speaker, null if unknown."""
    turn: events.TurnNumber | None = None
    """Number of the turn in the session, from 1."""
    language: events.String | None = None
    """BCP 47 code of the language of its words, null if unknown or if there are none."""
    words_confidence: events.Probability | None = None
    """How sure the recogniser is of its words, 0 to 1; null if unknown."""
    words: events.Count | None
    """Number of words spoken in this session so far, null if words are withheld."""
    at: events.Timestamp
    """Time of the event that this state is from: wall clock, UTC, RFC 3339 with milliseconds."""
    session: Annotated[str, Field(pattern=r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
    """ULID of the session."""
    seq: Annotated[int, Field(ge=1)]
    """Number of that event in its session."""

    @classmethod
    def of(cls, event: events.SessionStarted | events.Judged, words: int | None) -> Self:
        """The state after the start of a session, or after an event about its newest turn."""
        fields = {name: getattr(event, name) for name in cls.model_fields if hasattr(event, name)}
        if not isinstance(event, events.SessionStarted):
            fields["mood"] = mood(event.valence, event.arousal)
        return cls(**fields | {"words": words})


def topic_level(name: str) -> str:
    """Convert a name to one topic level (MQTT 3.1.1, section 4.7): no separator, wildcard or control."""
    safe = "".join("-" if c in "/+#" or not c.isprintable() else c for c in name)
    return safe.encode("utf-8", "replace").decode() or "-"


def event_id(event: Event) -> str:
    """A unique identifier of an event, by which subscribers recognise duplicates."""
    return f"{event.session}-{event.seq}"


class StreamMessages:
    """The messages of one stream.

    Attributes:
        base: common beginning of the stream's topics.
    """

    def __init__(self, prefix: str, stream: str, *, words: bool = True) -> None:
        self.base = f"{prefix}/{topic_level(stream)}"
        self._counts_words = words
        self._newest_turn = 0
        self._words = 0

    def availability(self, payload: str, instance: str | None = None) -> Message:
        """The availability message, `ONLINE` or `OFFLINE`, optionally with the program's identifier."""
        return Message(f"{self.base}/availability", payload, qos=1, retain=True, instance=instance)

    def introduction(self, instance: str) -> Message:
        """The message that introduces this program to others that publish the stream."""
        return Message(f"{self.base}/instance", instance, qos=1)

    def of(self, event: Event) -> list[Message]:
        """The messages for one event, for most events none; call it with all events in order."""
        match event:
            case events.TurnPartial():
                return [Message(f"{self.base}/partial", event.model_dump_json(), qos=0, id=event_id(event))]
            case events.SessionStarted():
                self._newest_turn = self._words = 0
                return [self._state(event, self._counts_words)]
            case events.TurnFinal() | events.TurnRevised():
                return self._of_turn(event)
        return []

    def _of_turn(self, event: events.Judged) -> list[Message]:
        messages = [Message(f"{self.base}/turn", event.model_dump_json(), qos=1, id=event_id(event))]
        if isinstance(event, events.TurnFinal):
            self._words += len((event.text or "").split())
        if event.turn >= self._newest_turn:
            self._newest_turn = event.turn
            messages.append(self._state(event, event.text is not None))
        return messages

    def _state(self, event: events.SessionStarted | events.Judged, counts_words: bool) -> Message:
        state = State.of(event, self._words if counts_words else None)
        return Message(f"{self.base}/state", state.model_dump_json(), qos=1, retain=True)
