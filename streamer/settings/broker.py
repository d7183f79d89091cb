"""What can be set of the broker: `broker.*` in merits.toml, MERITS_BROKER__* in the environment."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

Protocol = Literal["auto", "5", "3.1.1"]


class BrokerSettings(BaseModel):
    """How to be let in by the broker that `--mqtt` names, and what it is told besides events."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    protocol: Protocol = Field("auto", description="Version of MQTT; auto is 5, or what the broker knows.")
    username: str | None = Field(None, description="User, where the address names none.")
    password: SecretStr | None = Field(None, description="Password, where the address has none.")
    username_file: Path | None = Field(None, description="File that holds the user instead.")
    password_file: Path | None = Field(None, description="File that holds the password instead.")
    ca_file: Path | None = Field(
        None, description="Certificates (PEM) that vouch for the broker, instead of the system's."
    )
    cert_file: Path | None = Field(None, description="Certificate to show to the broker (PEM).")
    key_file: Path | None = Field(None, description="Its key (PEM, without a passphrase).")
    discovery: bool = Field(True, description="Make the streams known to Home Assistant.")
    discovery_prefix: str = Field(
        "homeassistant", pattern=r"^[^+#\s/$][^+#\s]*[^+#\s/]$", description="As set in Home Assistant."
    )
    drain_s: float = Field(
        10.0, ge=0, le=3600, description="How long the end of a stream may wait for what is not sent yet."
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together: give both, or neither")
        if self.password is not None and self.password_file is not None:
            raise ValueError("password and password_file exclude each other: give one")
        if self.username is not None and self.username_file is not None:
            raise ValueError("username and username_file exclude each other: give one")
        return self
