"""What is published: an event is one JSON object a line, checked when made and described by `event_schema`.

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
        ValueError: this is no distribution.
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
    """Replace what UTF-8 cannot carry: an undecodable file name has surrogates in it."""
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
    """Let another version, or another program, have further values of what is written here in few."""
    return value if info.context is _READING and isinstance(value, str) and value else check(value)


_READING = "reading"
"""Context of checking what comes back from a file."""

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
    """What happened."""
    stream: String
    """Name of the stream: a file, a microphone, a room."""
    session: Annotated[str, Field(pattern=r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$"), _AnyWhenRead]
    """ULID of the session: one run over one stream."""
    seq: Annotated[int, Field(ge=1)]
    """Number of the event in its session: from 1, rising by one."""
    at: Timestamp
    """When the event was made: wall clock, UTC, RFC 3339 with milliseconds."""


class SessionSettings(_Model):
    """The settings that decide what is found."""

    window: Annotated[int, Field(ge=1)]
    """How many turns back the context reaches, in turns; older ones are never revised."""
    endpoint_ms: Milliseconds
    """Silence that ends a turn, in milliseconds; adaptive: as long as nothing speaks for more or less."""
    endpointing: Literal["adaptive", "fixed"] | None = None
    """Whether that silence depends on what was heard; like what follows null in sessions of old versions."""
    endpoint_min_ms: Milliseconds | None = None
    """Adaptive: no turn ends after a shorter silence, in milliseconds."""
    endpoint_max_ms: Milliseconds | None = None
    """Adaptive: every turn ends after this silence, in milliseconds."""


class SessionStarted(_Event):
    """The first event of a session."""

    type: Literal["session.started"] = "session.started"
    """What happened."""
    source: String
    """Where the sound comes from: a file's or a device's name."""
    channels: Annotated[int, Field(ge=1)]
    """How many channels are listened to, each its own speaker where more than one."""
    bundle: String
    """The trained models in use: name@version."""
    recogniser: String
    """What writes the words down."""
    labels: list[String]
    """The emotions that turns can carry, in the order of the models' outputs."""
    settings: SessionSettings
    """What was set."""
    version: String
    """Version of the program."""


class SessionEnded(_Event):
    """The last event of a session."""

    type: Literal["session.ended"] = "session.ended"
    """What happened."""
    reason: Annotated[String, Field(pattern=r"^(end of input$|interrupted$|error: .)"), _AnyWhenRead]
    """Why: "end of input", "interrupted" (Ctrl-C, a signal), or "error: " and what failed."""
    turns: Count
    """How many turns there were."""
    audio_s: Seconds
    """Sound analyzed, in seconds, all gaps left out."""
    gaps: Count
    """How many times sound was lost."""
    gap_s: Seconds
    """Sound lost, in seconds."""
    duration_s: Seconds
    """How long the session ran by the wall clock, in seconds."""


class TurnStarted(_Event):
    """Someone began to speak."""

    type: Literal["turn.started"] = "turn.started"
    """What happened."""
    turn: TurnNumber
    """Number of the turn in the session, from 1, in order of starting."""
    speaker: String | None
    """Who speaks, null where that is not known."""
    start_s: Seconds
    """Where the turn starts, in seconds of the stream."""


class TurnPartial(_Event):
    """A turn as far as it has been heard; shed first when time is short."""

    type: Literal["turn.partial"] = "turn.partial"
    """What happened."""
    turn: TurnNumber
    """Number of the turn in the session, from 1."""
    speaker: String | None
    """Who speaks, null where that is not known."""
    start_s: Seconds
    """Where the turn starts, in seconds of the stream."""
    text: String | None
    """The words so far, "" where there are none yet, null where they are withheld."""
    emotion: String
    """The likeliest emotion so far."""
    confidence: Probability
    """Its probability, 0 to 1."""
    provisional: Literal[True] = True
    """Always true: the final event of the turn replaces this one."""


class Latency(_Model):
    """How long each step took."""

    endpoint: Milliseconds
    """Silence waited for before the turn was declared over, in milliseconds."""
    transcribe: Milliseconds
    """Writing the words down, after the turn was declared over, in milliseconds."""
    embed: Milliseconds
    """Text and speech embeddings, after the turn was declared over, in milliseconds."""
    context: Milliseconds
    """Emotion in the light of the conversation, in milliseconds."""
    total: Milliseconds
    """From the turn declared over to the event handed to the outputs, in milliseconds."""


