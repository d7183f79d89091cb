"""The published events: each is one JSON object a line, validated when created; see `event_schema`.

Fields named `*_s` are seconds from the start of the stream, to the millisecond; `at` is the wall clock.
"""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from itertools import count
from typing import Annotated, Any, Literal, Self, TypedDict

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    TypeAdapter,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)
from ulid import ULID

_MILLION = 1_000_000


def round_probabilities(probabilities: Mapping[str, float]) -> dict[str, float]:
    """Round to six decimals that still sum to one: the largest remainders are rounded up.

    Args:
        probabilities: a distribution over labels, summing to 1 within 1e-3.

    Raises:
        ValueError: the probabilities are no distribution.
    """
    total = math.fsum(probabilities.values())
    if not (abs(total - 1) <= 1e-3 and min(probabilities.values()) >= 0):
        raise ValueError(f"probabilities must be at least 0 and sum to 1, not {total:g}")
    exact = {label: p / total * _MILLION for label, p in probabilities.items()}
    parts = {label: math.floor(x) for label, x in exact.items()}
    by_remainder = sorted(exact, key=lambda label: parts[label] - exact[label])
    for label in by_remainder[: _MILLION - sum(parts.values())]:
        parts[label] += 1
    return {label: part / _MILLION for label, part in parts.items()}


def _encodable(value: object) -> object:
    """Replace characters that UTF-8 lacks: an undecodable file name contains surrogates."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _to_milliseconds(at: datetime) -> datetime:
    try:
        at = at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("there is no such time in UTC") from error
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _rfc3339(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _any_when_read(value: object, check: ValidatorFunctionWrapHandler, info: ValidationInfo) -> object:
    """Accept unknown values of an enumeration when reading: other versions and programs may have more."""
    return value if info.context is _READING and isinstance(value, str) and value else check(value)


_READING = "reading"
"""Validation context of events that are read from a file."""

_AT_SCHEMA = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$",
}

String = Annotated[str, BeforeValidator(_encodable)]
Timestamp = Annotated[
    AwareDatetime, AfterValidator(_to_milliseconds), PlainSerializer(_rfc3339), WithJsonSchema(_AT_SCHEMA)
]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False), AfterValidator(lambda s: round(s, 3))]
Milliseconds = Annotated[float, Field(ge=0, allow_inf_nan=False), AfterValidator(lambda ms: round(ms, 1))]
Probability = Annotated[float, Field(ge=0, le=1), AfterValidator(lambda p: round(p, 6))]
Valence = Annotated[float, Field(ge=-1, le=1), AfterValidator(lambda v: round(v, 6))]
Arousal = Valence
Probabilities = Annotated[
    dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]], AfterValidator(round_probabilities)
]
Count = Annotated[int, Field(ge=0)]
TurnNumber = Annotated[int, Field(ge=1)]
Sentiment = Literal["negative", "neutral", "positive"]
Modality = Literal["text", "speech"]
_AnyWhenRead = WrapValidator(_any_when_read)


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_serialization_defaults_required=True,
    )


class _Event(_Model):
    type: str
    """Kind of the event."""
    stream: String
    """Name of the stream: a file, a microphone, a room."""
    session: Annotated[str, Field(pattern=r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$"), _AnyWhenRead]
    """ULID of the session: one run over one stream."""
    seq: Annotated[int, Field(ge=1)]
    """Number of the event in its session: from 1, rising by one."""
    at: Timestamp
    """When the event was made: wall clock, UTC, RFC 3339 with milliseconds."""


class SessionSettings(_Model):
    """The settings that affect the results."""

    window: Annotated[int, Field(ge=1)]
    """Number of latest turns that form the context; older turns are never revised."""
    endpoint_ms: Milliseconds
    """Silence that ends a turn, in milliseconds; if adaptive, the usual one."""
    endpointing: Literal["adaptive", "fixed"] | None = None
    """Whether that silence depends on the words; null, like the next fields, in old versions."""
    endpoint_min_ms: Milliseconds | None = None
    """Adaptive: silence that ends a turn after a finished sentence, in milliseconds."""
    endpoint_max_ms: Milliseconds | None = None
    """Adaptive: silence that ends a turn after an unfinished sentence, in milliseconds."""


class SessionStarted(_Event):
    """The first event of a session."""

    type: Literal["session.started"] = "session.started"
    """Kind of the event."""
    source: String
    """Source of the sound: name of a file or a device."""
    channels: Annotated[int, Field(ge=1)]
    """Number of channels that are analyzed; if more than one, each is a speaker."""
    bundle: String
    """The trained models in use: name@version."""
    recogniser: String
    """Name of the speech recogniser."""
    labels: list[String]
    """The emotions that turns can have, in the order of the models' outputs."""
    settings: SessionSettings
    """The session's values of these settings."""
    version: String
    """Version of the program."""


