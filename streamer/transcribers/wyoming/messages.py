"""Messages of Wyoming servers: untrusted, so validated in form and size, and repaired where possible.

An event is a line of JSON (`type`, `data`, `data_length`, `payload_length`), `data_length` bytes of more
JSON, and `payload_length` bytes of anything.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError, WrapValidator

from streamer.transcribers.base import Unanswered
from streamer.transcribers.clean_words import clean_words

LONGEST = 2**20
"""Bytes in the longest line, and in the longest data, of an event."""

LONGEST_TEXT = 2**16
"""Most characters of a text that is accepted as words."""

_LONGEST_NAME = 100
_LARGEST_PAYLOAD = 2**24
_PIECE = 2**16

Said = TypeVar("Said", bound=BaseModel)


def _any_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("it must be text")
    return value


def _text(value: Any) -> str:
    return clean_words(_any_text(value))


def _if_valid(value: Any, check: Callable[[Any], Any]) -> Any:
    try:
        return check(value)
    except ValidationError:
        return None


Text = Annotated[str, BeforeValidator(_text)]
Name = Annotated[Text, Field(min_length=1, max_length=_LONGEST_NAME)]
Language = Annotated[
    Annotated[Text, Field(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*$")] | None, WrapValidator(_if_valid)
]


class Transcript(BaseModel):
    """The words of a turn. An invalid language is dropped."""

    text: Annotated[Text, Field(max_length=LONGEST_TEXT)]
    language: Language = None


class Chunk(BaseModel):
    """More words of a turn, not repaired: the next chunk may contain the rest of a character."""

    text: Annotated[Any, AfterValidator(_any_text)]


class Failure(BaseModel):
    """A failure of the server."""

    text: Annotated[Text, Field(max_length=LONGEST_TEXT)] = "an error"


class Model(BaseModel):
    """A model that a program may use."""

    name: Name
    languages: list[Text] = []


class Program(BaseModel):
    """A speech-to-text program."""

    name: Name
    installed: bool = True
    models: list[Model] = []


class Info(BaseModel):
    """What a server offers."""

    asr: list[Program] = []


class _Header(BaseModel):
    type: Annotated[str, Field(strict=True)]
    data: dict[str, Any] | None = None
    data_length: Annotated[int, Field(strict=True, ge=0, le=LONGEST)] | None = None
    payload_length: Annotated[int, Field(strict=True, ge=0, le=_LARGEST_PAYLOAD)] | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A message of a server."""

    kind: str
    data: dict[str, Any]

    def read(self, what: type[Said]) -> Said:
        """Validate the data.

        Raises:
            Unanswered: the data is invalid.
        """
        return _read(what, self.data, f"its {clean_words(self.kind)[:_LONGEST_NAME]} is none")


async def read_event(reader: asyncio.StreamReader) -> Event | None:
    """The next event; None at the end. Payloads are skipped.

    Args:
        reader: a reader with limit `LONGEST`.

    Raises:
        Unanswered: the input is no event, or too large.
        OSError: the connection broke.
        EOFError: it ended in the middle of an event.
    """
    try:
        line = await reader.readline()
    except ValueError as error:  # asyncio's error for a line beyond the limit
        raise Unanswered("it says too much") from error
    if not line:
        return None
    header = _read(_Header, _object(line), "what it says is not Wyoming")
    data = header.data or {}
    if header.data_length:
        data |= _object(await reader.readexactly(header.data_length))
    left = header.payload_length or 0
    while left:
        left -= len(await reader.readexactly(min(left, _PIECE)))
    return Event(header.type, data)


def _object(content: bytes) -> dict[str, Any]:
    try:
        said = json.loads(content.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise Unanswered("what it says is not Wyoming") from error
    if not isinstance(said, dict):
        raise Unanswered("what it says is not Wyoming")
    return said


def _read(kind: type[Said], data: dict[str, Any], otherwise: str) -> Said:
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise Unanswered(otherwise) from error
