"""Embeds conversations by Stage I of the text modality, once."""

import hashlib
from collections.abc import Sequence

from rich.console import Console
from rich.status import Status
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.atomic_write import replacing
from models.text_encoder import TextConfig
from offline_train.corpora.corpus import Conversation, preceding
from offline_train.runs.networks import load_text_encoder
from offline_train.runs.run import Run


def embed_text(run: Run, conversations: Sequence[Conversation]) -> Tensor:
    """T1 [N, D] of all utterances, in order (see `judge_text`)."""
    return judge_text(run, conversations)[0]


def judge_text(run: Run, conversations: Sequence[Conversation]) -> tuple[Tensor, Tensor]:
    """T1 [N, D] and Stage I logits [N, C] of all utterances, in order.

    Results are cached in the run's folder.
    """
    texts = [utterance.text or "" for c in conversations for utterance in c.utterances]
    contexts = preceding(conversations, TextConfig(**run.config["text"]).context_turns)
    path = run.folder / "embeddings" / f"{_digest(texts, contexts)}.safetensors"
    if path.exists():
        kept = load_file(path)
        return kept["t1"], kept["logits"]
    with reading(len(texts)):
        t1, logits = load_text_encoder(run).embed(texts, contexts)
    path.parent.mkdir(exist_ok=True)
    with replacing(path) as partial:
        save_file({"t1": t1, "logits": logits}, partial)
    return t1, logits


def reading(count: int) -> Status:
    """Shows on a terminal's stderr that utterances are being read."""
    return Console(stderr=True).status(f"reading {count} utterances")


def _digest(texts: Sequence[str], contexts: Sequence[Sequence[str]]) -> str:
    said = "\0".join([*texts, "", *("\1".join(context) for context in contexts)])
    return hashlib.sha256(said.encode()).hexdigest()[:20]
