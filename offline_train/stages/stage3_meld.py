"""Stage III on MELD's dialogues, paired with the sound of RAVDESS."""

from pathlib import Path
from typing import Any

import torch

from models.context_encoder import ContextEncoder
from models.conversation import ConversationModel
from offline_train.batches.sequences import Embedded, Modality
from offline_train.corpora.corpus import Corpus, Split
from offline_train.corpora.meld import LABELS
from offline_train.embeddings.corpus import embed_corpus
from offline_train.pairing import meld_ravdess
from offline_train.pairing.mismatch import share_to_keep
from offline_train.runs.networks import load_context
from offline_train.runs.run import Run
from offline_train.runs.run_corpus import parent
from offline_train.stages.stage3 import FusionStageSettings, train_fusion


def train_on_pairs(
    text: Run, speech: Run, corpus: Corpus, ravdess: Path, settings: FusionStageSettings, run: Run
) -> tuple[ConversationModel, dict[str, Any]]:
    """Train the fusion on pairs in which each modality is as reliable as on its own validation data.

    Args:
        text: Stage II of the text modality.
        speech: Stage II of the speech modality.
        corpus: MELD.
        ravdess: folder of RAVDESS.
        settings: the settings.
        run: the run to write; its metrics include the reliability of each modality on one pairing of the
            training dialogues and on the validation dialogues.
    """
    stage1 = parent(speech, "stage1")
    data = embed_corpus(corpus, parent(text, "stage1"), None)
    clips = meld_ravdess.embed_clips(stage1, ravdess)
    text_context, speech_context = load_context(text), load_context(speech)
    unseen, alone = meld_ravdess.unseen_trust(clips), stage1.metrics["validation"]["weighted_f1"]
    validation: dict[Split, list[Embedded]] = {"validation": data["validation"]}

    def in_dialogues(kept: float) -> float:
        pairs = meld_ravdess.paired(validation, clips, unseen.weaker(kept))["validation"]
        return meld_ravdess.agreement(speech_context, "speech", pairs)

    kept = share_to_keep(in_dialogues, alone)
    pairs = meld_ravdess.paired(data, clips, unseen.weaker(kept))
    shown = meld_ravdess.Mismatching(
        clips["train"].pool,
        meld_ravdess.speech_trust(clips).weaker(kept),
        meld_ravdess.words_by_emotion(data["train"]),
        meld_ravdess.text_trust(text_context, data),
        settings.silent,
    )
    once = [shown.paired(c, torch.Generator().manual_seed(n)) for n, c in enumerate(pairs["train"])]
    contexts: dict[Modality, ContextEncoder] = {"text": text_context, "speech": speech_context}
    matched = meld_ravdess.paired(data, clips)
    trust = {
        name: {
            "training, all matched": meld_ravdess.agreement(context, name, matched["train"]),
            "training, as shown": meld_ravdess.agreement(context, name, once),
            "validation, all matched": meld_ravdess.agreement(context, name, matched["validation"]),
            "validation, as shown": meld_ravdess.agreement(context, name, pairs["validation"]),
        }
        for name, context in contexts.items()
    }
    return train_fusion(
        text_context,
        speech_context,
        pairs,
        LABELS,
        settings,
        run,
        shown,
        extra={"trust": trust, "speech_kept": kept},
    )
