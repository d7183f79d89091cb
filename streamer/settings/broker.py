"""Settings of the MQTT broker: `broker.*` in merits.toml, MERITS_BROKER__* in the environment."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

Protocol = Literal["auto", "5", "3.1.1"]


class BrokerSettings(BaseModel):
    """How to log in to the broker of `--mqtt`, and what to publish besides events."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    protocol: Protocol = Field("auto", description="MQTT version; auto: 5 if the broker supports it.")
    username: str | None = Field(None, description="User name, if the address has none.")
    password: SecretStr | None = Field(None, description="Password, if the address has none.")
    username_file: Path | None = Field(None, description="File that contains the user name.")
    password_file: Path | None = Field(None, description="File that contains the password.")
    ca_file: Path | None = Field(
        None, description="CA certificates (PEM) to verify the broker with, instead of the system's."
    )
    cert_file: Path | None = Field(None, description="Client certificate (PEM).")
    key_file: Path | None = Field(None, description="Key of cert_file (PEM, no passphrase).")
    discovery: bool = Field(True, description="Announce each stream to Home Assistant.")
    discovery_prefix: str = Field(
        "homeassistant", pattern=r"^[^+#\s/$][^+#\s]*[^+#\s/]$", description="Home Assistant's topic prefix."
    )
    drain_s: float = Field(
        10.0, ge=0, le=3600, description="Longest wait at the end of a stream for unsent events, in seconds."
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
