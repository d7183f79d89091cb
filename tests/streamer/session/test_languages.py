"""Turns in other languages than the bundle's: what is said of them, and what they are judged by."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.bundle import Bundle
from models.whisper.word import Word
from streamer.errors import InputError
from streamer.events import TurnFinal
from streamer.session.pipeline import Pipeline
from streamer.settings.settings import Settings
from streamer.settings.turns import TurnSettings
from streamer.transcribers.base import RecognitionRequest, Transcript
from streamer.turn_embedding.analyzer import Analyzer
from tests.streamer.session.test_pipeline import Collect
from tests.streamer.sound import ArraySource, conversation, frames
from tests.tiny import tiny_bundle

GERMAN = "Ich bin froh."
ENGLISH = "I am happy."


class Polyglot:
    """A recogniser that says what it was told to, in German or English, and notes what it was asked."""

    name = "polyglot"
    languages = frozenset({"de", "en"})

    def __init__(self, language: str = "de") -> None:
        self.language = language
        self.asked: list[RecognitionRequest] = []

    def transcribe(self, audio: NDArray[np.int16], language: str | None = None) -> Transcript:
        return self.transcribe_together([RecognitionRequest(audio, language)])[0]

    def transcribe_together(self, turns: Sequence[RecognitionRequest]) -> list[Transcript]:
        self.asked += turns
        return [self._said(turn) for turn in turns]

    def _said(self, turn: RecognitionRequest) -> Transcript:
        german = self.language == "de"
        return Transcript(
            GERMAN if german else ENGLISH,
            self.language,
            confidence=0.75,
            translation=ENGLISH if german and turn.translate else None,
            words=(Word("Ich", 0.2, 0.4, 0.9), Word("froh.", 0.5, 99.0, 0.8)) if turn.word_times else (),
        )


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny_bundle(Path(tmp_path_factory.mktemp("bundle")), context_turns=2)


async def finals(bundle: Bundle, recogniser: Polyglot, **settings: object) -> list[TurnFinal]:
    collect = Collect()
    sound = frames(conversation()[: 11 * 16_000])
    fixed = TurnSettings(endpointing="fixed")
    asked = Settings(turns=fixed, **settings)  # type: ignore[arg-type]
    await Pipeline(ArraySource(sound), Analyzer(bundle, recogniser), [collect], asked, stream="test").run()
    return collect.of(TurnFinal)


async def test_what_the_bundle_cannot_judge_is_shown_and_judged_by_voice(
    bundle: Bundle, said: list[str]
) -> None:
    told = await finals(bundle, Polyglot())
    assert len(told) >= 3
    assert {(turn.text, turn.language, turn.translation) for turn in told} == {(GERMAN, "de", None)}
    assert {turn.words_confidence for turn in told} == {0.75}
    assert all(list(turn.modalities) == ["speech"] for turn in told)
    [line] = said
    assert "another language (de) is judged by the voice alone" in line
    assert "--translate" in line


async def test_the_translation_is_judged_as_if_it_had_been_said(bundle: Bundle, said: list[str]) -> None:
    translated = await finals(bundle, Polyglot(), translate=True)
    english = await finals(bundle, Polyglot("en"))
    assert {(turn.text, turn.translation) for turn in translated} == {(GERMAN, ENGLISH)}
    assert {(turn.text, turn.translation) for turn in english} == {(ENGLISH, None)}
    for one, other in zip(translated, english, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)
    assert all("text" in turn.modalities for turn in translated)
    assert said == []


async def test_words_have_times_of_the_stream_where_asked_for(bundle: Bundle) -> None:
    told = await finals(bundle, Polyglot(), word_times=True)
    for turn in told:
        assert turn.words is not None
        assert [word.text for word in turn.words] == ["Ich", "froh."]
        assert turn.start_s <= turn.words[0].start_s < turn.words[0].start_s + 0.2 <= turn.end_s
        assert turn.words[1].end_s == turn.end_s
    assert told[1].words is not None
    assert told[1].words[0].start_s > told[0].end_s
    assert all(turn.words is None for turn in await finals(bundle, Polyglot()))


async def test_withheld_words_are_withheld_in_every_form(bundle: Bundle) -> None:
    told = await finals(bundle, Polyglot(), translate=True, word_times=True, text=False)
    assert told
    assert {(turn.text, turn.translation, turn.words) for turn in told} == {(None, None, None)}
    assert all("text" in turn.modalities for turn in told)
    for turn in told:
        assert "froh" not in turn.model_dump_json()
        assert "happy" not in turn.model_dump_json()


@pytest.mark.slow
async def test_the_recogniser_is_told_the_language_of_each_stream(bundle: Bundle) -> None:
    for setting, language in ((None, None), ("auto", None), ("de-AT", "de-AT")):
        recogniser = Polyglot()
        await finals(bundle, recogniser, language=setting)
        assert {request.language for request in recogniser.asked} == {language}
    with pytest.raises(InputError, match="polyglot recognises de, en only, not 'fr'"):
        await finals(bundle, Polyglot(), language="fr")


async def test_open_turns_are_recognised_in_the_language_and_no_more(bundle: Bundle) -> None:
    recogniser = Polyglot()
    analyzer = Analyzer(bundle, recogniser)
    with analyzer.client(language="de", translate=True, word_times=True) as client:
        said = await client.interim_words(conversation()[:16_000])
    [asked] = recogniser.asked
    assert (asked.language, asked.translate, asked.word_times, asked.is_open) == ("de", False, False, True)
    assert said.text == GERMAN
