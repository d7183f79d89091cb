"""What can be set of the outbox: `outbox.*` in merits.toml, MERITS_OUTBOX__* in the environment."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

FILE_NAME = "outbox.sqlite"


class OutboxSettings(BaseModel):
    """Where events wait for the broker, and how many may."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path | None = Field(
        None, description=f"File in which events wait for the broker; {FILE_NAME} in the user's state folder."
    )
    max_age_h: float = Field(168.0, gt=0, description="Events that waited longer are shed, in hours.")
    max_mb: float = Field(256.0, gt=0, description="Beyond so many megabytes the oldest are shed.")
    max_events: int = Field(200_000, ge=1, description="Beyond so many events the oldest are shed.")

    def place(self) -> Path:
        """The file: as set (in it, where a folder is set), or the platform's place for such things."""
        if self.path is None:
            from platformdirs import user_state_path

            return user_state_path("merits") / FILE_NAME
        path = self.path.expanduser()
        return path / FILE_NAME if path.is_dir() else path
