"""Citations and licence terms of corpora, for model cards."""

from typing import NamedTuple


class Citation(NamedTuple):
    """A corpus in a model card.

    Attributes:
        title: name and authors.
        terms: licence terms.
        shareable: whether models trained on it may be distributed.
    """

    title: str
    terms: str
    shareable: bool = True


_IEMOCAP = "licence on request from USC, research only; nothing derived from it may be shipped"
_OWN = "the owner's own"

CITATIONS = {
    "iemocap": Citation("IEMOCAP (Busso et al. 2008), four emotions", _IEMOCAP, shareable=False),
    "iemocap6": Citation("IEMOCAP (Busso et al. 2008), six emotions", _IEMOCAP, shareable=False),
    "meld": Citation(
        "MELD (Poria et al. 2019), dialogues from Friends, official splits",
        "research use; published under GPL-3",
    ),
    "mosi": Citation("CMU-MOSI (Zadeh et al. 2016), video monologues", "research use"),
    "msp-podcast": Citation(
        "MSP-PODCAST (Lotfian & Busso 2019)",
        "licence on request from UT Dallas, research only; nothing derived from it may be shipped",
        shareable=False,
    ),
    "ravdess": Citation("RAVDESS speech (Livingstone & Russo 2018), actors 01-20", "CC BY-NC-SA 4.0"),
    "tess": Citation("TESS, Toronto emotional speech set (Pichora-Fuller & Dupuis 2020)", "CC BY-NC-ND 4.0"),
    "savee": Citation("SAVEE (Haq & Jackson 2010), British English acted emotions", "research use"),
    "emodb": Citation("Emo-DB (Burkhardt et al. 2005), German acted emotions", "free for research"),
    "nemo": Citation("nEMO (Christop 2024), Polish acted emotions", "CC BY-NC-SA 4.0"),
    "crema-d": Citation("CREMA-D (Cao et al. 2014), American English acted emotions", "ODbL 1.0"),
    "librispeech": Citation("LibriSpeech (Panayotov et al. 2015), read English", "CC BY 4.0"),
    "voices": Citation(
        "RAVDESS, TESS, SAVEE, Emo-DB, nEMO, CREMA-D and LibriSpeech", "those of each of them"
    ),
    "folder": Citation("recordings and words from a manifest", _OWN),
    "goemotions": Citation("GoEmotions (Demszky et al. 2020), Reddit comments", "CC BY 4.0"),
    "dailydialog": Citation("DailyDialog (Li et al. 2017)", "CC BY-NC-SA 4.0"),
    "empathetic-dialogues": Citation("EmpatheticDialogues (Rashkin et al. 2019)", "CC BY-NC 4.0"),
    "sst": Citation("Stanford Sentiment Treebank (Socher et al. 2013)", "research use"),
}
"""Citations by the corpora's names on the command line."""


def citation(corpus: str) -> Citation:
    """The citation of a corpus; unknown ones, such as a file of texts, are the owner's."""
    return CITATIONS.get(corpus, Citation(corpus, _OWN))
