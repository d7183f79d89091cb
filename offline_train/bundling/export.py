"""Exports the runs of all stages as a bundle with its model card."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from models.bundle import CARD, MANIFEST, WEIGHTS, load_bundle, save_bundle
from models.care import CareConfig
from models.conversation import ConversationModel
from models.manifest import Manifest
from models.speech_classifier import SpeechConfig
from offline_train.bundling.model_card import model_card
from offline_train.bundling.sentiments import sentiments
from offline_train.corpora.corpus import SPLITS, Corpus
from offline_train.errors import UsageError
from offline_train.evaluation.evaluate import evaluate, scored_part, temperature_on
from offline_train.evaluation.streamed import one_modality
from offline_train.evaluation.target import WINDOW, bundle_target, corpus_of_run, labels_of
from offline_train.runs.kinds import Kind, kind_of
from offline_train.runs.lineage import history, lineage
from offline_train.runs.networks import (
    load_context,
    load_conversation,
    load_speech_encoder,
    load_text_encoder,
)
from offline_train.runs.run import Run


@dataclass(frozen=True)
class Exported:
    """The result of an export.

    Attributes:
        size: size of the bundle in bytes.
        notes: notes for the user, one line each.
    """

    size: int
    notes: tuple[str, ...]


def export_bundle(
    run: Run, data: Path | None, name: str, version: int, out: Path, folds: Run | None, command: str
) -> Exported:
    """Collect the weights of all stages, evaluate the bundle as stored, and write it with its model card.

    A fusion trained on recordings gives a bundle with a speech path. A fusion trained on precomputed
    features, which live sound does not have, and Stage II of the text modality give a bundle that uses the
    words alone.

    Args:
        run: a run of Stage III, or of Stage II of the text modality.
        data: folder of its corpus, for the evaluation on the validation and test splits; None for the folder
            that the run was trained on.
        name: name of the bundle.
        version: version of the bundle.
        out: folder of the bundle; created when the bundle is complete.
        folds: run of the cross-validation of Stage I of the speech modality, for the model card.
        command: the command line of this export.

    Raises:
        RunFolderError: a stage is missing or unfinished.
        UsageError: the run is of another stage, or `out` holds something else.
        CorpusError: the corpus is missing or broken.
    """
    _check_free(out)
    runs = lineage(run, _stage(run))
    labels = labels_of(run)
    source = corpus_of_run(run)
    corpus = (source if data is None else replace(source, data=data)).read()
    parts, notes = _networks(runs)
    conversation = parts["conversation"]
    assert isinstance(conversation, ConversationModel)
    hears = "speech" in parts
    metrics: dict[str, Any] = {stage: each.metrics for stage, each in runs.items()}
    if folds is not None:
        metrics["speech_folds"] = folds.metrics
    training = history(runs)
    training["commands"].append(command)
    training["corpus"] = corpus.name
    training["spoken_by_actors"] = bool(run.settings.get("clips"))
    manifest = Manifest(
        name=name,
        version=version,
        labels=labels,
        sentiment=sentiments(corpus, labels),
        text=parts["text"].config,
        base_sha256=runs["text1"].config["base_sha256"],
        care=CareConfig(**runs["speech1"].config["care"]) if hears else None,
        speech=SpeechConfig(**runs["speech1"].config["speech"]) if hears else None,
        conversation=conversation.config,
        window=WINDOW,
        training=training,
        metrics={},
    )
    temperature, judged = _judge(manifest, parts, corpus, run, runs.get("speech1"))
    metrics |= judged
    update = {"temperature": temperature, "metrics": json.loads(json.dumps(metrics))}
    manifest = manifest.model_copy(update=update)
    save_bundle(out, manifest, parts, card=model_card(manifest))
    if not training["shareable"]:
        private = [f"{each['title']}: {each['terms']}" for each in training["data"] if not each["shareable"]]
        notes.append(f"this bundle is not to be shared; it was made from {'; '.join(private)}")
    return Exported(sum(path.stat().st_size for path in out.iterdir()), tuple(notes))


def _check_free(out: Path) -> None:
    """Check that `out` is free, or holds a bundle, perhaps incomplete after a kill."""
    own = {name + ending for name in (MANIFEST, WEIGHTS, CARD) for ending in ("", ".partial")}
    if out.exists() and (not out.is_dir() or {path.name for path in out.iterdir()} - own):
        raise UsageError(f"{out} holds something else than a bundle: choose a new folder for --out")


def _stage(run: Run) -> Kind:
    """The name in `lineage` of a run that can be exported."""
    kind = kind_of(run)
    if kind in ("fusion", "text2"):
        return kind
    raise UsageError(f"{run.folder} is neither a run of stage3 nor of `stage2 text`: export one of those")


def _networks(runs: Mapping[str, Run]) -> tuple[dict[str, Any], list[str]]:
    """The parts of a bundle, and notes for the user."""
    text = load_text_encoder(runs["text1"])
    if "fusion" in runs and "care" in runs["speech1"].config:
        care, speech = load_speech_encoder(runs["speech1"])
        conversation = load_conversation(runs["fusion"])
        return {"text": text, "care": care, "speech": speech, "conversation": conversation}, []
    why = (
        "its sound came as prepared features, which no live sound has"
        if "fusion" in runs
        else "it comes from Stage II of the words"
    )
    model = one_modality(load_context(runs["text2"]))
    return {"text": text, "conversation": model}, [f"the bundle judges by the words alone: {why}"]


def _judge(
    manifest: Manifest, parts: Mapping[str, nn.Module], corpus: Corpus, run: Run, heard: Run | None
) -> tuple[float, dict[str, Any]]:
    """Save and load the bundle temporarily, fit its temperature, and evaluate it on validation and test.

    Dialogues are spoken by the actors of `run`; what was computed of these is cached in the run `heard`.
    """
    clips = run.settings.get("clips")
    with tempfile.TemporaryDirectory(prefix="merits-") as folder:
        save_bundle(Path(folder), manifest, parts, card="")
        target = bundle_target(
            load_bundle(folder), Path(clips) if clips else None, heard.folder if heard else None
        )
    temperature = temperature_on(target, corpus.splits["validation"])
    reports = {}
    for split in SPLITS[1:]:
        if any(utterance.label for c in corpus.splits[split] for utterance in c.utterances):
            conversations = scored_part(corpus, split, target)
            report, _ = evaluate(target, conversations, split, manifest.window, temperature)
            reports[f"bundle_{split}"] = report
    return temperature or 1.0, reports
