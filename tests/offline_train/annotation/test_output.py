"""The files that a kill may leave behind."""

import json
from pathlib import Path

import pytest

from offline_train.annotation.output import Output, check_same_texts
from offline_train.annotation.records import Annotation, read_annotations
from offline_train.annotation.texts import Text
from offline_train.errors import UsageError

WHOLE = Annotation("1", "très\u2028bien", "positive", "llm:m", ("before",))
TORN = Annotation("2", "mal: ü", "negative", "llm:m")
SETTINGS = {"annotator": "llm:m"}


def start(path: Path) -> None:
    with Output(path) as output:
        output.resume(SETTINGS)


@pytest.mark.parametrize("kept", range(len(TORN.line().encode())))
def test_a_torn_last_line_is_mended(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "a.jsonl"
    start(path)
    path.write_bytes(WHOLE.line().encode() + TORN.line().encode()[:kept])
    only_its_end_is_missing = kept == len(TORN.line().encode()) - 1
    there = [WHOLE, TORN] if only_its_end_is_missing else [WHOLE]
    assert read_annotations(path) == there
    with Output(path) as output:
        output.resume(SETTINGS)
        assert list(output.done.values()) == there
        output.write(Annotation("3", "x", "neutral", "llm:m"))
    assert [each.id for each in read_annotations(path)] == [*(each.id for each in there), "3"]


def test_a_broken_line_in_the_midst_is_not_thrown_away(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    start(path)
    path.write_text(WHOLE.line() + "{\n" + TORN.line(), encoding="utf-8")
    with Output(path) as output, pytest.raises(UsageError, match="line 2"):
        output.resume(SETTINGS)


def test_other_settings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    start(path)
    path.write_text(WHOLE.line(), encoding="utf-8")
    with Output(path) as output, pytest.raises(UsageError, match=r'annotator "llm:m", now "llm:n"'):
        output.resume({"annotator": "llm:n"})


def test_where_nothing_is_annotated_yet_settings_may_change(tmp_path: Path) -> None:
    start(tmp_path / "a.jsonl")
    with Output(tmp_path / "a.jsonl") as output:
        output.resume({"annotator": "llm:n"})
    assert json.loads((tmp_path / "a.jsonl.settings.json").read_text()) == {"annotator": "llm:n"}


@pytest.mark.parametrize("ending", ["settings.json", "set-aside.jsonl"])
@pytest.mark.parametrize("content", ["{\n{}\n", "[]\n"])
def test_files_that_somebody_changed(tmp_path: Path, ending: str, content: str) -> None:
    path = tmp_path / "a.jsonl"
    start(path)
    path.write_text(WHOLE.line(), encoding="utf-8")
    (tmp_path / f"a.jsonl.{ending}").write_text(content, encoding="utf-8")
    with Output(path) as output, pytest.raises(UsageError, match=f"{ending} was changed"):
        output.resume(SETTINGS)


def test_a_file_of_unknown_origin_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("Dear diary,\nall is well", encoding="utf-8")
    with Output(path) as output, pytest.raises(UsageError, match=r"not a\.jsonl\.settings\.json"):
        output.resume(SETTINGS)
    assert path.read_text(encoding="utf-8") == "Dear diary,\nall is well"


def test_two_may_not_write_at_once(tmp_path: Path) -> None:
    with Output(tmp_path / "a.jsonl"), pytest.raises(UsageError, match="another"):
        Output(tmp_path / "a.jsonl").__enter__()
    start(tmp_path / "a.jsonl")


@pytest.mark.parametrize("name", [".", "missing/a.jsonl"])
def test_a_place_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot write"):
        start(tmp_path / name)


def test_what_was_set_aside_leaves_when_it_is_annotated(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    aside = tmp_path / "a.jsonl.set-aside.jsonl"
    with Output(path) as output:
        output.resume(SETTINGS)
        output.set_aside(Text("1", "x"), ["hm"])
        output.set_aside(Text("2", "y"), [], "400: too long")
    with aside.open("a", encoding="utf-8") as file:
        file.write('{"id": "3", "te')
    with Output(path) as output:
        output.resume(SETTINGS)
        assert list(output.aside) == ["1", "2"]
        output.write(Annotation("1", "x", "neutral", "llm:m"))
        output.tidy()
    [row] = map(json.loads, aside.read_text(encoding="utf-8").splitlines())
    assert row == {"id": "2", "text": "y", "answers": [], "error": "400: too long"}


def test_the_same_id_must_mean_the_same_text(tmp_path: Path) -> None:
    check_same_texts(tmp_path, [WHOLE, TORN], [Text("1", WHOLE.text)])
    with pytest.raises(UsageError, match="id '2'"):
        check_same_texts(tmp_path, [WHOLE, TORN], [Text("2", "something else")])
