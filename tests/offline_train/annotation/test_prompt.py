"""What is asked, and what counts as an answer."""

from pathlib import Path

import pytest

from offline_train.annotation.prompt import PAPER_PROMPT, fill, parse_label, read_prompt
from offline_train.errors import UsageError


def test_the_prompt_is_the_papers() -> None:
    assert fill(PAPER_PROMPT, "I can't [sentence] it!") == (
        "You are a sentiment classification bot. Given the I can't [sentence] it!, classify as positive,"
        " negative or neutral sentiment. Please give the sentiment and no extra text as output."
    )


@pytest.mark.parametrize(
    "answer",
    [
        "positive",
        "Positive",
        " POSITIVE\n",
        "positive.",
        "'Positive'.",
        '"positive!"',
        "“positive”",
        "`positive`",
    ],
)
def test_case_space_quotes_and_final_punctuation_do_not_count(answer: str) -> None:
    assert parse_label(answer) == "positive"


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "...",
        "I think it is quite positive!",
        "positive or neutral",
        "pos",
        "Sentiment: positive",
        "1",
        "positiv",
    ],
)
def test_anything_else_is_no_label(answer: str) -> None:
    assert parse_label(answer) is None


def test_a_prompt_file_needs_a_place_for_the_sentence(tmp_path: Path) -> None:
    path = tmp_path / "prompt.txt"
    path.write_text("Mood of «[sentence]»?\n", encoding="utf-8")
    assert fill(read_prompt(path), "ok") == "Mood of «ok»?"
    path.write_text("Mood of {}?", encoding="utf-8")
    with pytest.raises(UsageError, match=r"\[sentence\]"):
        read_prompt(path)
    with pytest.raises(UsageError, match="cannot read"):
        read_prompt(tmp_path)
