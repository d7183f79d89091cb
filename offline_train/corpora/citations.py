"""Corpora as model cards name them: what they are, and what they may be used for."""

from typing import NamedTuple

from offline_train.corpora import (
    dailydialog,
    empathetic_dialogues,
    goemotions,
    iemocap,
    manifest,
    meld,
    mosi,
    msp_podcast,
    ravdess,
    sst,
)


class Citation(NamedTuple):
    """A corpus in a model card.

    Attributes:
        title: what it is and who made it.
        terms: what it may be used for.
        shareable: whether what was trained on it may be passed on at all.
    """

    title: str
    terms: str
    shareable: bool = True


CITATIONS = {
    "iemocap": Citation("IEMOCAP (Busso et al. 2008), four emotions", iemocap.TERMS, shareable=False),
    "iemocap6": Citation("IEMOCAP (Busso et al. 2008), six emotions", iemocap.TERMS, shareable=False),
    "meld": Citation("MELD (Poria et al. 2019), dialogues from Friends, official splits", meld.TERMS),
    "mosi": Citation("CMU-MOSI (Zadeh et al. 2016), video monologues", mosi.TERMS),
    "msp-podcast": Citation("MSP-PODCAST (Lotfian & Busso 2019)", msp_podcast.TERMS),
    "ravdess": Citation("RAVDESS speech (Livingstone & Russo 2018), actors 01-20", ravdess.TERMS),
    "folder": Citation("recordings and words from a manifest", manifest.TERMS),
    "goemotions": Citation("GoEmotions (Demszky et al. 2020), Reddit comments", goemotions.TERMS),
    "dailydialog": Citation("DailyDialog (Li et al. 2017)", dailydialog.TERMS),
    "empathetic-dialogues": Citation("EmpatheticDialogues (Rashkin et al. 2019)", empathetic_dialogues.TERMS),
    "sst": Citation("Stanford Sentiment Treebank (Socher et al. 2013)", sst.TERMS),
}
"""By the corpora's names on the command line."""


def citation(corpus: str) -> Citation:
    """A corpus by name; one without a name, such as a file of texts, is its owner's."""
    return CITATIONS.get(corpus, Citation(corpus, manifest.TERMS))
