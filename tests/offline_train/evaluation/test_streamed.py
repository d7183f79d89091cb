from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from models.coattention import CoAttentionConfig
from models.context_encoder import ContextConfig, ContextEncoder
from models.conversation import ConversationConfig, ConversationModel
from offline_train.batches.sequences import UNSCORED, Embedded
from offline_train.evaluation import streamed
from offline_train.evaluation.judge import judge_context, newest
from offline_train.evaluation.streamed import look_ahead, offline, one_modality, only, stream, windowed

CLASSES = 3


@pytest.fixture(scope="module")
def model() -> ConversationModel:
    torch.manual_seed(0)
    text = ContextConfig(6, hidden=4, layers=2, heads=2, classes=CLASSES)
    speech = ContextConfig(5, hidden=4, heads=2, classes=CLASSES)
    return ConversationModel(
        ConversationConfig(text, speech, CoAttentionConfig(8, 8, width=8, heads=2, classes=CLASSES))
    ).eval()


def conversation(turns: int, seed: int = 0, unscored: Sequence[int] = ()) -> Embedded:
    chance = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (turns,), generator=chance)
    labels[list(unscored)] = UNSCORED
    return Embedded(
        torch.randn(turns, 6, generator=chance),
        torch.randn(turns, 5, generator=chance),
        torch.rand(turns, 2, generator=chance) > 0.2,
        labels,
    )


def close(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("at_once", [1, 200, 4_000_000])
def test_look_ahead_reads_no_further_than_it_says(
    model: ConversationModel, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streamed, "_AT_ONCE", at_once)
    said = conversation(9)
    judged = look_ahead(model, said, (0, 2, 20))
    close(judged[0].fused, newest(model, said))
    whole = offline(model, said)
    for one, other in zip(judged[20], whole, strict=True):
        close(one, other)
    for turn in range(9):
        known = offline(model, said.prefix(min(turn + 3, 9)))
        for one, other in zip(judged[2], known, strict=True):
            close(one[turn], other[turn])


def test_a_window_that_all_fits_in_says_what_the_offline_model_does(model: ConversationModel) -> None:
    said = conversation(7, seed=1)
    for size in (7, 32):
        found = windowed(model, said, size)
        close(found.first_emission, newest(model, said))
        close(found.final, offline(model, said).fused)


def test_a_small_window_forgets(model: ConversationModel) -> None:
    said = conversation(12, seed=2)
    narrow, wide = windowed(model, said, 2), windowed(model, said, 12)
    close(narrow.first_emission[:2], wide.first_emission[:2])
    assert not torch.allclose(narrow.first_emission[2:], wide.first_emission[2:], atol=1e-4)
    # The window of one turn has no future to revise anything by.
    alone = windowed(model, said, 1)
    close(alone.first_emission, alone.final)


@pytest.mark.slow
def test_only_scored_turns_count_and_all_turns_are_context(model: ConversationModel) -> None:
    data = [
        conversation(5, 3, [0, 4]),
        conversation(40, 4),
        conversation(3, 5, [0, 1, 2]),
        conversation(1, 6),
    ]
    found = stream(model, data, [4, 32])
    scored = torch.cat([c.labels != UNSCORED for c in data])
    assert found.truth.tolist() == [label for c in data for label in c.labels.tolist() if label != UNSCORED]
    close(found.offline.fused, torch.cat([offline(model, c).fused for c in data])[scored])
    close(found.look_ahead[1].text, torch.cat([look_ahead(model, c)[1].text for c in data])[scored])
    for size in (4, 32):
        each = [windowed(model, c, size) for c in data]
        close(found.windows[size].first_emission, torch.cat([w.first_emission for w in each])[scored])
        close(found.windows[size].final, torch.cat([w.final for w in each])[scored])


@pytest.mark.parametrize("modality", ["text", "speech"])
def test_one_modality_alone(modality: str) -> None:
    torch.manual_seed(1)
    context = ContextEncoder(
        ContextConfig({"text": 6, "speech": 5}[modality], hidden=4, heads=2, classes=CLASSES)
    )
    context.eval()
    data = [conversation(6, seed) for seed in range(4)]
    found = stream(one_modality(context), [only(modality, c) for c in data])  # type: ignore[arg-type]
    for emission, logits in ((False, found.offline), (True, found.look_ahead[0])):
        report = judge_context(context, modality, data, "abc", first_emission=emission)  # type: ignore[arg-type]
        right = (logits.fused.argmax(1) == found.truth).double().mean()
        assert 100 * float(right) == pytest.approx(report["accuracy"])