class SessionEnded(_Event):
    """The last event of a session."""

    type: Literal["session.ended"] = "session.ended"
    """Kind of the event."""
    reason: Annotated[String, Field(pattern=r"^(end of input$|interrupted$|error: .)"), _AnyWhenRead]
    """Reason: "end of input", "interrupted" (Ctrl-C, a signal), or "error: " and the failure."""
    turns: Count
    """Number of turns."""
    audio_s: Seconds
    """Sound analyzed, in seconds, without gaps."""
    gaps: Count
    """Number of gaps, where sound was lost."""
    gap_s: Seconds
    """Sound lost, in seconds."""
    duration_s: Seconds
    """Duration of the session by the wall clock, in seconds."""


class TurnStarted(_Event):
    """Someone began to speak."""

    type: Literal["turn.started"] = "turn.started"
    """Kind of the event."""
    turn: TurnNumber
    """Number of the turn in the session, from 1, in order of starting."""
    speaker: String | None
    """The speaker, null if unknown."""
    start_s: Seconds
    """Start of the turn, in seconds of the stream."""


class TurnPartial(_Event):
    """A provisional result for an open turn; shed first under overload."""

    type: Literal["turn.partial"] = "turn.partial"
    """Kind of the event."""
    turn: TurnNumber
    """Number of the turn in the session, from 1."""
    speaker: String | None
    """The speaker, null if unknown."""
    start_s: Seconds
    """Start of the turn, in seconds of the stream."""
    text: String | None
    """The words so far, "" if there are none yet, null if they are withheld."""
    committed: String | None = None
    """The first words of the text, which two recognitions agree on and later partials of the turn keep; "" if
    there are none yet, null if they are withheld, and in old versions."""
    emotion: String
    """The likeliest emotion so far."""
    confidence: Probability
    """Its probability, 0 to 1."""
    provisional: Literal[True] = True
    """Always true: the final event of the turn replaces this one."""


class Latency(_Model):
    """Duration of each step."""

    endpoint: Milliseconds
    """Silence before the turn was declared over, in milliseconds."""
    transcribe: Milliseconds
    """Speech recognition after the turn was declared over, in milliseconds."""
    embed: Milliseconds
    """Text and speech embeddings after the turn was declared over, in milliseconds."""
    context: Milliseconds
    """Emotion in the context of the conversation, in milliseconds."""
    total: Milliseconds
    """Time from the declared end of the turn to the event's publication, in milliseconds."""


class Word(_Model):
    """A word of a turn."""

    text: String
    """The word, with case and punctuation."""
    start_s: Seconds
    """Start of the word, in seconds of the stream."""
    end_s: Seconds
    """End of the word, in seconds of the stream."""
    probability: Probability
    """How sure the recogniser is of it, 0 to 1."""


class _Judged(_Event):
    turn: TurnNumber
    """Number of the turn in the session, from 1."""
    revision: Count
    """Number of revisions of this turn's result so far: 0 in its final event."""
    speaker: String | None
    """The speaker, null if unknown."""
    start_s: Seconds
    """Start of the turn, in seconds of the stream."""
    end_s: Seconds
    """End of the turn, in seconds of the stream."""
    text: String | None
    """The words, "" if there were none (a laugh, a sob), null if they are withheld."""
    language: String | None = None
    """BCP 47 code of the language of the words, null if unknown or if there are none."""
    words_confidence: Probability | None = None
    """How sure the recogniser is of the words, 0 to 1: the mean of their tokens; null if unknown."""
    translation: String | None = None
    """The words in English, by which the turn was judged; null unless asked for and spoken in another
    language, or if words are withheld."""
    words: list[Word] | None = None
    """The words with their times; null unless asked for, or if words are withheld."""
    emotion: String
    """The likeliest emotion, in the context of the conversation so far."""
    confidence: Probability
    """Its probability, 0 to 1."""
    probabilities: Probabilities
    """Probability of every emotion, 0 to 1, summing to 1."""
    sentiment: Sentiment
    """The likeliest sentiment."""
    valence: Valence
    """Pleasantness, from -1 (negative) to 1 (positive)."""
    arousal: Arousal | None = None
    """Activation, from -1 (calm) to 1 (aroused); null if unknown, and in old versions."""
    modalities: dict[Annotated[Modality, _AnyWhenRead], Probabilities]
    """Probabilities from the words alone and from the voice alone, each summing to 1, if present."""
    latency_ms: Latency
    """Duration of each step, in milliseconds."""
    recogniser: String
    """Name of the speech recogniser that recognised the words."""
    bundle: String
    """The trained models in use: name@version."""

    @model_validator(mode="after")
    def _agrees_with_itself(self, info: ValidationInfo) -> Self:
        if self.end_s < self.start_s:
            raise ValueError(f"the turn ends at {self.end_s} s, before it starts at {self.start_s} s")
        said = self.probabilities.get(self.emotion, math.inf)
        if info.context is not _READING and abs(said - self.confidence) > 1e-3:
            raise ValueError(f"confidence {self.confidence} is not the probability of {self.emotion!r}")
        return self


class TurnFinal(_Judged):
    """The first result for a turn that has ended."""

    type: Literal["turn.final"] = "turn.final"
    """Kind of the event."""
    revision: Literal[0] = 0
    """Always 0; revisions follow as turn.revised events."""