class _Judged(_Event):
    turn: TurnNumber
    """Number of the turn in the session, from 1."""
    revision: Count
    """How many times what is said of this turn has changed: 0 in its final event."""
    speaker: String | None
    """Who speaks, null where that is not known."""
    start_s: Seconds
    """Where the turn starts, in seconds of the stream."""
    end_s: Seconds
    """Where the turn ends, in seconds of the stream."""
    text: String | None
    """The words, "" where there were none (a laugh, a sob), null where they are withheld."""
    emotion: String
    """The likeliest emotion, in the light of the conversation so far."""
    confidence: Probability
    """Its probability, 0 to 1."""
    probabilities: Probabilities
    """Probability of every emotion, 0 to 1, summing to 1."""
    sentiment: Sentiment
    """The likeliest sentiment."""
    valence: Valence
    """How pleasant, from -1 (negative) to 1 (positive)."""
    modalities: dict[Annotated[Modality, _AnyWhenRead], Probabilities]
    """What the words alone and the voice alone say, each summing to 1; one that is not there is left out."""
    latency_ms: Latency
    """Where the time went, in milliseconds."""
    recogniser: String
    """What wrote the words down."""
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
    """The first word on a turn that is over."""

    type: Literal["turn.final"] = "turn.final"
    """What happened."""
    revision: Literal[0] = 0
    """Always 0; revisions follow as turn.revised."""


class TurnRevised(_Judged):
    """Later turns changed what is said of this one."""

    type: Literal["turn.revised"] = "turn.revised"
    """What happened."""
    revision: Annotated[int, Field(ge=1)]
    """How many times what is said of this turn has changed, from 1."""


Judged = TurnFinal | TurnRevised
"""What is said of a turn that is over."""


class AudioGap(_Event):
    """Sound was lost."""

    type: Literal["audio.gap"] = "audio.gap"
    """What happened."""
    start_s: Seconds
    """Where the gap starts, in seconds of the stream."""
    length_s: Seconds
    """How much sound is missing, in seconds."""
    reason: String
    """Why, in a few words."""


class AudioDeviceLost(_Event):
    """The device stopped delivering; it is being reopened."""

    type: Literal["audio.device_lost"] = "audio.device_lost"
    """What happened."""
    device: String
    """Name of the device."""
    reason: String
    """Why, in a few words."""


class AudioDeviceBack(_Event):
    """The device delivers again."""

    type: Literal["audio.device_back"] = "audio.device_back"
    """What happened."""
    device: String
    """Name of the device."""
    lost_s: Seconds
    """How long it was away, in seconds."""


class Mark(_Event):
    """A listener marked this moment."""

    type: Literal["mark"] = "mark"
    """What happened."""
    at_s: Seconds
    """Which moment, in seconds of the stream."""


class QueueHealth(_Model):
    """How full a queue is."""

    depth: Count
    """What waits in it now, in items."""
    limit: Annotated[int, Field(ge=1)]
    """What it can hold, in items."""
    shed: Count
    """What it has dropped in this session, in items."""


class Health(_Event):
    """How the analyzer itself fares: sent when that changes."""

    type: Literal["health"] = "health"
    """What happened."""
    status: Literal["ok", "degraded"]
    """Whether it keeps up with everything that is asked of it."""
    message: String
    """What is the matter, in one line."""
    queues: dict[str, QueueHealth]
    """Every queue by its name."""


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
"""Any event, told apart by `type`."""


@cache
def _adapter() -> TypeAdapter[Event]:
    return TypeAdapter(Event)


def parse_event(line: str | bytes) -> Event:
    """Read one line of JSON.

    Raises:
        ValueError: it is no event; pydantic's ValidationError says where and why.
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
"""What is taken for what other programs leave out of an event."""


def read_event(told: object, number: int) -> Event:
    """Check an event that comes back from a file: of a newer version or another program, it may say more
    than is known here, which is left out, or leave out what can be done without.

    Args:
        told: what the line holds, as Python's JSON gives it.
        number: of the line, taken for `seq` where that is left out.

    Raises:
        pydantic.ValidationError: it is no event.
    """
    if isinstance(told, dict):
        told = {"seq": number, **_UNSAID.get(str(told.get("type")), {}), **told}
    return _adapter().validate_python(told, extra="ignore", context=_READING)


def event_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) that every published line satisfies."""
    schema = _adapter().json_schema(mode="serialization")
    # OpenAPI's keyword, not JSON Schema's: strict validators reject what they do not know.
    del schema["discriminator"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "MERITS Live event",
        "description": "One line of what MERITS Live publishes: who said what, and with which emotion.",
        **schema,
    }


class Stamp(TypedDict):
    """What all events have in common."""

    stream: str
    session: str
    seq: int
    at: datetime


class Session:
    """Numbers and dates the events of one stream: `TurnStarted(**session.stamp(), turn=1, ...)`.

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
        """The common fields of the next event: each call takes one number, so make the event of it."""
        return {"stream": self.stream, "session": self.id, "seq": next(self._seq), "at": self._now()}
