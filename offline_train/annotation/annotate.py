"""Runs an annotator on the texts that are missing from the output."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from offline_train.annotation.base import Annotator
from offline_train.annotation.output import Output, check_same_texts
from offline_train.annotation.texts import Text


def annotate(
    annotator: Annotator, texts: Sequence[Text], source: str, output: Output, *, retry_set_aside: bool = False
) -> dict[str, Any]:
    """Annotate texts that are neither annotated nor set aside yet.

    Args:
        annotator: labels the texts.
        texts: all texts wanted in the output.
        source: source of the texts; an output of another source is refused.
        output: the file to write.
        retry_set_aside: whether to try texts again that were set aside.

    Returns:
        Summary of the output: annotator, texts, annotated, set_aside and labels (number of each).

    Raises:
        UsageError: the output is of another annotator or other texts, or the annotator is set up wrongly.
        EndpointError: the endpoint failed.
        OSError: the output can't be written.
    """
    output.resume({**annotator.settings, "source": source})
    check_same_texts(output.path, output.done.values(), texts)
    known = output.done.keys() | (set() if retry_set_aside else output.aside.keys())
    pending = [text for text in texts if text.id not in known]
    output.start(len(texts), len(pending))
    if pending:
        annotator.annotate(pending, output)
    output.tidy()
    labels = Counter(output.done[text.id].label for text in texts if text.id in output.done)
    return {
        "annotator": annotator.name,
        "texts": len(texts),
        "annotated": labels.total(),
        "set_aside": sum(text.id in output.aside for text in texts),
        "labels": dict(sorted(labels.items())),
    }