class TurnRevised(_Judged):
    """A revised result for a turn: later turns changed it, or the turn went on after it had seemed to end.

    In the latter case it has a later end, and the words of the whole turn.
    """

    type: Literal["turn.revised"] = "turn.revised"
    """Kind of the event."""
    revision: Annotated[int, Field(ge=1)]
    """Number of the revision, from 1."""


Judged = TurnFinal | TurnRevised
"""What is said of a turn that is over."""


class AudioGap(_Event):
    """Sound was lost."""

    type: Literal["audio.gap"] = "audio.gap"
    """Kind of the event."""
    start_s: Seconds
    """Start of the gap, in seconds of the stream."""
    length_s: Seconds
    """Length of the gap, in seconds."""
    reason: String
    """The reason, in a few words."""


class AudioDeviceLost(_Event):
    """The device stopped delivering sound; it is being reopened."""

    type: Literal["audio.device_lost"] = "audio.device_lost"
    """Kind of the event."""
    device: String
    """Name of the device."""
    reason: String
    """The reason, in a few words."""


class AudioDeviceBack(_Event):
    """The device delivers sound again."""

    type: Literal["audio.device_back"] = "audio.device_back"
    """Kind of the event."""
    device: String
    """Name of the device."""
    lost_s: Seconds
    """Time without the device, in seconds."""


class Mark(_Event):
    """A user marked this moment."""

    type: Literal["mark"] = "mark"
    """Kind of the event."""
    at_s: Seconds
    """The marked moment, in seconds of the stream."""


class QueueHealth(_Model):
    """State of a queue."""

    depth: Count
    """Number of items that wait."""
    limit: Annotated[int, Field(ge=1)]
    """Most items that it can hold."""
    shed: Count
    """Number of items that it dropped in this session."""


class Health(_Event):
    """Status of the analyzer; published when it changes."""

    type: Literal["health"] = "health"
    """Kind of the event."""
    status: Literal["ok", "degraded"]
    """Whether the analyzer keeps up."""
    message: String
    """The cause, in one line."""
    queues: dict[str, QueueHealth]
    """State of every queue, by its name."""


Event = Annotated[
    SessionStarted
    | SessionEnded
    | TurnStarted
    | TurnPartial
    | TurnFinal
    | TurnRevised
    | AudioGap
    | AudioDeviceLost
    | AudioDeviceBack
    | Mark
    | Health,
    Field(discriminator="type"),
]
"""Any event; `type` tells which."""


_WORDS = ("text", "committed", "translation", "words")


def without_words(event: Event) -> Event:
    """The event with its words withheld."""
    return event.model_copy(update={name: None for name in _WORDS if name in type(event).model_fields})


@cache
def _adapter() -> TypeAdapter[Event]:
    return TypeAdapter(Event)


def parse_event(line: str | bytes) -> Event:
    """Read one line of JSON.

    Raises:
        ValueError: the line is no event; pydantic's ValidationError says where and why.
    """
    return _adapter().validate_json(line)


_TURN: dict[str, Any] = {"speaker": None, "text": None, "modalities": {}, "recogniser": "", "bundle": ""} | {
    "latency_ms": dict.fromkeys(Latency.model_fields, 0)
}
_UNSAID: dict[str, dict[str, Any]] = {
    "session.started": {"channels": 1, "settings": {"window": 1, "endpoint_ms": 0}, "version": ""},
    "session.ended": {"turns": 0, "gaps": 0, "gap_s": 0, "duration_s": 0},
    "turn.final": _TURN,
    "turn.revised": _TURN,
    "audio.gap": {"reason": "unknown"},
}
"""Defaults of fields that other programs leave out of an event."""


def read_event(told: object, number: int) -> Event:
    """Validate an event that was read from a file. An event of a newer version or another program may have
    unknown fields, which are dropped, or lack fields, which get defaults.

    Args:
        told: the parsed JSON of the line.
        number: number of the line, used for `seq` if that is missing.

    Raises:
        pydantic.ValidationError: this is no event.
    """
    if isinstance(told, dict):
        told = {"seq": number, **_UNSAID.get(str(told.get("type")), {}), **told}
    return _adapter().validate_python(told, extra="ignore", context=_READING)


def event_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) that every published line satisfies."""
    schema = _adapter().json_schema(mode="serialization")
    # OpenAPI's keyword, not JSON Schema's: strict validators reject unknown keywords.
    del schema["discriminator"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "MERITS Live event",
        "description": "One line of what MERITS Live publishes: who said what, and with which emotion.",
        **schema,
    }


class Stamp(TypedDict):
    """The fields that all events share."""

    stream: str
    session: str
    seq: int
    at: datetime


class Session:
    """Numbers and timestamps the events of one session: `TurnStarted(**session.stamp(), turn=1, ...)`.

    Attributes:
        stream: name of the stream.
        id: ULID of the session.
    """

    def __init__(self, stream: str, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.stream = stream
        self.id = str(ULID.from_datetime(now()))
        self._now = now
        self._seq = count(1)

    def stamp(self) -> Stamp:
        """The common fields of the next event. Each call uses up one number: create an event from it."""
        return {"stream": self.stream, "session": self.id, "seq": next(self._seq), "at": self._now()}
