"""VADER."""

from pathlib import Path

from offline_train.annotation.records import read_annotations
from tests.offline_train.annotation.conftest import Command


def test_sentiments_by_vader(annotate: Command, tmp_path: Path) -> None:
    texts, out = tmp_path / "t.jsonl", tmp_path / "out.jsonl"
    texts.write_text(
        '{"id": "a", "text": "I love this, it is wonderful!", "context": ["Well?"]}\n'
        '{"id": "b", "text": "This is horrible and I hate it."}\n'
        '{"id": "c", "text": "The table has four legs."}\n'
    )
    for _ in range(2):
        result = annotate("lexicon", "--texts", texts, "--out", out)
        assert result.code == 0
    found = read_annotations(out)
    assert [(each.id, each.label) for each in found] == [
        ("a", "positive"),
        ("b", "negative"),
        ("c", "neutral"),
    ]
    assert found[0].context == ("Well?",)
    assert {each.annotator for each in found} == {"lexicon:vader"}
    assert "negative 1, neutral 1, positive 1" in result.out
