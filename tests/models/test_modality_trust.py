"""Evidence of a turn's modalities, and what Stage III makes of it."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from models.evidence import evidence_of
from models.modality_trust import ModalityTrust


@given(st.none() | st.floats(0, 1), st.floats(0, 1e5))
def test_evidence_is_above_none_and_at_most_certain(confidence: float | None, seconds: float) -> None:
    words, sound = evidence_of(confidence, seconds)
    assert 0 < words <= 1
    assert 0 < sound <= 1
    assert words == 1 or confidence is not None


def test_longer_turns_and_surer_words_are_worth_more() -> None:
    assert evidence_of(0.5, 1.0)[0] < evidence_of(0.9, 1.0)[0] < evidence_of(None, 1.0)[0]
    assert evidence_of(None, 0.3)[1] < evidence_of(None, 1.0)[1] == 0.5 < evidence_of(None, 20.0)[1]


def test_untrained_it_believes_both_and_never_what_is_absent() -> None:
    evidence = torch.tensor([[[1, 0.5], [0.3, 0], [0, 0.2], [0, 0]]])
    weights = ModalityTrust()(torch.randn(1, 4, 7), torch.full((1, 4, 7), 1e4), evidence)
    torch.testing.assert_close(weights, (evidence > 0).float())


def test_it_learns_to_disbelieve_words_that_were_guessed() -> None:
    torch.manual_seed(0)
    trust, classes = ModalityTrust(), 4
    optimiser = torch.optim.Adam(trust.parameters(), 0.02)

    def turns() -> tuple[torch.Tensor, ...]:
        truth = torch.randint(classes, (1, 512))
        guessed = torch.rand(1, 512) < 0.5
        words = torch.where(guessed, torch.randint(classes, (1, 512)), truth)
        voice = torch.where(torch.rand(1, 512) < 0.7, truth, torch.randint(classes, (1, 512)))
        logits = (4.0 * torch.nn.functional.one_hot(each, classes) for each in (words, voice))
        evidence = torch.stack([torch.where(guessed, 0.2, 0.9), torch.full((1, 512), 0.8)], -1)
        return *logits, evidence, truth, guessed

    for _ in range(150):
        text, speech, evidence, truth, _ = turns()
        weights = trust(text, speech, evidence)
        fused = text * weights[..., :1] + speech * weights[..., 1:]
        loss = torch.nn.functional.cross_entropy(fused[0], truth[0])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    text, speech, evidence, _, guessed = turns()
    weights = trust(text, speech, evidence)[..., 0]
    assert weights[guessed].mean() < 0.5 * weights[~guessed].mean()
