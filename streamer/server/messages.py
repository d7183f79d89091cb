"""The protocol's messages other than events, version 1 (docs/protocol.md)."""

from enum import Enum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from starlette.types import Scope

from streamer.audio.frame import SAMPLE_RATE
from streamer.errors import InputError
from streamer.settings.language import Language

SUBPROTOCOL = "merits.v1"
"""The subprotocol that a client may offer in `Sec-WebSocket-Protocol`; the answer contains it."""

TOKEN_SUBPROTOCOL = "merits.token."
"""Prefix of the subprotocol that carries a browser's token: browsers cannot set other headers."""


def accepted_subprotocol(scope: Scope) -> str | None:
    """The subprotocol to answer a websocket's offers with: never its token."""
    return SUBPROTOCOL if SUBPROTOCOL in scope.get("subprotocols", []) else None


NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"

NORMAL, GOING_AWAY = 1000, 1001


class Problem(Enum):
    """Kinds of errors: the `code` of the error message, and the close code that follows it."""

    BAD_MESSAGE = ("bad_message", 4400)
    BAD_NAME = ("bad_name", 4404)
    TIMEOUT = ("timeout", 4408)
    NAME_TAKEN = ("name_taken", 4409)
    TAKEN_OVER = ("taken_over", 4410)
    UNDECODABLE = ("undecodable", 4415)
    TOO_MANY_STREAMS = ("too_many_streams", 4429)
    TOO_MANY_ONLOOKERS = ("too_many_onlookers", 4429)
    OUT_OF_MEMORY = ("out_of_memory", 4429)
    SHUTTING_DOWN = ("shutting_down", GOING_AWAY)
    ANALYSIS_FAILED = ("analysis_failed", 4500)
    INTERNAL = ("internal", 1011)
    DISCONNECTED = ("disconnected", 1006)
    """Never sent, since the client has gone."""

    def __init__(self, code: str, close_code: int) -> None:
        self.code = code
        self.close_code = close_code


class Refused(InputError):
    """A client's stream cannot begin or continue."""

    def __init__(self, problem: Problem, message: str) -> None:
        super().__init__(message)
        self.problem = problem


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Start(_Message):
    """The first message of a client: the format of its sound."""

    type: Literal["start"]
    format: Literal["pcm_s16le", "container"] = "pcm_s16le"
    rate: Annotated[int, Field(ge=4_000, le=384_000)] | None = None
    channels: Annotated[int, Field(ge=1, le=16)] | None = None
    split: bool = False
    speakers: list[Annotated[str, Field(min_length=1, max_length=64)]] | None = None
    live: bool = True
    language: Language | None = None
    translate: bool | None = None
    word_times: bool | None = None
    takeover: bool = False
    linger_s: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 0.0
    resume: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    source: Annotated[str, Field(min_length=1, max_length=200)] = "websocket"

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.format == "container" and self.rate is not None:
            raise ValueError("rate is for pcm_s16le: a container states its own")
        if self.split and self.channels is None:
            raise ValueError("split needs channels: how many there are")
        if self.format == "container" and self.channels is not None and not self.split:
            raise ValueError("channels is for pcm_s16le, and for a container that is to be split")
        if self.format == "container" and self.linger_s:
            raise ValueError("linger_s is for pcm_s16le: a container cannot go on after a break")
        if self.speakers is not None and len(self.speakers) != self.kept_channels:
            raise ValueError(f"{len(self.speakers)} speakers are named for {self.kept_channels} channels")
        return self

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that the client chooses for its stream."""
        chosen = {"language": self.language, "translate": self.translate, "word_times": self.word_times}
        return {name: value for name, value in chosen.items() if value is not None}

    @property
    def sound(self) -> tuple[str, int, int, bool]:
        """The fields that must stay the same when a stream is resumed."""
        return self.format, self.rate or SAMPLE_RATE, self.channels or 1, self.split

    @property
    def kept_channels(self) -> int:
        """Number of channels that are analyzed separately."""
        return self.channels or 1 if self.split else 1

    @property
    def who(self) -> tuple[str | None, ...]:
        """The speaker of each of these channels; None if unknown."""
        if self.speakers is not None:
            return tuple(self.speakers)
        if not self.split:
            return (None,)
        return tuple(f"channel-{number}" for number in range(1, self.kept_channels + 1))


class End(_Message):
    """The end of the sound; events of the sound so far still follow."""

    type: Literal["end"]


class Gap(_Message):
    """Sound that the client lost or muted at this point. Raw samples only."""

    type: Literal["gap"]
    length_s: Annotated[float, Field(gt=0, le=604_800, allow_inf_nan=False)]
    reason: Annotated[str, Field(min_length=1, max_length=200)] = "lost by the client"


_Control = Annotated[Start | End | Gap, Field(discriminator="type")]
_CONTROL: TypeAdapter[Start | End | Gap] = TypeAdapter(_Control)


LONGEST_CONTROL = 16_384
"""Characters."""

_LONGEST_COMPLAINT = 200


def parse_control(text: str) -> Start | End | Gap:
    """Read a text message of a client.

    Raises:
        Refused: the message is invalid; the error says why.
    """
    if len(text) > LONGEST_CONTROL:
        raise Refused(Problem.BAD_MESSAGE, f"a text message is at most {LONGEST_CONTROL} characters long")
    try:
        return _CONTROL.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        complaint = f"{where}: {first['msg']}" if where else str(first["msg"])
        raise Refused(Problem.BAD_MESSAGE, complaint[:_LONGEST_COMPLAINT]) from None


class ErrorMessage(_Message):
    """The last message before the server closes a connection because of an error."""

    type: Literal["error"] = "error"
    code: str
    message: str


class StreamResumed(_Message):
    """The answer to a client that reconnected to its session."""

    type: Literal["stream.resumed"] = "stream.resumed"
    stream: str
    session: str


class EventsShed(_Message):
    """Takes the place of events that were shed because the client did not read."""

    type: Literal["events.shed"] = "events.shed"
    count: int
