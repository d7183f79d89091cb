"""The settings: flags override MERITS_* in the environment, which override merits.toml and the defaults."""

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
from streamer.settings.language import Language
from streamer.settings.outbox import OutboxSettings
from streamer.settings.server import ServerSettings
from streamer.settings.turns import TurnSettings

CONFIG_FILE = "merits.toml"
_LARGEST = 1_000_000


class Settings(BaseSettings):
    """All settings. A field `a.b` is `MERITS_A__B` in the environment."""

    model_config = SettingsConfigDict(
        env_prefix="MERITS_", env_nested_delimiter="__", extra="forbid", toml_file=CONFIG_FILE, frozen=True
    )

    bundle: str = Field(
        DEFAULT_BUNDLE,
        description="Trained models: a folder or a name; auto for meld-base where it is fast enough.",
    )
    asr: str = Field(
        "auto",
        description="Speech recogniser: auto, faster-whisper, faster-whisper:SIZE, faster-whisper:FOLDER, "
        "none or wyoming://HOST:PORT.",
    )
    language: Language | None = Field(
        None,
        description="Spoken language: a code such as en or de, or auto to detect it for every turn; by "
        "default English with asr auto, otherwise auto.",
    )
    translate: bool = Field(
        False, description="Whether turns in other languages are judged by their English translation."
    )
    word_times: bool = Field(False, description="Whether events contain the time of every word.")
    window: Annotated[int, Field(ge=1, le=1024)] = Field(32, description="Turns analyzed together.")
    revise_above: Annotated[float, Field(gt=0, le=1)] = Field(
        0.1, description="Change of an emotion's probability above which a turn is revised."
    )
    text: bool = Field(True, description="Whether outputs contain the recognised words.")
    turns: TurnSettings = TurnSettings()
    speculate: bool = Field(
        True, description="Whether to analyze turns while they are spoken and at pauses, before their end."
    )
    partials: bool = Field(True, description="Whether to publish provisional results of unfinished turns.")
    pending_turns: Annotated[int, Field(ge=1, le=1024)] = Field(
        8, description="Most turns that wait to be analyzed; then no more sound is read."
    )
    mqtt: str | None = Field(None, repr=False, description="Broker: mqtt://[user:password@]host[:port].")
    broker: BrokerSettings = BrokerSettings()
    outbox: OutboxSettings = OutboxSettings()
    pace: Literal["fast", "realtime"] = Field("fast", description="Speed at which recordings are read.")
    follow_idle_s: Annotated[float, Field(gt=0, le=86_400)] = Field(
        60.0, description="Seconds without new data after which a followed recording ends."
    )
    channels: Literal["mix", "split"] = Field("mix", description="split: each channel is a speaker.")
    metrics: str | None = Field(
        None, description="HOST:PORT at which merits analyze and listen serve /metrics and /healthz."
    )
    log: Literal["text", "json"] = Field("text", description="Format of the log on standard error.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "warning", description="Lowest level that is logged."
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
        """Flags override the environment, which overrides merits.toml."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(**flags: Any) -> Settings:
    """Read the settings from all sources. A flag that is None was not given.

    Raises:
        InputError: a value is invalid; the message says which and why.
    """
    try:
        _check_size(Path(CONFIG_FILE))
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "settings"
        said = first["msg"].removeprefix("Value error, ")  # pydantic's prefix of a validator's message
        raise InputError(
            f"{where}: {said} (flag, MERITS_{where.upper().replace('.', '__')} or {CONFIG_FILE})"
        ) from error
    except SettingsError as error:  # JSON in the environment
        raise InputError(f"MERITS_*: {error}: give JSON, or each setting by itself (MERITS_A__B)") from error
    except RecursionError as error:
        raise InputError(f"{CONFIG_FILE}, or JSON in MERITS_*, is nested too deep: mend it") from error
    except (ValueError, OSError) as error:  # invalid or unreadable TOML
        raise InputError(f"{Path(CONFIG_FILE).absolute()}: {error}") from error


def _check_size(file: Path) -> None:
    if file.is_file() and file.stat().st_size > _LARGEST:
        raise InputError(f"{file.absolute()} is of {file.stat().st_size / 1e6:.0f} MB: no settings of ours")
