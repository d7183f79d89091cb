"""The texts to annotate, from a corpus or a file."""

import json
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from offline_train.annotation.valence import SCALES, Scale, sentiment_of
from offline_train.corpora.corpus import SPLITS, Conversation, Corpus, Sentiment, Split, Utterance
from offline_train.errors import UsageError

CONTEXT_TURNS = 3


@dataclass(frozen=True, slots=True)
class Text:
    """A text to annotate.

    Attributes:
        id: unique among the texts.
        text: the words.
        context: up to `CONTEXT_TURNS` preceding turns, oldest first.
        emotion: its human label, if any.
        sentiment: its human sentiment, if any.
    """

    id: str
    text: str
    context: tuple[str, ...] = ()
    emotion: str | None = None
    sentiment: Sentiment | None = None


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts and their source.

    Attributes:
        source: the corpus and its split, or "texts".
        texts: in order.
        emotions: the corpus' own labels; empty for a file.
        truth: description of the source of the sentiments; None without sentiments.
    """

    source: str
    texts: tuple[Text, ...]
    emotions: tuple[str, ...] = ()
    truth: str | None = None


def corpus_texts(corpus: Corpus, split: Split | None, given: Scale | None = None) -> Texts:
    """The utterances that have words, with the preceding turns.

    Sentiments come from human valence if its scale is known, else they are the corpus' own. Ids are those of
    the utterances if they are unique in the corpus, else prefixed by the conversation and the split.

    Args:
        corpus: a corpus of conversations.
        split: the split; None for all of them.
        given: the scale of the corpus' valence, if it is not in `SCALES`.

    Raises:
        UsageError: there are no such texts, or no valence of that scale.
    """
    scale = given or SCALES.get(corpus.name)
    rows = [
        (part, utterance, context)
        for part in SPLITS
        for conversation in corpus.splits.get(part, ())
        for utterance, context in _with_context(conversation)
    ]
    judged = any(utterance.valence is not None for _, utterance, _ in rows)
    if given is not None and not judged:
        raise UsageError(f"{corpus.name} has no valence, so it needs no scale of it")
    use_valence = scale is not None and judged
    texts = tuple(
        Text(
            id=name,
            text=utterance.text.strip(),
            context=context,
            emotion=utterance.label,
            sentiment=sentiment_of(utterance.valence, scale) if use_valence else utterance.sentiment,
        )
        for name, (part, utterance, context) in zip(corpus.utterance_names(), rows, strict=True)
        if utterance.text and utterance.text.strip() and split in (None, part)
    )
    source = f"{corpus.name}/{split or 'all'}"
    if not texts:
        raise UsageError(
            f"{source} has no texts to annotate; choose another --split, or `transcribe` it first"
        )
    truth = None
    if any(text.sentiment for text in texts):
        own = "the corpus' own sentiments"
        truth = scale.words if use_valence and scale else own
    return Texts(source, texts, corpus.labels, truth)


def file_texts(path: Path) -> Texts:
    """Read a text per line, or JSON Lines of objects with "text" and optionally "id" and "context".

    The context is a list of texts. The default id is the number of the line; lines without words are skipped.

    Raises:
        UsageError: the file can't be read, or a line is invalid.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            lines = [(number, line.strip()) for number, line in enumerate(file, start=1)]
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8: {error}") from error
    lines = [(number, line) for number, line in lines if line]
    as_json = path.suffix in {".jsonl", ".ndjson"} or bool(lines and _is_text_object(lines[0][1]))
    texts = tuple(_from_json(path, lines) if as_json else (Text(str(n), line) for n, line in lines))
    if not texts:
        raise UsageError(f"{path} has no texts")
    [(name, count)] = Counter(text.id for text in texts).most_common(1)
    if count > 1:
        raise UsageError(f"{path}: {count} texts have the id {name!r}; ids must be unique")
    return Texts("texts", texts)


def _with_context(conversation: Conversation) -> Iterator[tuple[Utterance, tuple[str, ...]]]:
    before: deque[str] = deque(maxlen=CONTEXT_TURNS)
    for utterance in conversation.utterances:
        yield utterance, tuple(before)
        if utterance.text and utterance.text.strip():
            before.append(utterance.text.strip())


def _is_text_object(line: str) -> bool:
    try:
        row = json.loads(line)
    except ValueError:
        return False
    return isinstance(row, dict) and "text" in row


def _from_json(path: Path, lines: list[tuple[int, str]]) -> Iterator[Text]:
    for number, line in lines:
        try:
            row = json.loads(line)
            text, context = row["text"] or "", row.get("context") or []
            if not isinstance(context, list):
                raise TypeError("the context must be a list")
            "".join([text, *context]).encode()  # raises unless all are strings of valid Unicode
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UsageError(
                f'{path} line {number} is no object like {{"id": "1", "text": "..."}}: {error!r}'
            ) from error
        if text.strip():
            yield Text(str(row.get("id", number)), text.strip(), tuple(context[-CONTEXT_TURNS:]))
