"""The settings tree: defaults < merits.toml < MERITS_* in the environment < flags."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from models.paths import DEFAULT_BUNDLE
from streamer.errors import InputError
from streamer.settings.broker import BrokerSettings
from streamer.settings.outbox import OutboxSettings
from streamer.settings.server import ServerSettings
from streamer.settings.turns import TurnSettings

CONFIG_FILE = "merits.toml"
_LARGEST = 1_000_000


class Settings(BaseSettings):
    """Everything that can be set. A field `a.b` is `MERITS_A__B` in the environment."""

    model_config = SettingsConfigDict(
        env_prefix="MERITS_", env_nested_delimiter="__", extra="forbid", toml_file=CONFIG_FILE, frozen=True
    )

    bundle: str = Field(DEFAULT_BUNDLE, description="Folder or name of the trained bundle.")
    asr: str = Field(
        "auto",
        description="Recogniser: auto, faster-whisper, faster-whisper:SIZE or :FOLDER, pocketsphinx, none, "
        "wyoming://HOST:PORT.",
    )
    window: Annotated[int, Field(ge=1, le=1024)] = Field(32, description="Turns of context.")
    revise_above: Annotated[float, Field(gt=0, le=1)] = Field(
        0.1, description="A probability that moves by more than this makes a revision."
    )
    text: bool = Field(True, description="False keeps words out of every output.")
    turns: TurnSettings = TurnSettings()
    speculate: bool = Field(
        True, description="Begin with a turn while it is spoken and when it pauses, before it is surely over."
    )
    partials: bool = Field(True, description="Tell of turns that still go on, with what they seem to be.")
    pending_turns: Annotated[int, Field(ge=1, le=1024)] = Field(
        8, description="Turns that may wait to be analyzed before the source is held back."
    )
    mqtt: str | None = Field(None, repr=False, description="Broker: mqtt://[user:password@]host[:port].")
    broker: BrokerSettings = BrokerSettings()
    outbox: OutboxSettings = OutboxSettings()
    pace: Literal["fast", "realtime"] = Field("fast", description="How fast recordings are played.")
    follow_idle_s: Annotated[float, Field(gt=0, le=86_400)] = Field(
        60.0, description="A recording that is followed ends when nobody has written to it for so long."
    )
    channels: Literal["mix", "split"] = Field("mix", description="split makes each channel a speaker.")
    metrics: str | None = Field(
        None, description="Where merits analyze and listen serve /metrics and /healthz: HOST:PORT."
    )
    log: Literal["text", "json"] = Field("text", description="How to log on standard error.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "warning", description="From which level on to log."
    )
    server: ServerSettings = ServerSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags win over the environment, which wins over merits.toml."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(**flags: Any) -> Settings:
    """Read settings from everywhere; flags that are None were not given.

    Raises:
        InputError: a value is not what it should be; says which and why.
    """
    try:
        _check_size(Path(CONFIG_FILE))
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "settings"
        said = first["msg"].removeprefix("Value error, ")  # as pydantic begins what validators say
        raise InputError(
            f"{where}: {said} (flag, MERITS_{where.upper().replace('.', '__')} or {CONFIG_FILE})"
        ) from error
    except SettingsError as error:  # JSON in the environment
        raise InputError(f"MERITS_*: {error}: give JSON, or each setting by itself (MERITS_A__B)") from error
    except RecursionError as error:
        raise InputError(f"{CONFIG_FILE}, or JSON in MERITS_*, is nested too deep: mend it") from error
    except (ValueError, OSError) as error:  # TOML that can't be parsed, or read
        raise InputError(f"{Path(CONFIG_FILE).absolute()}: {error}") from error


def _check_size(file: Path) -> None:
    if file.is_file() and file.stat().st_size > _LARGEST:
        raise InputError(f"{file.absolute()} is of {file.stat().st_size / 1e6:.0f} MB: no settings of ours")
