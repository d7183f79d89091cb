"""A finished hierarchy of runs -> a bundle with its model card."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from torch import nn

from models.bundle import SENTIMENTS, Manifest, load_bundle, save_bundle
from models.care import CareConfig, SpeechConfig
from models.coattention import CoAttention, CoAttentionConfig
from models.conversation import ConversationConfig, ConversationModel
from offline_train.card import model_card
from offline_train.corpora.meld import LABELS, read_meld
from offline_train.dialogues import load_context, load_speech_encoder, load_text_encoder
from offline_train.errors import RunError
from offline_train.evaluate import evaluate
from offline_train.run import Run

WINDOW = 32


def export_bundle(
    fusion: Path, name: str, version: int, meld: Path, out: Path, folds: Path | None, command: str
) -> int:
    """Gather the weights of all stages, judge the bundle as it is stored, and write its card.

    It is written twice: once to be loaded and judged in its stored precision, then with what that gave.

    Args:
        fusion: run of Stage III; the runs it was built on are found from it.
        name: of the bundle.
        version: of the bundle.
        meld: folder of MELD, whose validation and test splits the bundle is judged on.
        out: folder of the bundle.
        folds: run of the cross-validation of Stage I of the sound.
        command: the line that asked for this.

    Returns:
        Size of the bundle in bytes.

    Raises:
        RunError: a stage is missing or unfinished.
    """
    runs = _hierarchy(Run(fusion))
    text, (care, speech) = load_text_encoder(runs["text1"]), load_speech_encoder(runs["speech1"])
    fusion_config = CoAttentionConfig(**runs["fusion"].config["fusion"])
    text2, speech2 = load_context(runs["text2"]), load_context(runs["speech2"])
    conversation = ConversationModel(ConversationConfig(text2.config, speech2.config, fusion_config))
    conversation.text, conversation.speech = text2, speech2
    conversation.fusion = CoAttention(fusion_config)
    runs["fusion"].load_weights(conversation.fusion)
    metrics: dict[str, Any] = {stage: run.metrics for stage, run in runs.items()}
    if folds is not None:
        metrics["speech_folds"] = Run(folds).metrics
    manifest = Manifest(
        name=name,
        version=version,
        labels=LABELS,
        sentiment=_sentiment(meld),
        text=text.config,
        base_sha256=runs["text1"].config["base_sha256"],
        care=CareConfig(**runs["speech1"].config["care"]),
        speech=SpeechConfig(**runs["speech1"].config["speech"]),
        conversation=conversation.config,
        window=WINDOW,
        training={
            "commands": [*(run.command for run in runs.values()), command],
            "settings": {stage: run.settings["settings"] for stage, run in runs.items()},
        },
        metrics=metrics,
    )
    parts: dict[str, nn.Module] = {"text": text, "care": care, "speech": speech, "conversation": conversation}
    save_bundle(out, manifest, parts, card="")
    stored = load_bundle(out)
    for split in ("validation", "test"):
        metrics[f"bundle_{split}"], _ = evaluate(stored, read_meld(meld, split), WINDOW)
    manifest = manifest.model_copy(update={"metrics": json.loads(json.dumps(metrics))})
    save_bundle(out, manifest, parts, card=model_card(manifest))
    return sum(path.stat().st_size for path in out.iterdir())


def _hierarchy(fusion: Run) -> dict[str, Run]:
    """All runs by stage, in the order they were made."""
    text2, speech2 = (Run(Path(fusion.settings["parents"][modality])) for modality in ("text", "speech"))
    runs = {
        "text1": Run(Path(text2.settings["parents"]["stage1"])),
        "speech1": Run(Path(speech2.settings["parents"]["stage1"])),
        "text2": text2,
        "speech2": speech2,
        "fusion": fusion,
    }
    if unfinished := [str(run.folder) for run in runs.values() if not run.finished]:
        raise RunError(f"not finished: {', '.join(unfinished)}; run the same commands again")
    return runs


def _sentiment(meld: Path) -> dict[str, Any]:
    """How often each emotion goes with each sentiment in MELD's training split."""
    utterances = [u for c in read_meld(meld, "train") for u in c.utterances]
    pairs = Counter((u.label, u.sentiment) for u in utterances)
    totals = Counter(u.label for u in utterances)
    return {
        label: {sentiment: pairs[label, sentiment] / totals[label] for sentiment in SENTIMENTS}
        for label in LABELS
    }
