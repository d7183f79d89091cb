"""Options that several commands have."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from typer import Option

Mqtt = Annotated[str | None, Option(metavar="URL")]


@dataclass(frozen=True)
class ModelOptions:
    """What turns speech into words and emotions.

    Attributes:
        asr: Speech recogniser: auto (faster-whisper:tiny.en, which comes with the program),
            faster-whisper:SIZE such as base.en, downloaded once if it is not on this machine,
            faster-whisper:FOLDER, none (emotions from the voice alone), or a Wyoming server,
            wyoming://HOST:PORT?language=en. [env: MERITS_ASR; default: auto]
        bundle: Trained emotion models: a folder, the name of a bundle that comes with the program, or auto:
            meld-base where its encoder is installed (extra "base") and fast enough, else meld-small. [env:
            MERITS_BUNDLE; default: meld-small]
    """

    panel: ClassVar = "Speech and emotion"

    asr: Annotated[str | None, Option(metavar="NAME")] = None
    bundle: Annotated[str | None, Option(metavar="NAME")] = None


@dataclass(frozen=True)
class AnalysisOptions(ModelOptions):
    """How turns are analyzed.

    Attributes:
        language: Spoken language: a code such as en or de, or auto to detect it for every turn; without it
            English with --asr auto, otherwise auto. Other languages than English need a multilingual model:
            --asr auto then takes that of the extra "multilingual". [env: MERITS_LANGUAGE]
        translate: Judge turns in other languages by their English translation. [env: MERITS_TRANSLATE]
        word_times: Include the time of every word in events. [env: MERITS_WORD_TIMES]
        window: Number of latest turns that are analyzed together, as context of each other: 1 to 1024. [env:
            MERITS_WINDOW; default: 32]
    """

    language: Annotated[str | None, Option(metavar="CODE")] = None
    translate: bool | None = None
    word_times: bool | None = None
    window: Annotated[int | None, Option(metavar="TURNS")] = None


@dataclass(frozen=True)
class OutputOptions:
    """Where events go.

    Attributes:
        events: File to write all events to, as JSON lines; an existing file is replaced. "-" is standard
            output. [default: none]
        view: Show the live view in the terminal, or with --no-view plain lines. [default: the live view in a
            terminal, otherwise lines]
        mqtt: MQTT broker to publish events to, such as mqtt://localhost or
            mqtts://user:password@host:8883/prefix. See docs/mqtt.md. [env: MERITS_MQTT; default: none]
        text: Include the recognised words in outputs; --no-text leaves them out of every output. [env:
            MERITS_TEXT; default: text]
    """

    panel: ClassVar = "Outputs"

    events: Annotated[str | None, Option(metavar="FILE")] = None
    view: bool | None = None
    mqtt: Mqtt = None
    text: bool | None = None


@dataclass(frozen=True)
class LiveOutputOptions(OutputOptions):
    """Where events and figures go.

    Attributes:
        view: Show the live view in the terminal, or with --no-view plain lines. [default: the live view of
            live sound (a microphone, --pace realtime) in a terminal, otherwise lines]
        metrics: Address to serve /metrics (for Prometheus), /healthz and /livez at over HTTP, such as
            127.0.0.1:9464. An address that other machines can reach needs a token in MERITS_TOKEN. [env:
            MERITS_METRICS; default: none]
    """

    metrics: Annotated[str | None, Option(metavar="HOST:PORT")] = None
