"""A remote recogniser that speaks the Wyoming protocol (github.com/OHF-Voice/wyoming).

Each turn has its own connection, as servers expect: we send transcribe, audio-start, many audio-chunk and
audio-stop events, and receive a transcript.
"""

import asyncio
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray
from wyoming.info import Describe

from streamer.audio.frame import SAMPLE_RATE
from streamer.errors import InputError, RunError
from streamer.settings.language import primary
from streamer.transcribers.base import Listening, Transcript, Unanswered
from streamer.transcribers.no_speech import can_hold_words
from streamer.transcribers.repetition import text_without_loops
from streamer.transcribers.wyoming import messages
from streamer.transcribers.wyoming.address import WyomingAddress
from streamer.transcribers.wyoming.connection import CONNECT_S, Connection, ConnectionThread, Utterance

DESCRIBE_S = 2.0
"""Time limit for the server to describe itself."""

SEND_S = 2.0
"""Time limit for the server to accept sound."""

WORDS_S = 5.0
"""Time limit for the words of a turn, in addition to the turn's length."""


class Wyoming:
    """Recognise with a Wyoming server. With `listen`, turns are sent while they are spoken.

    The constructor opens no connection; `look` does.
    """

    def __init__(self, address: WyomingAddress) -> None:
        self.address = address
        self._name = "wyoming"
        self._described = False
        self._languages: frozenset[str] | None = None
        self._connections = ConnectionThread()

    @property
    def name(self) -> str:
        """ "wyoming" and the server's description of itself: "wyoming:faster-whisper:base-int8"."""
        return self._name

    @property
    def languages(self) -> frozenset[str] | None:
        """The languages that the server says it recognises; None if it does not say."""
        return self._languages

    def look(self) -> None:
        """Check that the server is available and suitable.

        Raises:
            RunError: it is not available, or does not answer.
            InputError: it is no speech-to-text server, or lacks the requested language or model.
        """
        info = self._connections.do(_describe(self.address), CONNECT_S + DESCRIBE_S + 1)
        if info is not None:
            program = _chosen(info, self.address)
            self._name = f"wyoming:{_described(program, self.address)}"
            self._languages = _languages(program, self.address)
            self._described = True
        elif self._described:  # some servers do not describe themselves
            raise RunError("it does not answer")

    def transcribe(self, audio: NDArray[np.int16], language: str | None = None) -> Transcript:
        """Recognise one turn, int16 [n] at 16 kHz, in a language or the address's."""
        listening = self.listen(None, language)
        try:
            listening.hear(audio)
            return listening.finish(audio)
        finally:
            listening.close()

    def listen(self, before: Listening | None, language: str | None = None) -> "WyomingListening":  # noqa: ARG002
        """Begin a turn (see `ListeningTranscriber`); the server limits the number at once."""
        asked = self.address.model_copy(update={"language": language or self.address.language})
        return WyomingListening(asked, self._connections)

    def close(self) -> None:
        """Close all connections."""
        self._connections.close()


class WyomingListening:
    """One turn (see `Listening`). If it continues after `finish`, it is sent again from its start."""

    def __init__(self, address: WyomingAddress, connections: ConnectionThread) -> None:
        self._address = address
        self._connections = connections
        self._heard: list[NDArray[np.int16]] = []
        self._utterance: Utterance | None = None

    def hear(self, samples: NDArray[np.int16]) -> str:
        """Send the next sound (see `Listening`); only servers that stream transcripts return words so far."""
        self._heard.append(samples)
        return self._connections.do(self._send(samples), CONNECT_S + SEND_S)

    def finish(self, audio: NDArray[np.int16]) -> Transcript:
        """The words of the turn (see `Listening`); none if the turn cannot contain words."""
        if not can_hold_words(audio):
            return Transcript("")
        if (
            sum(map(len, self._heard)) - len(audio) > SAMPLE_RATE
        ):  # a split turn: the rest belongs to the next one
            self.close()
            self._heard = [audio]
        limit_s = self._address.timeout_s or WORDS_S + len(audio) / SAMPLE_RATE
        said = self._connections.do(self._finish(), limit_s)
        return Transcript(text_without_loops(said.text), said.language or self._address.language)

    def close(self) -> None:
        """Close the connection."""
        if self._utterance is not None:
            utterance, self._utterance = self._utterance, None
            self._connections.begin(utterance.close())

    async def _send(self, samples: NDArray[np.int16]) -> str:
        if self._utterance is None:
            self._utterance = Utterance(self._address)
            await self._utterance.open()
            samples = np.concatenate(self._heard)
        await self._utterance.send(samples)
        return self._utterance.text

    async def _finish(self) -> Transcript:
        if self._utterance is None:
            await self._send(np.zeros(0, np.int16))
        assert self._utterance is not None
        utterance, self._utterance = self._utterance, None
        try:
            return await utterance.finish()
        finally:
            await utterance.close()


async def _describe(address: WyomingAddress) -> messages.Info | None:
    """The server's description of itself; None if there is none, or an invalid one."""
    async with Connection(address) as connection:
        await connection.write(Describe())
        with suppress(TimeoutError):
            async with asyncio.timeout(DESCRIBE_S):
                while (event := await connection.read()) is not None:
                    if event.kind == "info":
                        return _info(event)
    return None


def _info(event: messages.Event) -> messages.Info | None:
    try:
        return event.read(messages.Info)
    except Unanswered:
        return None


def _chosen(info: messages.Info, address: WyomingAddress) -> messages.Program:
    """The server's program that has what is asked for."""
    programs = [program for program in info.asr if program.installed] or info.asr
    if not programs:
        raise InputError(f"{address} offers no speech-to-text; ask another server")
    for program in programs:
        if not program.models or any(_suits(model, address) for model in program.models):
            return program
    asked = {"language": address.language, "model": address.model}
    wanted = " and ".join(f"{what} {value}" for what, value in asked.items() if value is not None)
    offered = "; ".join(f"{m.name} ({', '.join(m.languages)})" for each in programs for m in each.models)
    raise InputError(f"{address} has nothing for {wanted}; it offers {offered}")


def _described(program: messages.Program, address: WyomingAddress) -> str:
    """The program, and its model if only one is possible."""
    models = [model for model in program.models if _suits(model, address)]
    return f"{program.name}:{models[0].name}" if len(models) == 1 else program.name


def _languages(program: messages.Program, address: WyomingAddress) -> frozenset[str] | None:
    """The languages of all models that may be asked for; None if one does not say."""
    models = [model for model in program.models if address.model in (None, model.name)]
    if not models or not all(model.languages for model in models):
        return None
    return frozenset(primary(language) for model in models for language in model.languages)


def _suits(model: messages.Model, address: WyomingAddress) -> bool:
    languages = {primary(language) for language in model.languages}
    return (address.model is None or model.name == address.model) and (
        address.language is None or not languages or primary(address.language) in languages
    )
