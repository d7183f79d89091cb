"""Models put together as the settings say."""

from pathlib import Path

import pytest

from streamer.cli.doctor import examine
from streamer.errors import InputError
from streamer.session.wiring import load_analyzer
from streamer.settings.settings import Settings
from tests.tiny import make_bundle


@pytest.mark.slow
def test_a_bundle_that_reads_words_only_wants_a_recogniser(tmp_path: Path, said: list[str]) -> None:
    words_only, both = make_bundle(tmp_path / "1", words_only=True), make_bundle(tmp_path / "2")
    load_analyzer(Settings(bundle=str(words_only), asr="auto"))
    load_analyzer(Settings(bundle=str(both), asr="none"))
    assert said == []
    load_analyzer(Settings(bundle=str(words_only), asr="none"))
    [line] = said
    assert "--asr" in line


def test_a_broken_bundle_is_bad_input(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path)
    (bundle / "model.safetensors").unlink()
    with pytest.raises(InputError, match="fetch it again"):
        load_analyzer(Settings(bundle=str(bundle), asr="none"))


@pytest.mark.parametrize(
    ("words_only", "said"), [(True, "by the words alone"), (False, "by words and voice")]
)
async def test_doctor_says_what_a_bundle_judges_by(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words_only: bool, said: str
) -> None:
    bundle = make_bundle(tmp_path, words_only=words_only)
    assert await examine(Settings(bundle=str(bundle), asr="none")) == 0
    assert said in capsys.readouterr().out
