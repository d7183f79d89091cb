"""The prompt for LLMs, and the parsing of answers (MERITS-L, section III-A)."""

import string
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from offline_train.corpora.corpus import Sentiment
from offline_train.errors import UsageError

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam

SLOT = "[sentence]"
PAPER_PROMPT = (
    "You are a sentiment classification bot. Given the [sentence], classify as positive, negative or neutral"
    " sentiment. Please give the sentiment and no extra text as output."
)
SENTIMENTS: tuple[Sentiment, ...] = ("negative", "neutral", "positive")
EXAMPLES: tuple[tuple[str, Sentiment], ...] = (
    ("This is wonderful, I am so happy for you!", "positive"),
    ("I hate waiting here, it ruined my whole day.", "negative"),
    ("The meeting starts at three in room four.", "neutral"),
)
"""Of our own; neutral comes last, since a small model may repeat the last label where it is at a loss."""

_QUOTES = "\"'`“”‘’„«»"


def read_prompt(path: Path) -> str:
    """Read a prompt from a file; trailing newlines are removed.

    Raises:
        UsageError: it can't be read, or lacks the placeholder.
    """
    try:
        prompt = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the prompt {path}: {error}") from error
    if SLOT not in prompt:
        raise UsageError(f"the prompt {path} has no {SLOT}: write it where the text belongs")
    return prompt


def fill(prompt: str, text: str) -> str:
    """The prompt with the text in place of the placeholder."""
    return prompt.replace(SLOT, text)


def chat(
    prompt: str, text: str, examples: Sequence[tuple[str, Sentiment]] = ()
) -> list["ChatCompletionMessageParam"]:
    """The messages that ask for a label, after examples of texts that were asked and answered before."""
    messages: list[ChatCompletionMessageParam] = []
    for example, label in examples:
        messages += [
            {"role": "user", "content": fill(prompt, example)},
            {"role": "assistant", "content": label},
        ]
    return [*messages, {"role": "user", "content": fill(prompt, text)}]


def parse_label(answer: str) -> Sentiment | None:
    """The sentiment in an answer of one word, ignoring case, white space, quotes and final punctuation."""
    bare = answer.lstrip(string.whitespace + _QUOTES)
    bare = bare.rstrip(string.whitespace + string.punctuation + _QUOTES + "。…！").lower()
    return next((sentiment for sentiment in SENTIMENTS if sentiment == bare), None)
