"""Lines that can't be meant."""

from pathlib import Path

import pytest

from tests.offline_train.annotators.conftest import Command


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "--texts FILE"),
        (("--corpus", "meld"), "--data FOLDER"),
        (("--corpus", "nothing", "--data", "."), "nothing"),
        (("--corpus", "meld", "--data", "missing"), "missing"),
        (("--texts", "missing.txt"), "missing.txt"),
        (("--texts", "TEXTS"), "--model"),
        (("--texts", "TEXTS", "--model", "m"), "OPENAI_API_KEY"),
        (("--texts", "TEXTS", "--model", "m", "--base-url", "localhost:8000/v1"), "http://"),
        (("--texts", "TEXTS", "--model", "m", "--api-key-file", "missing"), "missing"),
        (("--texts", "TEXTS", "--model", "m", "--api-key-file", "TEXTS"), "no key"),
        (("--texts", "TEXTS", "--model", "m", "--asks", "0"), "asks"),
        (("--texts", "TEXTS", "--corpus", "meld"), "--corpus"),
        (("--texts", "TEXTS", "--annotator", "lexicon", "--model", "m"), "--model is for --annotator llm"),
        (("--texts", "TEXTS", "--annotator", "lexicon", "--oracle"), "--corpus and --data"),
        (("--texts", "TEXTS", "--annotator", "corpus"), "--corpus and --data"),
        (("--texts", "TEXTS", "--annotator", "guess"), "guess"),
        (("--texts", "TEXTS", "--annotator", "lexicon", "--json", "missing/r.json"), "missing"),
        (("--corpus", "meld", "--data", ".", "--valence-scale", "5", "1"), "lower one first"),
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
    result = annotate("--out", "out.jsonl", *given)
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1
    assert says in result.err
    assert not (tmp_path / "out.jsonl").exists() or not (tmp_path / "out.jsonl").read_bytes()
