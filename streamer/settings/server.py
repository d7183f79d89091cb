"""Settings of the server: `server.*` in merits.toml, MERITS_SERVER__* in the environment."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ServerSettings(BaseModel):
    """Where the server listens, who may connect, and the limits of a client."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(8765, ge=0, le=65535, description="TCP port; 0 takes a free one.")
    token_file: Path | None = Field(None, description="File with the token that clients must present.")
    allow_origins: tuple[str, ...] = Field((), description="Origins of web pages that may connect.")
    tls_cert: Path | None = Field(None, description="TLS certificate chain (PEM).")
    tls_key: Path | None = Field(None, description="Key of tls_cert (PEM, no passphrase).")
    max_streams: int = Field(128, ge=1, le=10_000, description="Most connections that stream at once.")
    max_onlookers: int = Field(32, ge=0, le=10_000, description="Most connections that watch at once.")
    max_message_bytes: int = Field(2**20, ge=1024, le=2**26, description="Longest client message in bytes.")
    max_speed: float = Field(
        20.0, ge=1, le=1000, description="Fastest rate at which sound is read, as a multiple of real time."
    )
    max_starts_per_s: float = Field(
        20.0,
        ge=1,
        le=1e6,
        description="Streams that may begin in a second, after a burst of max_streams; further ones wait. A "
        "container format counts as four.",
    )
    max_connections: int = Field(
        4096,
        ge=1,
        le=10_000,
        description="Most connections that neither stream nor watch; a further one replaces one of them.",
    )
    max_messages_per_s: float = Field(
        250.0, ge=10, le=1e6, description="Most websocket frames that are read from a client in a second."
    )
    max_controls_per_s: float = Field(
        50.0, ge=1, le=1e6, description="Most control messages of a client that are handled in a second."
    )
    max_bytes_per_s: float = Field(
        2.0**24, ge=2**16, le=2**40, description="Most bytes that are read from a client in a second."
    )
    max_memory_mb: int | None = Field(
        None,
        ge=1,
        description="Memory use at which further streams are refused, in MiB; by default nine tenths of the "
        "limit of the control group, the address space (ulimit -v) or the machine.",
    )
    buffer_s: float = Field(
        10.0, ge=1, le=600, description="Most sound of a stream that waits for turn detection, in seconds."
    )
    pending_events: int = Field(
        512, ge=16, le=65_536, description="Most events that wait for a client to read them."
    )
    pending_bytes: int = Field(
        2**20, ge=2**16, le=2**30, description="Most bytes of events that wait for a client to read them."
    )
    kept_turns: int = Field(
        2000,
        ge=0,
        le=100_000,
        description="Most turns of a session that are kept for later watchers.",
    )
    kept_bytes: int = Field(
        2**23, ge=2**16, le=2**32, description="Most bytes of a session's turns that are kept likewise."
    )
    kept_sessions: int = Field(
        8, ge=0, le=1000, description="Most ended sessions that are kept for later watchers."
    )
    max_linger_s: Annotated[float, Field(ge=0, le=86_400)] = Field(
        60.0, description="Longest time for which a session waits for its client to reconnect, in seconds."
    )
    request_timeout_s: Annotated[float, Field(gt=0, le=600)] = Field(
        10.0, description="Time limit in seconds for a TLS handshake, and for a request to arrive."
    )
    answer_timeout_s: Annotated[float, Field(gt=0, le=3600)] = Field(
        30.0, description="Time limit in seconds for a client to read the answer to a request."
    )
    vanished_timeout_s: Annotated[float, Field(ge=1, le=3600)] = Field(
        30.0, description="Seconds after which a client that reads nothing, or does not answer, is closed."
    )
    open_timeout_s: Annotated[float, Field(gt=0, le=600)] = Field(
        10.0, description="Time limit in seconds for a client to announce the format of its sound."
    )
    idle_timeout_s: Annotated[float, Field(gt=0, le=86_400)] = Field(
        60.0, description="Seconds after which a client that sends nothing is closed."
    )
    close_timeout_s: Annotated[float, Field(gt=0, le=600)] = Field(
        5.0, description="Time limit in seconds for a client to read its last events."
    )

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key go together: give both, or neither")
        return self
