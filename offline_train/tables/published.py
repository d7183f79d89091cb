"""Figures of others, weighted F1 in percent, and where they stand."""

from typing import NamedTuple

CORPORA = {"iemocap": "IEMOCAP (4-way)", "meld": "MELD", "mosi": "CMU-MOSI"}
"""Of the paper, as named on the command line and in tables."""

STAGES = ("audio I", "audio II", "text I", "text II", "fused III")

PAPER = {
    "iemocap": (66.93, 77.95, 69.84, 83.85, 86.48),
    "meld": (47.61, 49.32, 63.81, 65.24, 66.02),
    "mosi": (68.77, 69.43, 85.41, 86.02, 86.81),
}
"""MERITS-L, Table I, by `STAGES`."""

PAPER_JOINT = {"iemocap": 82.91}
"""MERITS-L, Figure 4: Stages II and III trained jointly; on the others "about 2 points lower"."""

PAPER_GUIDANCE = {"iemocap": 8.22, "meld": 5.01, "mosi": 21.9}
"""MERITS-L, section IV-D: what guidance gives text Stage I, percent relative."""

PAPER_AGREEMENT = {"GPT-3.5 Turbo": 52.98, "Llama-3-8b-chat": 50.91, "Mixtral-8x7B-Instruct": 44.98}
"""MERITS-L, section IV-D: agreement with labels from people's valence, percent."""

INTRA_CRF = 68.07
"""Accuracy, IEMOCAP 4-way, leave one session out, on the logits `bigru_att`."""


class Published(NamedTuple):
    """A row of Table II.

    Attributes:
        method: name.
        uses: modalities.
        iemocap: weighted F1, as the next two; None where there is none.
        meld: ...
        mosi: ...
        source: where the figures stand.
    """

    method: str
    uses: str
    iemocap: float | None
    meld: float | None
    mosi: float | None
    source: str


TABLE2 = (
    Published("RoBERTa-large, no context", "text", None, 62.02, None, "COSMIC's README"),
    Published("RoBERTa DialogueRNN", "text", None, 63.61, None, "COSMIC's README"),
    Published("COSMIC", "text", None, 65.21, None, "Ghosal et al., Findings of EMNLP 2020"),
    Published("SMIN", "text, audio", 87.47, None, None, "best on IEMOCAP in MERITS-L, Table II"),
    Published("MERITS-L, text Stage II", "text", 83.85, 65.24, 86.02, "its Table I"),
    Published("MERITS-L", "text, audio", 86.48, 66.02, 86.81, "Dutta & Ganapathy, ICASSP 2025"),
    Published("MERITS-L, reproduced", "text, audio", 83.05, None, None, "independent; its best run: 85.04"),
    Published("MiSTER-E (7B models)", "text, audio", None, 69.5, None, "MiSTER-E, 2026"),
)  # fmt: skip
