"""Settings: where they come from, and which wins."""

from pathlib import Path

import pytest

from streamer.errors import InputError
from streamer.settings.settings import load_settings


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_flags_win_over_the_environment_over_the_file_over_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().window == 32
    Path("merits.toml").write_text('window = 4\nasr = "none"\n[turns]\nendpoint_ms = 700\n')
    assert load_settings().window == 4
    assert load_settings().turns.endpoint_ms == 700
    monkeypatch.setenv("MERITS_WINDOW", "8")
    monkeypatch.setenv("MERITS_TURNS__ENDPOINT_MS", "900")
    assert load_settings().window == 8
    assert load_settings().turns.endpoint_ms == 900
    assert load_settings(window=16, asr=None).window == 16
    assert load_settings(window=16, asr=None).asr == "none"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("window = 0\n", "window"),
        ("colour = 1\n", "colour"),
        ("[turns]\nendpoint_ms = 1\n", "turns.endpoint_ms"),
        ("window = \n", "merits.toml"),
        ('language = "german"\n', "language: give auto, or the code of a language such as en or de"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(content: str, message: str) -> None:
    Path("merits.toml").write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        load_settings()
    assert "\n" not in str(caught.value)


def test_the_brokers_password_is_not_shown() -> None:
    assert "secret" not in repr(load_settings(mqtt="mqtt://me:secret@localhost"))


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00",
        b"window = '\xe9'",
        b"a = " + b"[" * 100_000,
        b"x = 1\n" * 200_000,
        b"window = 1e999",
        b"=",
    ],
    ids=["UTF-16", "Latin-1", "deep", "large", "infinite", "broken"],
)
def test_a_settings_file_that_is_none_is_named_in_one_line(
    content: bytes,
) -> None:
    Path("merits.toml").write_bytes(content)
    with pytest.raises(InputError, match=r"merits\.toml"):
        load_settings()


@pytest.mark.parametrize("value", ["[" * 100_000, "{", "\udcff", "9" * 6_000])
def test_odd_settings_in_the_environment_are_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    for name in ("MERITS_TURNS", "MERITS_WINDOW"):
        with monkeypatch.context() as context:
            context.setenv(name, value)
            with pytest.raises(InputError, match="MERITS_"):
                load_settings()
