"""Restores the original form of tokenised text."""

import re

_RULES = [
    (re.compile(pattern), replacement)
    for pattern, replacement in [
        # the Penn Treebank's replacements of characters
        (r"``|''", '"'),
        (r"-lrb-|-LRB-", "("),
        (r"-rrb-|-RRB-", ")"),
        (r"\\([/*])", r"\1"),
        (r"(^|\s)` ", r"\1'"),
        # contractions
        (r" n't\b", "n't"),
        (r"(?<=\w) ?(['’]) ?(?=(?i:s|m|re|ve|ll|d|t)\b)", r"\1"),
        (r" '(?=\s|$)", "'"),
        # quotations, brackets, amounts
        (r'" ([^"]*?) ?"(?=\W|$)', r'"\1"'),
        (r"([(\[“$£¥#]) ", r"\1"),
        # punctuation that follows a word without a space
        (r" +([.,!?;:%)\]”…]+)(?=\s|$|[\"'”’)\]])", r"\1"),
        # a space that is missing where a sentence ends: "far.Can"
        (r"([a-z][.?!,])([A-Z])", r"\1 \2"),
        (r"\s+", " "),
    ]
]


def detokenize(text: str) -> str:
    """Undo the tokenisation of Penn-Treebank-like text: "do n't , he 's" becomes "don't, he's"."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text.strip()
