"""Lines that can't be meant."""

from pathlib import Path

import pytest

from tests.offline_train.annotation.conftest import Command


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("lexicon",), "--texts FILE"),
        (("lexicon", "--corpus", "meld"), "--data FOLDER"),
        (("lexicon", "--corpus", "nothing", "--data", "."), "nothing"),
        (("lexicon", "--corpus", "meld", "--data", "missing"), "missing"),
        (("lexicon", "--texts", "missing.txt"), "missing.txt"),
        (("llm", "--texts", "TEXTS"), "--model"),
        (("llm", "--texts", "TEXTS", "--model", "m", "--serve", "smollm2"), "--serve"),
        (("llm", "--texts", "TEXTS", "--serve", "m"), "smollm2"),
        (("llm", "--texts", "TEXTS", "--model", "m"), "OPENAI_API_KEY"),
        (("llm", "--texts", "TEXTS", "--model", "m", "--base-url", "localhost:8000/v1"), "http://"),
        (("llm", "--texts", "TEXTS", "--model", "m", "--api-key-file", "missing"), "missing"),
        (("llm", "--texts", "TEXTS", "--model", "m", "--api-key-file", "TEXTS"), "no key"),
        (("llm", "--texts", "TEXTS", "--model", "m", "--asks", "0"), "asks"),
        (("lexicon", "--texts", "TEXTS", "--corpus", "meld"), "--corpus"),
        (("lexicon", "--texts", "TEXTS", "--split", "test"), "--split"),
        (("lexicon", "--texts", "TEXTS", "--model", "m"), "--model"),
        (("lexicon", "--texts", "TEXTS", "--oracle"), "--corpus and --data"),
        (("corpus", "--texts", "TEXTS"), "--corpus and --data"),
        (("agreement", "--texts", "TEXTS"), "--corpus and --data"),
        (("guess", "--texts", "TEXTS"), "guess"),
        (("lexicon", "--texts", "TEXTS", "--json", "missing/r.json"), "missing"),
        (("lexicon", "--corpus", "meld", "--data", ".", "--valence-scale", "5", "1"), "lower one first"),
    ],
)
def test_one_line_says_what_to_do(
    annotate: Command,
    texts: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [str(texts) if argument == "TEXTS" else argument for argument in arguments]
    result = annotate(given[0], "--out", "out.jsonl", *given[1:])
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1
    assert says in result.err
    assert not (tmp_path / "out.jsonl").exists() or not (tmp_path / "out.jsonl").read_bytes()
