"""Where the broker is: `mqtt://user:password@host:port/prefix`."""

from dataclasses import dataclass, field
from typing import Self
from urllib.parse import unquote, urlsplit

from streamer.errors import InputError

DEFAULT_PREFIX = "merits"
_DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}
_EXAMPLE = "mqtt://localhost or mqtts://user:password@broker.example:8883"


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker, and how to be let in. Neither `repr` nor `str` shows the password.

    Attributes:
        host: name or IP address.
        port: TCP port.
        tls: whether the connection is encrypted and the broker's certificate checked.
        username: None for brokers that let anyone in.
        password: likewise.
        prefix: first levels of every topic.
    """

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    prefix: str = DEFAULT_PREFIX

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a URL. User name, password and prefix are percent-decoded.

        Raises:
            InputError: this is no address of a broker. The message does not repeat the URL, which may hold
                a password.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
            host.encode("idna")
        except ValueError as error:
            raise InputError(f"the broker's address cannot be read; write it like {_EXAMPLE}") from error
        if parts.scheme not in _DEFAULT_PORTS:
            raise InputError(f"the broker's address starts with mqtt:// or mqtts://, like {_EXAMPLE}")
        if not host or port == 0:
            raise InputError(f"the broker's address names no host or port; write it like {_EXAMPLE}")
        if parts.query or parts.fragment:
            raise InputError(
                "the broker's address ends after the topic prefix; write ? and # in a password as %3F and %23"
            )
        prefix = unquote(parts.path).strip("/") or DEFAULT_PREFIX
        if prefix.startswith("$") or any(c in "+#" or not c.isprintable() for c in prefix):
            raise InputError(
                f"{prefix!r} cannot begin an MQTT topic: leave out $, +, # and control characters"
            )
        return cls(
            host=host,
            port=port if port is not None else _DEFAULT_PORTS[parts.scheme],
            tls=parts.scheme == "mqtts",
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password is not None else None,
            prefix=prefix,
        )
