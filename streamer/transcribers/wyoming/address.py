"""The address of a Wyoming server: `wyoming://HOST:PORT?language=en`."""

from typing import Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from streamer.errors import InputError

SCHEME = "wyoming://"
DEFAULT_PORT = 10300
_EXAMPLE = "wyoming://192.168.1.10:10300?language=en"


class WyomingAddress(BaseModel):
    """The address of a Wyoming server, and the options of requests.

    Attributes:
        host: name or address.
        port: by default 10300, the usual port of speech-to-text servers.
        language: spoken language, BCP 47; None leaves the choice to the server.
        model: name of the server's model; None leaves the choice to the server.
        timeout_s: time limit for the words after the end of a turn, `timeout` in the address; None for 5 s
            plus the length of the turn.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    host: str
    port: int = DEFAULT_PORT
    language: str | None = Field(None, pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")
    model: str | None = Field(None, min_length=1)
    timeout_s: float | None = Field(None, gt=0, le=600, alias="timeout")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{SCHEME}{host}:{self.port}"

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read an address.

        Raises:
            InputError: the address is invalid; the message shows the form.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
            host.encode("idna")
            asked = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        except ValueError as error:
            raise InputError(f"the recogniser's address cannot be read; write it like {_EXAMPLE}") from error
        if parts.scheme != "wyoming" or not host or port == 0 or parts.username or parts.path.strip("/"):
            raise InputError(f"the recogniser's address is not like {_EXAMPLE}")
        try:
            return cls.model_validate({"host": host, "port": port or DEFAULT_PORT, **asked})
        except ValidationError as error:
            first = error.errors()[0]
            where = ": ".join(str(part) for part in (*first["loc"], first["msg"]))
            raise InputError(
                f"the recogniser's address: {where}; it takes language, model and "
                f"timeout (seconds), like {_EXAMPLE}"
            ) from error
