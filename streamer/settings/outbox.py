"""Settings of the outbox: `outbox.*` in merits.toml, MERITS_OUTBOX__* in the environment."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

FILE_NAME = "outbox.sqlite"


class OutboxSettings(BaseModel):
    """The file in which events wait for the broker, and its limits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path | None = Field(
        None, description=f"File of the outbox; by default {FILE_NAME} in the user's state folder."
    )
    max_age_h: float = Field(168.0, gt=0, description="Hours after which a waiting event is dropped.")
    max_mb: float = Field(256.0, gt=0, description="Megabytes above which the oldest events are dropped.")
    max_events: int = Field(200_000, ge=1, description="Number above which the oldest events are dropped.")

    def place(self) -> Path:
        """The file: `path` (or a file in it, if it is a folder), or else one in the user's state folder."""
        if self.path is None:
            from platformdirs import user_state_path

            return user_state_path("merits") / FILE_NAME
        path = self.path.expanduser()
        return path / FILE_NAME if path.is_dir() else path
