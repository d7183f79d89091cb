"""The broker's address, `mqtt://user:password@host:port/prefix`, and the credentials."""

import ssl
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

from streamer.errors import InputError
from streamer.settings.broker import BrokerSettings

DEFAULT_PREFIX = "merits"
_DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}
_LONGEST = 10_000
"""Most characters of a user name, a password or a topic prefix: MQTT allows 65,535 bytes."""
_EXAMPLE = "mqtt://localhost or mqtts://user:password@broker.example:8883"


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker's address and credentials. Neither `repr` nor `str` shows the password.

    Attributes:
        host: name or IP address.
        port: TCP port.
        tls: whether the connection is encrypted and the broker's certificate checked.
        username: None for brokers without authentication.
        password: None for brokers without authentication.
        prefix: first levels of every topic.
        options: all other settings.
    """

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    prefix: str = DEFAULT_PREFIX
    options: BrokerSettings = field(default_factory=BrokerSettings, repr=False)

    def __str__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.place}"

    @property
    def place(self) -> str:
        """Host and port: they identify the broker in the outbox, whatever the credentials."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a URL. User name, password and prefix are percent-decoded.

        Raises:
            InputError: the URL is no broker's address. The message does not contain the URL, which may
                include a password.
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
        if any(len(part) > _LONGEST for part in (parts.path, parts.username or "", parts.password or "")):
            raise InputError(
                f"the broker's address has a user, password or prefix of over {_LONGEST:,} characters"
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

    @classmethod
    def of(cls, url: str, options: BrokerSettings) -> Self:
        """Read a URL, and take what it lacks from the settings.

        Raises:
            InputError: the URL is no address, or a file of the settings cannot be used. No message contains
                a password.
        """
        address = cls.parse(url)
        password = options.password.get_secret_value() if options.password is not None else None
        address = replace(
            address,
            username=address.username or options.username or _secret(options.username_file),
            password=address.password if address.password is not None else password,
            options=options,
        )
        if address.password is None and options.password_file is not None:
            address = replace(address, password=_secret(options.password_file))
        if address.password is not None and address.username is None:
            raise InputError("there is a password for the broker, but no user: set broker.username too")
        address.tls_context()
        return address

    def tls_context(self) -> ssl.SSLContext | None:
        """The TLS context, with CA certificates and client certificate; None without TLS. Reads files.

        Raises:
            InputError: a file cannot be used.
        """
        options = self.options
        if not self.tls:
            if options.ca_file or options.cert_file:
                raise InputError("broker.ca_file and broker.cert_file are for mqtts://, not for mqtt://")
            return None
        try:
            context = ssl.create_default_context(cafile=options.ca_file)
        except OSError as error:
            raise InputError(f"cannot use broker.ca_file {options.ca_file}: {_why(error)}") from error
        if options.cert_file is not None:
            try:
                context.load_cert_chain(options.cert_file, options.key_file, password=_no_passphrase)
            except (OSError, ValueError) as error:
                raise InputError(
                    f"cannot use broker.cert_file {options.cert_file} with key_file {options.key_file}: "
                    f"{_why(error)}"
                ) from error
        return context


def _no_passphrase() -> str:
    raise ValueError("the key has a passphrase; store it without one, readable for this user alone")


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return "no certificate or key in PEM that fit together"
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _secret(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return file.expanduser().read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {file} with the broker's user or password: {_why(error)}") from error
