"""What can be set of the server: `server.*` in merits.toml, MERITS_SERVER__* in the environment."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ServerSettings(BaseModel):
    """Where it listens, whom it lets in, and what a client may ask of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(8765, ge=0, le=65535, description="Port; 0 takes any that is free.")
    token_file: Path | None = Field(None, description="File with the token that clients must show.")
    allow_origins: tuple[str, ...] = Field((), description="Web sites whose pages may connect.")
    tls_cert: Path | None = Field(None, description="Certificate chain (PEM).")
    tls_key: Path | None = Field(None, description="Its key (PEM, without a passphrase).")
    max_streams: int = Field(128, ge=1, le=10_000, description="Connections that may stream at once.")
    max_onlookers: int = Field(32, ge=0, le=10_000, description="Pages and programs that may watch at once.")
    max_message_bytes: int = Field(2**20, ge=1024, le=2**26, description="Longest message of a client.")
    max_speed: float = Field(
        20.0, ge=1, le=1000, description="Sound that comes faster than so many times real time is slowed."
    )
    max_starts_per_s: float = Field(
        20.0,
        ge=1,
        le=1e6,
        description="Streams that begin in a second, after a burst of max_streams; a container counts as "
        "four. More wait.",
    )
    max_connections: int = Field(
        4096,
        ge=1,
        le=10_000,
        description="Connections at once that neither stream nor watch, or not yet; beyond, one gives way.",
    )
    max_messages_per_s: float = Field(
        250.0, ge=10, le=1e6, description="Frames of a client that are read in a second, of any kind."
    )
    max_controls_per_s: float = Field(
        50.0, ge=1, le=1e6, description="Control messages of a client that are heeded in a second."
    )
    max_bytes_per_s: float = Field(
        2.0**24, ge=2**16, le=2**40, description="Bytes of a client that are read in a second."
    )
    max_memory_mb: int | None = Field(
        None,
        ge=1,
        description="Memory beyond which no further stream is taken, in MiB; by default nine tenths of what "
        "the control group, the address space (ulimit -v) or the machine has.",
    )
    buffer_s: float = Field(
        10.0, ge=1, le=600, description="Sound of a stream that may wait to be cut into turns."
    )
    pending_events: int = Field(
        512, ge=16, le=65_536, description="Events that may wait for a client to read them."
    )
    pending_bytes: int = Field(
        2**20, ge=2**16, le=2**30, description="Bytes of events that may wait for a client to read them."
    )
    kept_turns: int = Field(
        2000,
        ge=0,
        le=100_000,
        description="Turns of a session that are kept for whoever watches later.",
    )
    kept_bytes: int = Field(
        2**23, ge=2**16, le=2**32, description="Bytes of turns of a session that are kept likewise."
    )
    kept_sessions: int = Field(
        8, ge=0, le=1000, description="Ended sessions that are kept for whoever watches later."
    )
    max_linger_s: Annotated[float, Field(ge=0, le=86_400)] = Field(
        60.0, description="How long a session may wait for its client to come back."
    )
    request_timeout_s: Annotated[float, Field(gt=0, le=600)] = Field(
        10.0, description="How long a request may take to arrive, and a TLS handshake."
    )
    answer_timeout_s: Annotated[float, Field(gt=0, le=3600)] = Field(
        30.0, description="How long a client may take to read the answer to a request."
    )
    vanished_timeout_s: Annotated[float, Field(ge=1, le=3600)] = Field(
        30.0, description="How long a client may take in nothing of what is sent, or its machine not answer."
    )
    open_timeout_s: Annotated[float, Field(gt=0, le=600)] = Field(
        10.0, description="How long a client may take to say what it will send."
    )
    idle_timeout_s: Annotated[float, Field(gt=0, le=86_400)] = Field(
        60.0, description="How long a client may send nothing."
    )
    close_timeout_s: Annotated[float, Field(gt=0, le=600)] = Field(
        5.0, description="How long a client may take to read its last events."
    )

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key go together: give both, or neither")
        return self
