"""The language of a stream, as its client says it."""

from models.bundle import load_bundle
from streamer.settings.settings import Settings
from streamer.turn_embedding.analyzer import Analyzer
from tests.streamer.server.serving import serving, stream
from tests.streamer.session.test_languages import ENGLISH, GERMAN, Polyglot
from tests.streamer.sound import conversation

SOUND = conversation()[:80_000].tobytes()


async def test_each_client_chooses_language_translation_and_times(settings: Settings) -> None:
    recogniser = Polyglot()
    analyzer = Analyzer(load_bundle(settings.bundle), recogniser)
    async with serving(analyzer, settings.model_copy(update={"language": "en"})) as (url, _):
        plain = await stream(f"{url}plain", SOUND, live=False)
        asked = await stream(f"{url}asked", SOUND, live=False, language="de", translate=True, word_times=True)
        languages = {request.language for request in recogniser.asked}
        unknown = await stream(f"{url}unknown", b"", language="fr")
        odd = await stream(f"{url}odd", b"", language="German, please")
    assert languages == {"en", "de"}
    [first, *_] = plain.of("turn.final")
    assert (first["text"], first["language"], first["translation"], first["words"]) == (
        GERMAN,
        "de",
        None,
        None,
    )
    [first, *_] = asked.of("turn.final")
    assert (first["text"], first["translation"]) == (GERMAN, ENGLISH)
    assert [word["text"] for word in first["words"]] == ["Ich", "froh."]
    assert (unknown.error, unknown.close_code) == ("bad_message", 4400)
    assert unknown.messages[0]["message"] == "language: polyglot recognises de, en only, not 'fr'"
    assert (odd.error, odd.close_code) == ("bad_message", 4400)
    assert "give auto, or the code of a language" in odd.messages[0]["message"]
